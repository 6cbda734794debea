//! Errors that templates make.

use minijinja::{Error, ErrorKind};

use super::limits::MAX_NESTING;

/// An error of the template's making.
pub(super) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The error for values nested beyond the limit.
pub(super) fn too_deep() -> Error {
    invalid(format!("a value is nested deeper than {MAX_NESTING} levels"))
}
