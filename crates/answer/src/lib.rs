//! From a conversation to a request for the engine, and from its tokens to an answer.
//!
//! ```text
//! Ask ── prepare(TextModel, Limits) ─▶ Prepared: request, constraint, structure ─▶ engine
//! Delta ◀── ChoiceStream: characters, stop strings, reasoning, calls ◀── Choice ── engine
//! ```
//!
//! The terminal, a batch and every dialect of the server take this one way. It knows no connection, no terminal, no file and
//! no chip: who asks, and how what comes is shown, is its caller's.

mod ask;
mod continuation;
mod delta;
mod edits;
mod error;
mod fill;
mod findings;
mod judge;
#[cfg(test)]
mod letters;
mod message;
mod model;
mod prepare;
mod prompt;
mod record;
mod sampling;
mod spelled;
mod stream;
mod structure;

pub use ask::{Ask, KeepAlive, Prompt, Tool, ToolChoice};
pub use continuation::{ContinuationError, continued};
pub use delta::{Choice, Delta, Finish, Summary, Token, TokenLogprob};
pub use edits::edits;
pub use error::Error;
pub use fill::{Gap, Marks, has_marks};
pub use findings::{
    findings_fields, operations_json, products_json, safetensors, token_text, visible_json, weight_row_json,
};
pub use hefu_grammar::Spec;
pub use judge::{Judge, fit};
pub use message::{Message, Role, ToolCall, join_part};
pub use model::TextModel;
pub use prepare::{Judgement, Limits, Prepared, made_up_seed, prepare, prepare_judgement, prepare_text};
pub use prompt::prompt_ids;
pub use prompt::{MAX_MESSAGES, MAX_TOOLS};
pub use record::AnswerRecord;
pub use sampling::Sampling;
pub use stream::ChoiceStream;
pub use structure::constraint;
