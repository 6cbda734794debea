//! From a prompt's tokens to streamed text: the engine's steps with the text's two ends, characters and stop strings.

use crate::failure::Failure;
use crate::flags::{SamplingArguments, in_flags};
use crate::load::Loaded;
use crate::speculation::Guessed;
use crate::units::{hex, rate};
use hefu_engine::constraint::Constraint;
use hefu_engine::sampling::{Breakers, Choice, Parameters};
use hefu_engine::scheduler::{Event, Failure as Broken, Job, Paged, Refusal, Scheduler};
use hefu_engine::stop::StopMatcher;
use hefu_engine::{FinishReason, Request, RequestError};
use hefu_text::tokenizer::{Detokenizer, Position, Special, Tokenizer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Rows of logits that are hashed at once.
const HASHED_AT_ONCE: usize = 16;

/// What to answer and how.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The prompt's tokens.
    pub(crate) prompt: Vec<u32>,
    /// How tokens are chosen.
    pub(crate) parameters: Parameters,
    /// Strings that end the answer and are not part of it.
    pub(crate) stops: &'a [String],
    /// What the answer must look like.
    pub(crate) constraint: Option<Box<dyn Constraint>>,
    /// Most tokens of the answer.
    pub(crate) max_tokens: Option<usize>,
    /// Tokens of the prompt per forward pass.
    pub(crate) prefill_chunk: usize,
    /// Compute and hash the logits of every position.
    pub(crate) hash_logits: bool,
    /// Once true, the answer ends before its next step.
    pub(crate) cancelled: &'a AtomicBool,
}

/// An answer and how it came about.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its text, without stop string and special tokens.
    pub(crate) text: String,
    /// Every token that was chosen, the end token included.
    pub(crate) choices: Vec<Choice>,
    /// `stop` (an end token, a stop string, or nothing may follow), `length` (as many tokens as asked for, or the context is full) or
    /// `cancelled`.
    pub(crate) finish_reason: &'static str,
    /// The same as the engine says it; `None` where a stop string or a person ended the answer.
    pub(crate) finish: Option<FinishReason>,
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: usize,
    /// Tokens of the prompt that were in the cache already.
    pub(crate) reused_tokens: usize,
    /// Seconds from the first token of the prompt to the choice of the first token of the answer.
    pub(crate) prefill_seconds: f64,
    /// Seconds from there to the last token of the answer.
    pub(crate) decode_seconds: f64,
    /// SHA-256 over the logits of every position, in order, as little-endian binary32.
    pub(crate) logits_hash: Option<String>,
    /// Tokens that were guessed.
    pub(crate) guessed: Guessed,
}

/// Settings from the file's recommendations and the flags; the flags that need a tokeniser are worked out here.
///
/// # Errors
/// [`Failure::Usage`] for a setting out of range or a token that the model does not have.
pub(crate) fn parameters(
    loaded: &Loaded,
    flags: &SamplingArguments,
    logprobs: Option<u32>,
) -> Result<Parameters, Failure> {
    let mut parameters = loaded.recommended.clone();
    flags.apply(&mut parameters, logprobs)?;
    if flags.ignore_eos {
        parameters.ignore_eos = loaded.tokenizer.vocabulary().ends.iter().copied().collect();
    }
    let breakers: Vec<Vec<u32>> =
        flags.dry_breaker.iter().map(|text| loaded.tokenizer.encode(text, Special::Plain)).collect();
    parameters.dry.breakers = Breakers::new(&breakers).map_err(|error| Failure::Usage(in_flags(&error)))?;
    let vocabulary = loaded.model.program.vocabulary;
    parameters.validate_tokens(vocabulary).map_err(|error| Failure::Usage(in_flags(&error)))?;
    Ok(parameters)
}

