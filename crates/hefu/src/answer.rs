//! From a prompt's tokens to streamed text: the engine's steps with the text's two ends, characters and stop strings.

use crate::cli::SamplingArguments;
use crate::cli::in_flags;
use crate::failure::Failure;
use crate::fingerprint::hex;
use crate::load::Loaded;
use crate::speculation::Speculator;
use crate::units::rate;
use hefu_engine::Runner;
use hefu_engine::constraint::Constraint;
use hefu_engine::forward::Session;
use hefu_engine::generation::{Error, Finish, Generation, Request, Step};
use hefu_engine::sampling::{Breakers, Choice, Parameters};
use hefu_engine::stop::StopMatcher;
use hefu_text::tokenizer::{Detokenizer, Position, Special, Tokenizer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

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
    pub(crate) finish: Option<Finish>,
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
    let vocabulary = loaded.model.config().vocabulary;
    parameters.validate_tokens(vocabulary).map_err(|error| Failure::Usage(in_flags(&error)))?;
    Ok(parameters)
}

/// Answers, handing out text as soon as it is certain to be part of the answer.
///
/// # Errors
/// A prompt that does not fit, what the model reports, or what `show` returns.
pub(crate) fn answer(
    loaded: &Loaded,
    session: &mut Session<Runner<'_>>,
    speculator: &mut Speculator<'_>,
    question: Question<'_>,
    show: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let mut stream = Stream::new(&loaded.tokenizer, question.stops)?;
    let mut answer = Answer::empty(question.prompt.len());
    let mut hasher = question.hash_logits.then(Sha256::new);
    let request = Request {
        prompt: question.prompt,
        parameters: question.parameters,
        end_tokens: loaded.tokenizer.vocabulary().ends.iter().copied().collect::<BTreeSet<u32>>(),
        max_tokens: question.max_tokens,
        prefill_chunk: question.prefill_chunk,
        all_logits: question.hash_logits,
    };
    let started = Instant::now();
    let mut generation = Generation::start_constrained(session, request, question.constraint).map_err(failure)?;
    answer.reused_tokens = generation.reused();
    speculator.gauge.reset_counts();
    if let Some(drafter) = &mut speculator.drafter {
        generation = generation.speculating(drafter.as_mut(), &mut speculator.gauge);
    }
    loop {
        if question.cancelled.load(Ordering::Relaxed) {
            answer.finish_reason = "cancelled";
            break;
        }
        let before = Instant::now();
        let step = generation.step().map_err(failure)?;
        generation.took(before.elapsed().as_secs_f64());
        let is_first = matches!(step, Step::Token(_)) && answer.choices.is_empty();
        match (&mut hasher, &step) {
            // The logits of the first token are those of the prompt's last.
            (Some(hasher), Step::Prefill { .. } | Step::Token(_)) if !is_first => hash(&mut generation, hasher)?,
            _ => {}
        }
        match step {
            Step::Prefill { .. } => {}
            Step::Token(choice) => {
                let id = choice.id;
                answer.choices.push(choice);
                answer.time(started, is_first);
                if stream.push(id, &mut answer.text, show)? {
                    answer.finish_reason = "stop";
                    break;
                }
            }
            Step::Finished(finish) => {
                answer.finish = Some(finish);
                let is_whole = matches!(finish, Finish::EndToken | Finish::Complete);
                answer.finish_reason = if is_whole { "stop" } else { "length" };
                break;
            }
        }
    }
    stream.finish(&mut answer.text, show)?;
    answer.logits_hash = hasher.map(|hasher| hex(&hasher.finalize()));
    Ok(answer)
}

fn hash(generation: &mut Generation<'_, Runner<'_>>, hasher: &mut Sha256) -> Result<(), Failure> {
    let rows = generation.rows();
    for first in (0..rows).step_by(HASHED_AT_ONCE) {
        let logits = generation.logits(first..rows.min(first + HASHED_AT_ONCE)).map_err(failure)?;
        logits.iter().for_each(|logit| hasher.update(logit.to_le_bytes()));
    }
    Ok(())
}

fn failure(error: Error<hefu_model::Error>) -> Failure {
    match error {
        Error::PromptTooLong { .. } => Failure::Other(format!("{error} with --context")),
        Error::Sampling(error) => Failure::Other(in_flags(&error)),
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
