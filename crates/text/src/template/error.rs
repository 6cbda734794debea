//! Errors of chat templates.

use minijinja::ErrorKind;

use super::limits;

/// Reason why a template could not be compiled or rendered. Every message is one sentence that names the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The model has no template; returned by [`Error::missing`] for callers to show.
    #[error(
        "the model carries no chat template, as base models do not; give one with --template, or send the text as it is with `hefu run --raw`"
    )]
    Missing,
    /// The source is longer than [`limits::MAX_SOURCE_BYTES`], or one of its tags is too long.
    #[error("the chat template is too large: {what} is {size}, the limit is {limit}")]
    TooLarge {
        /// The thing counted.
        what: &'static str,
        /// The amount found.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The source is not a valid template.
    #[error("the chat template has a syntax error in line {line}: {detail}")]
    Syntax {
        /// Line of the source, from 1.
        line: usize,
        /// The fault there.
        detail: String,
    },
    /// The template called `raise_exception`: it refuses this conversation.
    #[error("the chat template refuses this conversation: {0}")]
    Raised(String),
    /// An operation failed while rendering.
    #[error("the chat template failed in line {line}: {detail}")]
    Render {
        /// Line of the source, from 1; 0 where it is not known.
        line: usize,
        /// The failure.
        detail: String,
    },
    /// The template did more work than [`limits::BASE_FUEL`] and the conversation's size allow.
    #[error(
        "the chat template was stopped in line {line}: it does more work than a conversation of this size may take"
    )]
    TooMuchWork {
        /// Line of the source, from 1; 0 where it is not known.
        line: usize,
    },
    /// The conversation is nested deeper than [`limits::MAX_NESTING`].
    #[error("the conversation is nested deeper than {} levels", limits::MAX_NESTING)]
    NestedTooDeep,
    /// The rendering thread could not be started or ended abnormally.
    #[error("the chat template could not be rendered: {0}")]
    Thread(String),
}

impl Error {
    /// The error for a model without a template: say so, rather than guess a format.
    pub fn missing() -> Error {
        Error::Missing
    }
}

/// Marks the error that `raise_exception` makes, so that its message comes out as the template wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct RaisedMessage(pub(super) String);

/// Translates a failure of the template library. `Raised` is recognised by its source, at any depth of macro calls.
pub(super) fn translate(error: minijinja::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut line = error.line().unwrap_or(0);
    while let Some(current) = cause {
        if let Some(raised) = current.downcast_ref::<RaisedMessage>() {
            return Error::Raised(raised.0.clone());
        }
        if let Some(inner) = current.downcast_ref::<minijinja::Error>() {
            line = inner.line().unwrap_or(line);
            if inner.kind() == ErrorKind::OutOfFuel {
                return Error::TooMuchWork { line };
            }
        }
        cause = current.source();
    }
    let detail = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    match error.kind() {
        ErrorKind::SyntaxError => Error::Syntax { line, detail: error.detail().unwrap_or("unreadable").to_owned() },
        _ => Error::Render { line, detail },
    }
}