/// Answers, handing out text as soon as it is certain to be part of the answer.
///
/// # Errors
/// A prompt that does not fit, what the model reports, or what `show` returns.
pub(crate) fn answer(
    loaded: &Loaded,
    scheduler: &mut Scheduler<Paged>,
    question: Question<'_>,
    show: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let stream = Stream::new(&loaded.tokenizer, question.stops)?;
    let answer = Answer::empty(question.prompt.len());
    let request = Request {
        prompt: question.prompt,
        parameters: question.parameters,
        end_tokens: loaded.tokenizer.vocabulary().ends.iter().copied().collect::<BTreeSet<u32>>(),
        max_tokens: question.max_tokens,
        prefill_chunk: question.prefill_chunk,
        all_logits: question.hash_logits,
    };
    let before = scheduler.statistics();
    let started = Instant::now();
    let job = Job { constraint: question.constraint, ..Job::new(request) };
    let key = scheduler.submit(job, Duration::ZERO).map_err(|refusal| refused(&refusal))?;
    let hasher = question.hash_logits.then(Sha256::new);
    let mut drive = Drive { scheduler, stream, answer, hasher, started, show };
    let ended = drive.run(question.cancelled);
    // Whatever ended it, nothing of it is left behind.
    drive.scheduler.cancel(key);
    ended?;
    let Drive { scheduler, stream, mut answer, hasher, show, .. } = drive;
    stream.finish(&mut answer.text, show)?;
    answer.logits_hash = hasher.map(|hasher| hex(&hasher.finalize()));
    answer.guessed = Guessed::since(&before, &scheduler.statistics());
    Ok(answer)
}

/// One answer under way.
struct Drive<'a, 's> {
    scheduler: &'s mut Scheduler<Paged>,
    stream: Stream<'a>,
    answer: Answer,
    hasher: Option<Sha256>,
    started: Instant,
    show: &'s mut dyn FnMut(&str) -> Result<(), Failure>,
}

impl Drive<'_, '_> {
    /// Takes steps until the answer is over.
    fn run(&mut self, cancelled: &AtomicBool) -> Result<(), Failure> {
        loop {
            if cancelled.load(Ordering::Relaxed) {
                self.answer.finish_reason = "cancelled";
                return Ok(());
            }
            let before = Instant::now();
            let updates = self.scheduler.step(self.started.elapsed());
            self.scheduler.record_time(before.elapsed().as_secs_f64());
            for update in updates {
                let is_first = matches!(update.event, Event::Token(_)) && self.answer.choices.is_empty();
                // The logits of the first token are those of the prompt's last.
                if !is_first && let Some(hasher) = &mut self.hasher {
                    hash(self.scheduler, update.rows, hasher)?;
                }
                if self.take(update.event, is_first)? {
                    return Ok(());
                }
            }
        }
    }

    /// Takes an event; true once the answer is over.
    fn take(&mut self, event: Event, is_first: bool) -> Result<bool, Failure> {
        match event {
            Event::Started { reused } => self.answer.reused_tokens = reused,
            Event::Token(choice) => {
                let id = choice.id;
                self.answer.choices.push(choice);
                self.answer.time(self.started, is_first);
                if self.stream.push(id, &mut self.answer.text, self.show)? {
                    self.answer.finish_reason = "stop";
                    return Ok(true);
                }
            }
            Event::Finished(finish) => {
                self.answer.finish = Some(finish);
                let is_whole = matches!(finish, FinishReason::EndToken | FinishReason::Complete);
                self.answer.finish_reason = if is_whole { "stop" } else { "length" };
                return Ok(true);
            }
            Event::Failed(Broken::Sampling(error)) => return Err(Failure::Other(in_flags(&error))),
            Event::Failed(failure) => return Err(Failure::Other(failure.to_string())),
            _ => {}
        }
        Ok(false)
    }
}

