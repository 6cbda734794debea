//! One answer, as a newcomer would compute it: the whole prompt in one pass, then one token after another, on pages in
//! order. No batch, no shared page, no guess, no interruption. The scheduler's answers are compared with it.

use crate::constraint::{Constraint, ConstraintError};
use crate::request::{FinishReason, Request};
use crate::sampling::{self, Choice, History, Scratch, TokenMask, sample_allowed};
use crate::scheduler::{Failure, ForwardMany};
use hefu_numerics::device::{Batch, Slots, Span};
use std::collections::VecDeque;

/// An answer of the naive loop.
#[derive(Debug)]
pub struct Witnessed {
    /// Its tokens, those before a failure too.
    pub choices: Vec<Choice>,
    /// Number of tokens forced without a look at logits.
    pub forced: usize,
    /// Its end.
    pub finish: Result<FinishReason, Failure>,
}

/// Takes a row of logits.
pub type See<'a> = &'a mut dyn FnMut(&[f32]);

/// Answers a request on an empty cache. `see` gets the logits of the prompt's last position, or of all of its positions
/// where the request wants them, and of each token of the answer that was computed, in order.
pub fn answer<'a, M: ForwardMany>(
    model: &'a mut M,
    request: &'a Request,
    constraint: Option<Box<dyn Constraint>>,
    see: Option<See<'a>>,
) -> Witnessed {
    let mut witness = Witness { model, request, constraint, see, choices: Vec::new(), forced: 0 };
    let finish = witness.run();
    Witnessed { choices: witness.choices, forced: witness.forced, finish }
}

struct Witness<'a, M> {
    model: &'a mut M,
    request: &'a Request,
    constraint: Option<Box<dyn Constraint>>,
    see: Option<See<'a>>,
    choices: Vec<Choice>,
    forced: usize,
}

impl<M: ForwardMany> Witness<'_, M> {
    fn run(&mut self) -> Result<FinishReason, Failure> {
        let (request, mut history, mut scratch) =
            (self.request, History::new(&self.request.prompt), Scratch::default());
        let capacity = self.model.capacity().min(self.model.pages() * self.model.page());
        let mut forced: VecDeque<u32> = self.constraint.as_mut().map_or_else(Vec::new, |it| it.forced()).into();
        let mut row = self.compute(history.tokens(), 0, if request.all_logits { history.tokens().len() } else { 1 })?;
        let mut computed = history.tokens().len();
        loop {
            let length = history.tokens().len();
            if request.max_tokens.is_some_and(|most| self.choices.len() >= most) {
                return Ok(FinishReason::MaxTokens);
            }
            if length >= capacity {
                return Ok(FinishReason::Context);
            }
            let must = forced.pop_front();
            let is_blind = must.is_some() && request.parameters.logprobs.is_none();
            if !is_blind && computed < length {
                row = self.compute(history.tokens(), computed, 1)?;
                computed = length;
            }
            let choice = match must {
                Some(id) if is_blind => Choice { id, logprob: None, top: Vec::new() },
                Some(id) => sampling::given(self.logits(row)?, id, request.parameters.logprobs, &mut scratch)?,
                None => {
                    // Logits that are none end the answer also where nothing may follow.
                    self.logits(row)?;
                    let mask = match self.constraint.as_mut().map(|it| allowed(it.as_mut(), request)).transpose()? {
                        Some(Some(mask)) if mask.is_empty() => return Ok(FinishReason::Complete),
                        mask => mask.flatten(),
                    };
                    let logits = self.logits(row)?;
                    sample_allowed(logits, &history, &request.parameters, mask.as_ref(), length as u64, &mut scratch)?
                }
            };
            let is_end = request.end_tokens.contains(&choice.id);
            if let Some(constraint) = self.constraint.as_mut().filter(|_| !is_end) {
                constraint.accept(choice.id)?;
                if must.is_none() {
                    forced = constraint.forced().into();
                }
            }
            history.push(choice.id);
            self.forced += usize::from(is_blind);
            self.choices.push(choice);
            if is_end {
                return Ok(FinishReason::EndToken);
            }
        }
    }

    /// Computes the tokens from `from` on, and gives the number of the last row.
    fn compute(&mut self, tokens: &[u32], from: usize, rows: usize) -> Result<usize, Failure> {
        let pages: Vec<u32> = (0..).take(self.model.pages()).collect();
        // One sequence has one slot, which its recurrent states never leave.
        let read = (from > 0).then_some(0);
        let slots = self.model.slots().map(|_| Slots { read, write: 0, keep: &[] });
        let tables = vec![&pages[..]; self.model.groups()];
        let tokens = tokens.get(from..).unwrap_or_default();
        let count = tokens.len();
        let span =
            Span { rows: 0..count, position: from, wanted: count - rows..count, tables: &tables, slots, second: None };
        self.model
            .forward(&Batch { tokens, spans: &[span], inputs: &[] })
            .map_err(|error| Failure::Model(error.to_string()))?;
        if let Some(mut see) = self.see.take() {
            (0..rows).try_for_each(|row| self.logits(row).map(&mut see))?;
            self.see = Some(see);
        }
        Ok(rows - 1)
    }

    fn logits(&mut self, row: usize) -> Result<&[f32], Failure> {
        let logits = self.model.logits(row..row + 1).map_err(|error| Failure::Model(error.to_string()))?;
        Ok(logits.values)
    }
}

/// The tokens that may come next; `None` for all, none where the text is complete.
fn allowed(constraint: &mut dyn Constraint, request: &Request) -> Result<Option<TokenMask>, ConstraintError> {
    let (mask, may_end, parameters) = (constraint.mask()?, constraint.may_end(), &request.parameters);
    if mask.is_none() && may_end {
        return Ok(None);
    }
    let mut mask = mask.unwrap_or_else(|| TokenMask::below(sampling::MAX_VOCABULARY));
    for id in &request.end_tokens {
        mask.set(*id, may_end && !parameters.banned.contains(id) && !parameters.ignore_eos.contains(id));
    }
    if mask.is_empty() && !may_end {
        return Err(ConstraintError("the constraint allows no token here, but the text is not complete".into()));
    }
    Ok(Some(mask))
}
