//! What a request knows of itself, without a model: what is to be computed next, and which token follows from it.

use super::guide::{Allowed, Guide};
use super::{Error, Finish, Request};
use crate::constraint::{Constraint, ConstraintError};
use crate::sampling::{self, Choice, History, Parameters, Scratch, sample_allowed};

/// A request and its answer so far.
#[derive(Debug)]
pub(crate) struct Answering {
    request: Request,
    history: History,
    guide: Option<Guide>,
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

/// Why no token could be chosen.
#[derive(Debug)]
pub(crate) enum Unchosen {
    Sampling(sampling::Error),
    Constraint(ConstraintError),
}

impl Answering {
    /// Takes a request after checking that it can be carried out by a model with so many logits and positions.
    pub(crate) fn new<E: std::error::Error>(
        request: Request,
        constraint: Option<Box<dyn Constraint>>,
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
        let guide = constraint.map(|constraint| Guide::new(constraint, &request, vocabulary));
        Ok(Self { request, history, guide, produced: 0, finish: None })
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

    /// Its constraint, lent out while a forward pass borrows the tokens; to be put back before the next choice.
    pub(crate) fn guide(&mut self) -> &mut Option<Guide> {
        &mut self.guide
    }

    /// Tokens of the prompt that the request wants computed at once, at least 1.
    pub(crate) fn prefill_chunk(&self) -> usize {
        self.request.prefill_chunk.max(1)
    }

    /// Whether the logits of the whole prompt are wanted.
    pub(crate) fn all_logits(&self) -> bool {
        self.request.all_logits
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

    /// The last tokens of the answer, those that are not among the `cached` that are computed: more than one where a
    /// constraint has forced some.
    pub(crate) fn waiting(&self, cached: usize) -> &[u32] {
        self.tokens().get(cached..).unwrap_or_default()
    }

    /// How many more tokens could be chosen after the next one.
    pub(crate) fn room(&self, capacity: usize) -> usize {
        let context = capacity.saturating_sub(self.tokens().len());
        let asked = self.request.max_tokens.map_or(usize::MAX, |most| most.saturating_sub(self.produced));
        context.min(asked).saturating_sub(1)
    }

    /// The next token where a constraint leaves no choice. Where log-probabilities are wanted, it needs its logits all
    /// the same, and [`Answering::choose`] returns it.
    pub(crate) fn forced(&mut self) -> Option<Result<Choice, Unchosen>> {
        if self.request.parameters.logprobs.is_some() {
            return None;
        }
        let id = self.guide.as_mut()?.forced()?;
        Some(self.push(Choice { id, logprob: None, top: Vec::new() }))
    }

    /// Chooses the next token by the logits of the last; `None` if the constraint allows none, which ends the answer.
    pub(crate) fn choose(&mut self, logits: &[f32], scratch: &mut Scratch) -> Result<Option<Choice>, Unchosen> {
        let position = self.tokens().len() as u64;
        let parameters = &self.request.parameters;
        let mut mask = Allowed::Any;
        if let Some(guide) = &mut self.guide {
            if let Some(id) = guide.forced() {
                let choice = sampling::given(logits, id, parameters, scratch)?;
                return self.push(choice).map(Some);
            }
            mask = guide.allowed()?;
        }
        let mask = match &mask {
            Allowed::Any => None,
            Allowed::Only(mask) => Some(mask),
            Allowed::Nothing => {
                self.finish = Some(Finish::Complete);
                return Ok(None);
            }
        };
        let choice = sample_allowed(logits, &self.history, parameters, mask, position, scratch)?;
        self.push(choice).map(Some)
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

    /// Appends a token to the answer.
    fn push(&mut self, choice: Choice) -> Result<Choice, Unchosen> {
        if self.request.end_tokens.contains(&choice.id) {
            self.finish = Some(Finish::EndToken);
        } else if let Some(guide) = &mut self.guide {
            guide.accept(choice.id)?;
        }
        self.history.push(choice.id);
        self.produced += 1;
        Ok(choice)
    }
}

impl From<sampling::Error> for Unchosen {
    fn from(error: sampling::Error) -> Self {
        Self::Sampling(error)
    }
}

impl From<ConstraintError> for Unchosen {
    fn from(error: ConstraintError) -> Self {
        Self::Constraint(error)
    }
}

impl<E: std::error::Error> From<Unchosen> for Error<E> {
    fn from(reason: Unchosen) -> Self {
        match reason {
            Unchosen::Sampling(error) => Self::Sampling(error),
            Unchosen::Constraint(error) => Self::Constraint(error),
        }
    }
}