fn hash(scheduler: &mut Scheduler<Paged>, rows: Range<usize>, hasher: &mut Sha256) -> Result<(), Failure> {
    for first in rows.clone().step_by(HASHED_AT_ONCE) {
        let logits = scheduler.logits(first..rows.end.min(first + HASHED_AT_ONCE));
        let logits = logits.map_err(|error| Failure::Other(error.to_string()))?;
        logits.iter().for_each(|logit| hasher.update(logit.to_le_bytes()));
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(error @ RequestError::PromptTooLong { .. }) => {
            Failure::Other(format!("{error} with --context"))
        }
        Refusal::Invalid(RequestError::Sampling(error)) => Failure::Other(in_flags(error)),
        other => Failure::Other(other.to_string()),
    }
}

impl Answer {
    fn empty(prompt_tokens: usize) -> Self {
        Self {
            text: String::new(),
            choices: Vec::new(),
            finish_reason: "length",
            finish: None,
            prompt_tokens,
            reused_tokens: 0,
            prefill_seconds: 0.0,
            decode_seconds: 0.0,
            logits_hash: None,
            guessed: Guessed::default(),
        }
    }

    fn time(&mut self, started: Instant, is_first: bool) {
        let elapsed = started.elapsed().as_secs_f64();
        if is_first {
            self.prefill_seconds = elapsed;
        }
        self.decode_seconds = elapsed - self.prefill_seconds;
    }

    /// Tokens of the prompt per second, without those that were in the cache already.
    pub(crate) fn prefill_rate(&self) -> f64 {
        rate(self.prompt_tokens - self.reused_tokens, self.prefill_seconds)
    }

    /// Tokens of the answer per second after the first, which the prefill gives.
    pub(crate) fn decode_rate(&self) -> f64 {
        rate(self.choices.len().saturating_sub(1), self.decode_seconds)
    }

    /// Every token that was chosen, with its log-probability and the likeliest others.
    pub(crate) fn logprobs(&self, tokenizer: &Tokenizer) -> Value {
        let text = |id| String::from_utf8_lossy(tokenizer.token_bytes(id, true)).into_owned();
        let entry = |choice: &Choice| {
            let top = choice.top.iter().map(|(id, logprob)| json!({"id": id, "token": text(*id), "logprob": logprob}));
            json!({
                "id": choice.id,
                "token": text(choice.id),
                "logprob": choice.logprob,
                "top": top.collect::<Vec<_>>(),
            })
        };
        self.choices.iter().map(entry).collect()
    }
}

/// Tokens on their way to text that may be shown.
struct Stream<'a> {
    detokenizer: Detokenizer<&'a Tokenizer>,
    matcher: StopMatcher,
    stopped: bool,
}

impl<'a> Stream<'a> {
    fn new(tokenizer: &'a Tokenizer, stops: &[String]) -> Result<Self, Failure> {
        let matcher = StopMatcher::new(stops).map_err(|error| Failure::Usage(in_flags(&error)))?;
        let detokenizer = Detokenizer::new(tokenizer, Position::Continuation);
        Ok(Self { detokenizer, matcher, stopped: false })
    }

    /// Takes a token; true once a stop string is complete.
    fn push(
        &mut self,
        id: u32,
        text: &mut String,
        show: &mut dyn FnMut(&str) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let piece = self.detokenizer.push(id);
        let progress = self.matcher.push(&piece);
        self.stopped = progress.stop.is_some();
        hand_out(&progress.text, text, show)?;
        Ok(self.stopped)
    }

    /// Hands out what was held back, unless a stop string ended the answer.
    fn finish(mut self, text: &mut String, show: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
        if self.stopped {
            return Ok(());
        }
        let progress = self.matcher.push(&self.detokenizer.finish());
        hand_out(&progress.text, text, show)?;
        if progress.stop.is_none() {
            hand_out(&self.matcher.finish(), text, show)?;
        }
        Ok(())
    }
}

fn hand_out(piece: &str, text: &mut String, show: &mut dyn FnMut(&str) -> Result<(), Failure>) -> Result<(), Failure> {
    text.push_str(piece);
    if piece.is_empty() { Ok(()) } else { show(piece) }
}
