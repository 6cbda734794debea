//! The OpenAI API: chat completions, completions, models, embeddings.

mod best_of;
pub mod chat;
mod chat_stream;
pub mod completions;
mod completions_stream;
pub mod embeddings;
pub mod fim;
mod messages;
pub mod models;
pub(super) mod output;
mod tools;

pub use messages::messages;
pub use tools::{choice as tool_choice, format as response_format, tools};

use super::fields::{Fields, Texts};
use super::neutral;
use super::settings;
use crate::error::ApiError;
use hefu_answer::{Ask, Prompt};

/// The names of the most tokens of an answer.
pub(super) const MAX_TOKENS: &[&str] = &["max_completion_tokens", "max_tokens", "n_predict", "max_new_tokens"];

/// Fields common to chat and plain completions.
///
/// # Errors
/// A value of another type, or a parameter that would change the answer in a way that is not supported.
pub(super) fn shared(fields: &mut Fields) -> Result<Ask, ApiError> {
    let user = settings::user(fields)?;
    fields.ignore(settings::HARMLESS);
    neutral::take(fields)?;
    Ok(Ask {
        model: fields.take("model")?,
        stop_ids: fields.take("stop_token_ids")?.unwrap_or_default(),
        sampling: settings::sampling(fields)?,
        stops: fields.take::<Texts>("stop")?.unwrap_or_default().0,
        max_tokens: settings::max_tokens(fields, MAX_TOKENS)?,
        count: count(fields)?,
        priority: settings::priority(fields)?,
        user,
        ..Ask::default()
    })
}

/// Number of answers.
fn count(fields: &mut Fields) -> Result<usize, ApiError> {
    match fields.take("n")? {
        Some(0) => Err(fields.wrong("n", "at least 1")),
        count => Ok(count.unwrap_or(1)),
    }
}

/// Options of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streaming {
    /// True if one is wanted.
    pub(super) is_wanted: bool,
    /// Whether a last chunk with the usage is.
    pub(super) include_usage: bool,
}

pub(super) fn streaming(fields: &mut Fields) -> Result<Streaming, ApiError> {
    let is_wanted = fields.take("stream")?.unwrap_or(false);
    let Some(options) = fields.take("stream_options")? else {
        return Ok(Streaming { is_wanted, include_usage: false });
    };
    let mut options = Fields::of(options, "stream_options")?;
    let include_usage = options.take("include_usage")?.unwrap_or(false);
    options.ignore(&["include_obfuscation", "continuous_usage_stats"]);
    options.finish()?;
    Ok(Streaming { is_wanted, include_usage })
}
