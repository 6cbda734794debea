//! Names of the program's own headers.

use axum::http::HeaderName;

/// The header by which requests are told apart, in and out.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that says what answers must share to be comparable bit for bit.
pub(crate) const FINGERPRINT: HeaderName = HeaderName::from_static("x-hefu-fingerprint");
/// The header that names an answer, and with it its receipt, in every dialect.
pub(crate) const ANSWER_ID: HeaderName = HeaderName::from_static("x-hefu-answer-id");
/// The header by which a request asks that its receipt states the prompt's hash alone.
pub(crate) const HIDE_PROMPT: HeaderName = HeaderName::from_static("x-hefu-hide-prompt");
