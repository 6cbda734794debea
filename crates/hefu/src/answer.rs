//! One answer at the terminal: steps of the engine until it is over, and what comes of them as text.

use crate::failure::Failure;
use crate::flags::in_flags;
use crate::speculation::Guessed;
use crate::units::{hex, rate};
use hefu_answer::{ChoiceStream, Delta, Prepared, TextModel};
use hefu_engine::constraint::Constraint;
use hefu_engine::sampling::Choice;
use hefu_engine::scheduler::{Event, Failure as Broken, Job, Paged, Refusal, Scheduler};
use hefu_engine::{FinishReason, RequestError};
use hefu_text::tokenizer::Tokenizer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Rows of logits that are hashed at once.
const HASHED_AT_ONCE: usize = 16;

/// An answer to make, worked out.
#[derive(Debug)]
pub(crate) struct Question {
    /// The request, and how its answer is taken apart.
    pub(crate) prepared: Prepared,
    /// Form of the answer.
    pub(crate) constraint: Option<Box<dyn Constraint>>,
}

/// An answer and how it came about.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The prepared request.
    pub(crate) prepared: Prepared,
    /// Its text and its end.
    pub(crate) stream: ChoiceStream,
    /// Every token that was chosen, the end token included.
    pub(crate) choices: Vec<Choice>,
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

/// Answers, handing out text as soon as it is certain to be part of the answer; once `cancelled`, the answer ends before its
/// next step. The logits of every position are hashed where the request asks for all.
///
/// # Errors
/// A prompt that does not fit, what the model reports, or what `show` returns.
pub(crate) fn answer(
    model: &TextModel,
    scheduler: &mut Scheduler<Paged>,
    question: Question,
    cancelled: &AtomicBool,
    show: &mut dyn FnMut(&str) -> Result<(), Failure>,
) -> Result<Answer, Failure> {
    let Question { prepared, constraint } = question;
    let job = Job { constraint, ..Job::new(prepared.request_of(0)) };
    let hasher = prepared.request.all_logits.then(Sha256::new);
    let answer = Answer::new(prepared, model);
    let before = scheduler.statistics();
    let started = Instant::now();
    let key = scheduler.submit(job, Duration::ZERO).map_err(|refusal| refused(&refusal))?;
    let mut drive = Drive { scheduler, answer, hasher, started, show };
    let ended = drive.run(cancelled);
    // Whatever ended it, nothing of it is left behind.
    drive.scheduler.cancel(key);
    ended?;
    let Drive { scheduler, mut answer, hasher, .. } = drive;
    answer.logits_hash = hasher.map(|hasher| hex(&hasher.finalize()));
    answer.guessed = Guessed::since(&before, &scheduler.statistics());
    Ok(answer)
}

/// One answer under way.
struct Drive<'s> {
    scheduler: &'s mut Scheduler<Paged>,
    answer: Answer,
    hasher: Option<Sha256>,
    started: Instant,
    show: &'s mut dyn FnMut(&str) -> Result<(), Failure>,
}

impl Drive<'_> {
    /// Takes steps until the answer is over.
    fn run(&mut self, cancelled: &AtomicBool) -> Result<(), Failure> {
        loop {
            if cancelled.load(Ordering::Relaxed) {
                let deltas = self.answer.stream.finish(FinishReason::Cancelled);
                return self.show(deltas).map(drop);
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
        let deltas = match event {
            Event::Started { reused } => {
                self.answer.reused_tokens = reused;
                return Ok(false);
            }
            Event::Traced(piece) => {
                self.answer.stream.trace.take(&piece);
                return Ok(false);
            }
            Event::Token(choice) => {
                let deltas = self.answer.stream.token(&choice);
                self.answer.choices.push(choice);
                self.answer.time(self.started, is_first);
                deltas
            }
            Event::Finished(finish) => self.answer.stream.finish(finish),
            Event::Failed(Broken::Sampling(error)) => return Err(Failure::Other(in_flags(&error))),
            Event::Failed(failure) => return Err(Failure::Other(failure.to_string())),
            _ => return Ok(false),
        };
        self.show(deltas)
    }

    /// Shows what came; true once the answer is over.
    fn show(&mut self, deltas: Vec<Delta>) -> Result<bool, Failure> {
        for delta in deltas {
            if let Delta::Text(text) = delta {
                (self.show)(&text)?;
            }
        }
        Ok(self.answer.stream.finish.is_some())
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
    /// Nothing of it yet.
    fn new(prepared: Prepared, model: &TextModel) -> Self {
        // No calls are taken out of the text, so none is named.
        let stream = prepared.stream(model, String::new());
        Self {
            prepared,
            stream,
            choices: Vec::new(),
            reused_tokens: 0,
            prefill_seconds: 0.0,
            decode_seconds: 0.0,
            logits_hash: None,
            guessed: Guessed::default(),
        }
    }

    /// Its text, without stop string and special tokens.
    pub(crate) fn text(&self) -> &str {
        &self.stream.written
    }

    /// Tokens of the prompt.
    pub(crate) fn prompt_tokens(&self) -> usize {
        self.prepared.request.prompt.len()
    }

    fn time(&mut self, started: Instant, is_first: bool) {
        let elapsed = started.elapsed().as_secs_f64();
        if is_first {
            self.prefill_seconds = elapsed;
        }
        self.decode_seconds = elapsed - self.prefill_seconds;
    }

    /// Its end in a word: `stop` (an end token, a stop string, or nothing may follow), `length` (as many tokens as
    /// asked for, or the context is full) or `cancelled`.
    pub(crate) fn finish_reason(&self) -> &'static str {
        match self.stream.finish {
            Some(FinishReason::EndToken | FinishReason::Complete | FinishReason::StopString) => "stop",
            Some(FinishReason::MaxTokens | FinishReason::Context | FinishReason::Deadline) => "length",
            Some(FinishReason::Cancelled) | None => "cancelled",
        }
    }

    /// Tokens of the prompt per second, without those that were in the cache already.
    pub(crate) fn prefill_rate(&self) -> f64 {
        rate(self.prompt_tokens() - self.reused_tokens, self.prefill_seconds)
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
