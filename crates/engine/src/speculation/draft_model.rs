//! Guesses of a smaller model with the same vocabulary.

use super::{Context, Drafter, Evidence};
use crate::forward::{Forward, Session};
use crate::sampling::{History, Scratch, sample};

/// Tokens per forward pass while the draft model catches up with the text.
const CATCH_UP: usize = 512;

/// A smaller model that follows the answer. It chooses its guesses by the settings and the random numbers of the answer
/// itself, so that the nearer its logits are to those of the large model, the more of its choices are the same.
#[derive(Debug)]
pub struct DraftModel<M> {
    session: Session<M>,
    history: History,
    scratch: Scratch,
}

impl<M: Forward> DraftModel<M> {
    /// Guesses by this model, whose token ids must mean what those of the large one mean.
    pub fn new(model: M) -> Self {
        Self { session: Session::new(model), history: History::default(), scratch: Scratch::default() }
    }

    /// The model's next token after `history`; `None` if there is no room, or whatever else went wrong.
    fn next(&mut self, context: &Context<'_>) -> Option<u32> {
        let tokens = self.history.tokens();
        let known = self.session.model().vocabulary();
        if tokens.len() > self.session.model().capacity() || context.parameters.validate_tokens(known).is_err() {
            return None;
        }
        // The last token is computed in any case: its logits are needed.
        let from = self.session.keep_common(tokens, tokens.len().checked_sub(1)?);
        let waiting = tokens.get(from..)?;
        if waiting.iter().any(|&id| id as usize >= known) {
            return None;
        }
        for part in waiting.chunks(CATCH_UP) {
            self.session.extend(part, 1).ok()?;
        }
        let logits = self.session.logits(0..1).ok()?;
        let position = tokens.len() as u64;
        let choice = sample(logits, &self.history, context.parameters, position, &mut self.scratch).ok()?;
        Some(choice.id)
    }
}

impl<M: Forward + std::fmt::Debug> Drafter for DraftModel<M> {
    fn draft(&mut self, context: &Context<'_>, most: usize, guesses: &mut Vec<u32>) -> Evidence {
        let common = self.history.tokens().iter().zip(context.tokens).take_while(|(a, b)| a == b).count();
        self.history.truncate(common);
        context.tokens.iter().skip(common).for_each(|&id| self.history.push(id));
        for _ in 0..most {
            let Some(guess) = self.next(context) else { break };
            self.history.push(guess);
            guesses.push(guess);
        }
        Evidence::default()
    }

    fn is_free(&self) -> bool {
        false
    }
}
