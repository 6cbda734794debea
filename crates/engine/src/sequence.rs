//! State of one answer, without a model: which token follows, by logits, history and constraint.

use crate::constraint::{Allowed, Constraint, ConstraintError, ConstraintState};
use crate::request::{FinishReason, Request, RequestError};
use crate::sampling::{self, Choice, History, Parameters, Scratch, sample_allowed};

/// A text: a request's prompt, and its answer so far.
#[derive(Debug)]
pub(crate) struct Sequence {
    request: Request,
    history: History,
    constraint: Slot,
    /// Tokens of the answer so far.
    produced: usize,
    finish: Option<FinishReason>,
}

/// Place of a sequence's constraint.
#[derive(Debug)]
enum Slot {
    Free,
    Here(Box<ConstraintState>),
    /// Somebody computes what it allows next.
    Away,
}

/// Reason why no token could be chosen.
#[derive(Debug)]
pub(crate) enum Unchosen {
    Sampling(sampling::Error),
    Constraint(ConstraintError),
}

impl Sequence {
    /// Takes a request after checking that it can be carried out by a model with so many logits and positions. Where
    /// `answers`, one position of them must be left for an answer.
    pub(crate) fn new(
        request: Request,
        constraint: Option<Box<dyn Constraint>>,
        vocabulary: usize,
        capacity: usize,
        answers: bool,
    ) -> Result<Self, RequestError> {
        let prompt = &request.prompt;
        if prompt.is_empty() {
            return Err(RequestError::EmptyPrompt);
        }
        if answers && prompt.len() >= capacity {
            return Err(RequestError::PromptTooLong { prompt: prompt.len(), context: capacity });
        }
        if prompt.len() > capacity {
            return Err(RequestError::TooLong { tokens: prompt.len(), context: capacity });
        }
        if let Some(&id) = prompt.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(RequestError::UnknownToken { id, vocabulary });
        }
        request.parameters.validate()?;
        request.parameters.validate_tokens(vocabulary)?;
        let history = History::new(prompt);
        let state = constraint.map(|constraint| Box::new(ConstraintState::new(constraint, &request, vocabulary)));
        let constraint = state.map_or(Slot::Free, Slot::Here);
        Ok(Self { request, history, constraint, produced: 0, finish: None })
    }

    /// The same with an answer that has these tokens already, and room for another one.
    pub(crate) fn answered(mut self, tokens: &[u32], vocabulary: usize, capacity: usize) -> Result<Self, RequestError> {
        for (index, &id) in tokens.iter().enumerate() {
            let wrong = RequestError::CannotGoOn { index, id };
            if id as usize >= vocabulary {
                return Err(RequestError::UnknownToken { id, vocabulary });
            }
            // Forced tokens come first, as before a choice.
            if let Slot::Here(state) = &mut self.constraint
                && state.forced().is_some_and(|forced| forced != id)
            {
                return Err(wrong);
            }
            let pushed = self.push(Choice { id, logprob: None, top: Vec::new() });
            if pushed.is_err() || self.finish(capacity).is_some() {
                return Err(wrong);
            }
        }
        Ok(self)
    }

    /// The answer so far.
    pub(crate) fn answer(&self) -> &[u32] {
        self.tokens().get(self.request.prompt.len()..).unwrap_or_default()
    }

    /// The prompt.
    pub(crate) fn prompt(&self) -> &[u32] {
        &self.request.prompt
    }

    /// Prompt and answer so far.
    pub(crate) fn tokens(&self) -> &[u32] {
        self.history.tokens()
    }

    /// Settings of sampling.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.request.parameters
    }

    /// Tokens of the prompt that the request wants computed at once, at least 1.
    pub(crate) fn prefill_chunk(&self) -> usize {
        self.request.prefill_chunk.max(1)
    }

    /// True if the logits of the whole prompt are wanted.
    pub(crate) fn all_logits(&self) -> bool {
        self.request.all_logits
    }

    /// The tokens after the `cached` first.
    pub(crate) fn waiting(&self, cached: usize) -> &[u32] {
        self.tokens().get(cached..).unwrap_or_default()
    }

    /// Number of further tokens that could be chosen after the next one.
    pub(crate) fn room(&self, capacity: usize) -> usize {
        let context = capacity.saturating_sub(self.tokens().len());
        let asked = self.request.max_tokens.map_or(usize::MAX, |most| most.saturating_sub(self.produced));
        context.min(asked).saturating_sub(1)
    }

    /// True if it has a constraint, here or away.
    pub(crate) fn has_constraint(&self) -> bool {
        !matches!(self.constraint, Slot::Free)
    }

    /// True if its constraint is away, so that no token can be chosen now.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.constraint, Slot::Away)
    }

    /// Lends its constraint out where a mask must be computed before the next choice, or those after so many guesses.
    pub(crate) fn lend_constraint(&mut self, guesses: usize) -> Option<Box<ConstraintState>> {
        let Slot::Here(state) = &mut self.constraint else { return None };
        if !state.needs_mask(guesses) {
            return None;
        }
        match std::mem::replace(&mut self.constraint, Slot::Away) {
            Slot::Here(state) => Some(state),
            Slot::Free | Slot::Away => None,
        }
    }

    /// Takes its constraint back.
    pub(crate) fn return_constraint(&mut self, state: Box<ConstraintState>) {
        self.constraint = Slot::Here(state);
    }

    /// Number of first guesses that its constraint could allow.
    pub(crate) fn permitted(&mut self, guesses: &[u32]) -> usize {
        match &mut self.constraint {
            Slot::Free => guesses.len(),
            Slot::Here(state) => state.permitted(guesses),
            Slot::Away => 0,
        }
    }

    /// The next token where a constraint leaves no choice. Where log-probabilities are wanted, it needs its logits all
    /// the same, and [`Sequence::choose`] returns it.
    pub(crate) fn forced(&mut self) -> Option<Result<Choice, Unchosen>> {
        if self.request.parameters.logprobs.is_some() {
            return None;
        }
        let Slot::Here(state) = &mut self.constraint else { return None };
        let id = state.forced()?;
        Some(self.push(Choice { id, logprob: None, top: Vec::new() }))
    }

    /// Chooses the next token by the logits of the last; `None` if the constraint allows none, which ends the answer.
    pub(crate) fn choose(&mut self, logits: &[f32], scratch: &mut Scratch) -> Result<Option<Choice>, Unchosen> {
        let position = self.tokens().len() as u64;
        let parameters = &self.request.parameters;
        let mut mask = Allowed::Any;
        if let Slot::Here(state) = &mut self.constraint {
            if let Some(id) = state.forced() {
                let choice = sampling::given(logits, id, parameters.logprobs, scratch)?;
                return self.push(choice).map(Some);
            }
            mask = state.allowed()?;
        }
        let mask = match &mask {
            Allowed::Any => None,
            Allowed::Only(mask) => Some(mask),
            Allowed::Nothing => {
                self.finish = Some(FinishReason::Complete);
                return Ok(None);
            }
        };
        let choice = sample_allowed(logits, &self.history, parameters, mask, position, scratch)?;
        self.push(choice).map(Some)
    }

    /// Reason why no token follows, if none does, in a context of `capacity` positions.
    pub(crate) fn finish(&mut self, capacity: usize) -> Option<FinishReason> {
        if self.finish.is_none() {
            self.finish = self.limit(capacity);
        }
        self.finish
    }

    fn limit(&self, capacity: usize) -> Option<FinishReason> {
        if self.request.max_tokens.is_some_and(|most| self.produced >= most) {
            return Some(FinishReason::MaxTokens);
        }
        (self.tokens().len() >= capacity).then_some(FinishReason::Context)
    }

    /// Appends a token to the answer.
    fn push(&mut self, choice: Choice) -> Result<Choice, Unchosen> {
        if self.request.end_tokens.contains(&choice.id) {
            self.finish = Some(FinishReason::EndToken);
        } else if let Slot::Here(state) = &mut self.constraint {
            state.accept(choice.id)?;
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
