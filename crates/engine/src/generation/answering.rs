//! What a request knows of itself, without a model: what is to be computed next, and which token follows from it.

use super::{Error, Finish, Request};
use crate::sampling::{self, Choice, History, Parameters, Scratch, sample};

/// A request and its answer so far.
#[derive(Debug)]
pub(crate) struct Answering {
    request: Request,
    history: History,
    scratch: Scratch,
    /// Tokens of the answer so far.
    produced: usize,
    finish: Option<Finish>,
}

/// A part of a prompt.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) tokens: &'a [u32],
    /// How many of the last tokens' logits are wanted.
    pub(crate) rows: usize,
}

impl Answering {
    /// Takes a request after checking that it can be carried out by a model with so many logits and positions.
    pub(crate) fn new<E: std::error::Error>(
        request: Request,
        vocabulary: usize,
        capacity: usize,
    ) -> Result<Self, Error<E>> {
        let prompt = &request.prompt;
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
        let history = History::new(prompt);
        Ok(Self { request, history, scratch: Scratch::default(), produced: 0, finish: None })
    }

    /// The prompt.
    pub(crate) fn prompt(&self) -> &[u32] {
        &self.request.prompt
    }

    /// Prompt and answer so far.
    pub(crate) fn tokens(&self) -> &[u32] {
        self.history.tokens()
    }

    /// How tokens are chosen.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.request.parameters
    }

    /// Tokens of the prompt that the request wants computed at once, at least 1.
    pub(crate) fn prefill_chunk(&self) -> usize {
        self.request.prefill_chunk.max(1)
    }

    /// How much of the prompt may come out of a cache. Its last token is computed in any case: its logits choose the
    /// first token of the answer.
    pub(crate) fn reusable(&self) -> usize {
        if self.request.all_logits { 0 } else { self.prompt().len() - 1 }
    }

    /// The next part of the prompt, at most `most` tokens, after the `cached` that are computed; `None` after the last.
    pub(crate) fn prefill(&self, cached: usize, most: usize) -> Option<Part<'_>> {
        let total = self.prompt().len();
        let to = cached.saturating_add(most).min(total);
        let tokens = self.prompt().get(cached..to).filter(|tokens| !tokens.is_empty())?;
        let rows = if self.request.all_logits { tokens.len() } else { usize::from(to == total) };
        Some(Part { tokens, rows })
    }

    /// The last token of the answer, if it is not among the `cached` that are computed.
    pub(crate) fn waiting(&self, cached: usize) -> Option<u32> {
        self.tokens().get(cached).copied()
    }

    /// How many more tokens could be chosen after the next one.
    pub(crate) fn room(&self, capacity: usize) -> usize {
        let context = capacity.saturating_sub(self.tokens().len());
        let asked = self.request.max_tokens.map_or(usize::MAX, |most| most.saturating_sub(self.produced));
        context.min(asked).saturating_sub(1)
    }

    /// Chooses the next token by the logits of the last.
    pub(crate) fn choose(&mut self, logits: &[f32]) -> Result<Choice, sampling::Error> {
        let position = self.tokens().len() as u64;
        let choice = sample(logits, &self.history, &self.request.parameters, position, &mut self.scratch)?;
        self.history.push(choice.id);
        self.produced += 1;
        if self.request.end_tokens.contains(&choice.id) {
            self.finish = Some(Finish::EndToken);
        }
        Ok(choice)
    }

    /// Why no token follows, if none does, in a context of `capacity` positions.
    pub(crate) fn finish(&mut self, capacity: usize) -> Option<Finish> {
        if self.finish.is_none() {
            self.finish = self.limit(capacity);
        }
        self.finish
    }

    fn limit(&self, capacity: usize) -> Option<Finish> {
        if self.request.max_tokens.is_some_and(|most| self.produced >= most) {
            return Some(Finish::MaxTokens);
        }
        (self.tokens().len() >= capacity).then_some(Finish::Context)
    }
}
