//! An answer on its way, whatever the dialect it goes out in.
//!
//! ```text
//! Answer::pieces:  (Delta)* in order for each choice, mixed between choices; then Done, or Failed at any point;
//!                  Labels before the last Finish, if the answer is recorded and labelled
//! one choice:      (Reasoning | Text | CallStart (CallArguments)* | Logprobs)*  Finish
//! ```

use crate::error::ApiError;
use hefu_answer::{Choice, Delta, Summary};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

/// An answer under way. Dropping it gives the request up.
#[derive(Debug)]
pub struct Answer {
    /// Id of the answer, a UUID; also that of its receipt. Dialects put their own prefix before it.
    pub id: String,
    /// Time when the request was taken, in seconds since 1970.
    pub created: u64,
    /// The model's name.
    pub model: String,
    /// Fingerprint of model, settings and contract.
    pub fingerprint: String,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// The seed of the first choice.
    pub seed: u64,
    /// Number of choices.
    pub choices: usize,
    /// Fields that go beside the answer: in its response, and in the first and the last chunk of a stream. Those of the last
    /// chunk are what [`Piece::Labels`] says.
    pub labels: Map<String, Value>,
    /// Pieces of the answer in order, a bounded number at once: who does not read them in time loses the answer.
    pub pieces: mpsc::Receiver<Piece>,
}

/// The next piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Something of one choice.
    Delta {
        /// Number of the answer among those that were asked for, from 0.
        choice: usize,
        /// The piece.
        delta: Delta,
    },
    /// The answer is recorded, and its labels name the record from here on.
    Labels(Map<String, Value>),
    /// All choices are finished and recorded; nothing follows.
    Done(Summary),
    /// The answer was given up; nothing follows.
    Failed(ApiError),
}

impl Piece {
    /// About how many bytes it is on its way.
    pub(crate) fn weight(&self) -> usize {
        // A number as text, and the name of what it is.
        const ENTRY: usize = 48;
        match self {
            Self::Delta { delta: Delta::Text(text) | Delta::Reasoning(text), .. } => ENTRY + text.len(),
            Self::Delta { delta: Delta::CallArguments { text, .. }, .. } => ENTRY + text.len(),
            Self::Delta { delta: Delta::Logprobs(tokens), .. } => {
                tokens.iter().map(|token| (token.top.len() + 1) * ENTRY).sum()
            }
            _ => ENTRY,
        }
    }
}

impl Answer {
    /// The same without what comes.
    pub fn without_pieces(&self) -> Self {
        Self {
            id: self.id.clone(),
            created: self.created,
            model: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            prompt_tokens: self.prompt_tokens,
            seed: self.seed,
            choices: self.choices,
            labels: self.labels.clone(),
            pieces: mpsc::channel(1).1,
        }
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// The reason why it ended early.
    pub async fn collect(&mut self) -> Result<(Vec<Choice>, Summary), ApiError> {
        let mut choices: Vec<Choice> = Vec::new();
        while let Some(piece) = self.pieces.recv().await {
            match piece {
                Piece::Delta { choice, delta } => {
                    if choices.len() <= choice {
                        choices.resize_with(choice + 1, Choice::default);
                    }
                    if let Some(choice) = choices.get_mut(choice) {
                        choice.push(delta);
                    }
                }
                Piece::Labels(labels) => self.labels = labels,
                Piece::Done(summary) => return Ok((choices, summary)),
                Piece::Failed(error) => return Err(error),
            }
        }
        Err(ApiError::internal("the answer ended without a result; the server's log says more"))
    }
}
