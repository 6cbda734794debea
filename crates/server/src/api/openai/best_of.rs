//! `best_of`: more answers than are wanted, of which the likeliest stay.

use super::super::fields::Fields;
use crate::error::ApiError;
use hefu_answer::{Choice, TextModel};
use serde_json::{Value, json};

/// Choice of the best answers to each prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BestOf {
    /// Answers that stay of each prompt.
    wanted: usize,
    /// Log-probabilities are told, too.
    tells_logprobs: bool,
    /// That of the token which ends an answer among them.
    tells_end: bool,
}

/// An answer that stays.
#[derive(Debug)]
pub(super) struct Best {
    pub(super) choice: Choice,
    /// Number of the answer: its seed is the request's plus this number.
    candidate: usize,
    /// Mean log-probability of its tokens, with the one that ended it.
    mean: f64,
}

impl BestOf {
    /// Setting of a request, with the number of answers that are made for each prompt; `None` if all of them stay.
    ///
    /// # Errors
    /// Fewer than are wanted, or a stream of them.
    pub(super) fn read(
        fields: &mut Fields,
        wanted: usize,
        is_streaming: bool,
        (tells_logprobs, tells_end): (bool, bool),
    ) -> Result<Option<(Self, usize)>, ApiError> {
        let made: usize = fields.take("best_of")?.unwrap_or(wanted);
        // Clients send 1 for nothing in particular.
        if made == wanted || made == 1 {
            return Ok(None);
        }
        if made < wanted {
            let sentence = format!("best_of is {made}, but must be at least n, which is {wanted}");
            return Err(ApiError::parameter("best_of", sentence));
        }
        if is_streaming {
            let sentence = "best_of cannot go with stream: which answer is the best is known when all are there";
            return Err(ApiError::parameter("best_of", sentence));
        }
        Ok(Some((Self { wanted, tells_logprobs, tells_end }, made)))
    }

    /// The likeliest answers of one prompt, the best first; of equals the first.
    pub(super) fn best(self, choices: Vec<Choice>, model: &TextModel) -> Vec<Best> {
        let of = |(candidate, choice): (usize, Choice)| Best { candidate, mean: mean(&choice), choice };
        let mut all: Vec<Best> = choices.into_iter().enumerate().map(of).collect();
        all.sort_by(|left, right| right.mean.total_cmp(&left.mean));
        all.truncate(self.wanted);
        for best in &mut all {
            let told = &mut best.choice.logprobs;
            if !self.tells_logprobs {
                told.clear();
            } else if !self.tells_end && told.last().is_some_and(|last| model.tokenizer.is_end(last.token.id)) {
                told.pop();
            }
        }
        all
    }
}

impl Best {
    /// Says in a choice of the response which answer it is.
    pub(super) fn mark(&self, choice: &mut Value) {
        choice["candidate"] = json!(self.candidate);
        choice["mean_logprob"] = json!(self.mean);
    }
}

/// The tokens' log-probabilities added in f64 in their order, divided by their number; of none, less than of any.
fn mean(choice: &Choice) -> f64 {
    match choice.logprobs.len() {
        0 => f64::NEG_INFINITY,
        count => choice.logprobs.iter().map(|token| f64::from(token.logprob)).sum::<f64>() / count as f64,
    }
}
