//! One request from prompt to answer, as pure steps: no thread, no clock, no text.
//!
//! ```text
//! Generation::start ── step ─▶ Prefill … Prefill ── step ─▶ Token … Token ── step ─▶ Finished
//! ```
//!
//! The caller decides whether to take the next step, so it stops an answer (a stop string, a person's Ctrl-C) by taking
//! none. What the cache holds stays true at every moment, and the next request goes on from what it has in common.

mod error;
#[cfg(test)]
mod tests;

pub use error::Error;

use crate::forward::{Forward, Session};
use crate::sampling::{Choice, History, Parameters, Scratch, sample};
use std::collections::BTreeSet;
use std::ops::Range;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt's tokens, at least one.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub parameters: Parameters,
    /// Tokens that end the answer. The one that does is the last [`Step::Token`].
    pub end_tokens: BTreeSet<u32>,
    /// Most tokens of the answer; `None` leaves it to the end tokens and the context.
    pub max_tokens: Option<usize>,
    /// Tokens of the prompt per forward pass; 0 counts as 1. It changes the time and the memory, never a bit.
    pub prefill_chunk: usize,
    /// Compute the logits of every position of the prompt, not of the last alone. Nothing cached is used then.
    pub all_logits: bool,
}

/// Why an answer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// An end token was chosen.
    EndToken,
    /// The answer has as many tokens as were asked for.
    MaxTokens,
    /// Prompt and answer fill the context.
    Context,
}

/// What one step brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Part of the prompt was computed.
    Prefill {
        /// Tokens of the prompt in the cache now.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// The next token of the answer.
    Token(Choice),
    /// The answer is over; every further step says so again.
    Finished(Finish),
}

/// A request under way.
#[derive(Debug)]
pub struct Generation<'s, M> {
    session: &'s mut Session<M>,
    request: Request,
    history: History,
    scratch: Scratch,
    /// Tokens of the answer so far.
    produced: usize,
    /// Tokens of the prompt that were in the cache already.
    reused: usize,
    finish: Option<Finish>,
}

impl<'s, M: Forward> Generation<'s, M> {
    /// Takes a request after checking that it can be carried out. Nothing is computed yet; of the cache, what it has in
    /// common with the prompt is kept.
    ///
    /// # Errors
    /// A prompt that is empty, names an unknown token or leaves no room for an answer, or settings out of range.
    pub fn start(session: &'s mut Session<M>, request: Request) -> Result<Self, Error<M::Error>> {
        let (prompt, vocabulary) = (&request.prompt, session.model().vocabulary());
        let capacity = session.model().capacity();
        if prompt.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        if prompt.len() >= capacity {
            return Err(Error::PromptTooLong { prompt: prompt.len(), context: capacity });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::UnknownToken { id, vocabulary });
        }
        request.parameters.validate()?;
        request.parameters.validate_tokens(vocabulary)?;

        // The last token is computed in any case: its logits choose the first token of the answer.
        let most = if request.all_logits { 0 } else { prompt.len() - 1 };
        let reused = session.keep_common(prompt, most);
        let history = History::new(prompt);
        Ok(Self { session, request, history, scratch: Scratch::default(), produced: 0, reused, finish: None })
    }

    /// Goes one step further.
    ///
    /// # Errors
    /// What the model reports, or logits from which no token can be chosen (a NaN above all).
    pub fn step(&mut self) -> Result<Step, Error<M::Error>> {
        let (cached, prompt) = (self.session.cached().len(), self.request.prompt.len());
        if cached < prompt {
            return self.prefill(cached);
        }
        if self.finish.is_none() {
            self.finish = self.limit();
        }
        if let Some(finish) = self.finish {
            return Ok(Step::Finished(finish));
        }
        self.decode().map(Step::Token)
    }

    /// How many positions' logits the last step made available: that of the token's predecessor, that of the prompt's
    /// last token, or with [`Request::all_logits`] those of all tokens of the prompt's part.
    pub fn rows(&self) -> usize {
        self.session.rows()
    }

    /// Those logits: `[rows][vocabulary]`.
    ///
    /// # Errors
    /// What the model reports: a NaN above all.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error<M::Error>> {
        self.session.logits(rows).map_err(Error::Model)
    }

    /// Tokens of the prompt that were in the cache already.
    pub fn reused(&self) -> usize {
        self.reused
    }

    fn prefill(&mut self, from: usize) -> Result<Step, Error<M::Error>> {
        let prompt = &self.request.prompt;
        let total = prompt.len();
        let to = from.saturating_add(self.request.prefill_chunk.max(1)).min(total);
        let chunk = prompt.get(from..to).unwrap_or_default();
        let rows = match (self.request.all_logits, to == total) {
            (true, _) => chunk.len(),
            (false, last) => usize::from(last),
        };
        self.session.extend(chunk, rows).map_err(Error::Model)?;
        Ok(Step::Prefill { done: to, total })
    }

    /// Computes the last token of the answer, if there is one that is not in the cache yet, and chooses the next.
    fn decode(&mut self) -> Result<Choice, Error<M::Error>> {
        let tokens = self.history.tokens();
        let waiting = tokens.get(self.session.cached().len()..).unwrap_or_default();
        if !waiting.is_empty() {
            self.session.extend(waiting, 1).map_err(Error::Model)?;
        }
        let position = tokens.len() as u64;
        let rows = self.session.rows();
        let row = self.session.logits(rows.saturating_sub(1)..rows).map_err(Error::Model)?;
        let choice = sample(row, &self.history, &self.request.parameters, position, &mut self.scratch)?;
        self.history.push(choice.id);
        self.produced += 1;
        if self.request.end_tokens.contains(&choice.id) {
            self.finish = Some(Finish::EndToken);
        }
        Ok(choice)
    }

    fn limit(&self) -> Option<Finish> {
        if self.request.max_tokens.is_some_and(|most| self.produced >= most) {
            return Some(Finish::MaxTokens);
        }
        let full = self.history.tokens().len() >= self.session.model().capacity();
        full.then_some(Finish::Context)
    }
}
