//! Errors as clients see them.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use hefu_engine::sampling;
use hefu_text::template;
use serde_json::{Value, json};
use std::fmt;

/// The word for programs of an answer that was refused because its record could not be kept.
pub const NOT_RECORDED: &str = "not_recorded";

/// A refusal or failure: one sentence that says what is wrong and what to do. Each dialect has its own shape for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// Kind of failure.
    pub kind: Kind,
    /// The sentence.
    pub message: String,
    /// The parameter of the request that is at fault.
    pub param: Option<String>,
    /// A word for programs, such as `model_not_found`.
    pub code: Option<&'static str>,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request asks for what cannot be.
    Invalid,
    /// No key, or one that is not valid.
    Unauthenticated,
    /// Not from there.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Not with this method.
    Method,
    /// The body did not come in time.
    BodyTimeout,
    /// The body is too large.
    TooLarge,
    /// The body is compressed in a way that is not read here.
    Encoding,
    /// The queue is full; try again after so many seconds.
    Busy {
        /// Seconds.
        retry_after: u64,
    },
    /// The server hands its work over to another one; try again after so many seconds.
    Moving {
        /// Seconds.
        retry_after: u64,
    },
    /// The answer took longer than the server allows.
    Overdue,
    /// The server cannot answer now: it is stopping, or the record cannot be kept.
    Unavailable,
    /// A fault of the server or of the model's file.
    Internal,
}

impl Kind {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Overdue => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable | Self::Moving { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word of the OpenAI API.
    fn openai(self) -> &'static str {
        match self {
            Self::Unauthenticated => "authentication_error",
            Self::Forbidden => "permission_error",
            Self::NotFound => "not_found_error",
            Self::Busy { .. } => "rate_limit_error",
            Self::Overdue | Self::Unavailable | Self::Moving { .. } | Self::Internal => "server_error",
            Self::Invalid | Self::Method | Self::BodyTimeout | Self::TooLarge | Self::Encoding => {
                "invalid_request_error"
            }
        }
    }
}

impl ApiError {
    /// An error of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), param: None, code: None }
    }

    /// A request that asks for what cannot be.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// A parameter that is at fault.
    pub fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(name.into()), ..Self::invalid(message) }
    }

    /// A fault that is not the client's.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// An answer whose record cannot be kept, and why not.
    pub fn not_recorded(sentence: &str) -> Self {
        let sentence = format!("the answer cannot be recorded, and what is not recorded is not answered: {sentence}");
        Self::new(Kind::Unavailable, sentence).code(NOT_RECORDED)
    }

    /// The same with a word for programs.
    #[must_use]
    pub fn code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// The body in the shape of the Anthropic API.
    pub fn anthropic(&self) -> Value {
        let word = match self.kind {
            Kind::Unauthenticated => "authentication_error",
            Kind::Forbidden => "permission_error",
            Kind::NotFound => "not_found_error",
            Kind::TooLarge => "request_too_large",
            Kind::Busy { .. } => "rate_limit_error",
            Kind::Overdue => "timeout_error",
            Kind::Unavailable | Kind::Moving { .. } => "overloaded_error",
            Kind::Internal => "api_error",
            Kind::Invalid | Kind::Method | Kind::BodyTimeout | Kind::Encoding => "invalid_request_error",
        };
        json!({"type": "error", "error": {"type": word, "message": self.message}})
    }

    /// The body in the shape of the Ollama API.
    pub fn ollama(&self) -> Value {
        json!({"error": self.message})
    }

    /// The body in the shape of the OpenAI API.
    pub fn openai(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind.openai(),
            "param": self.param,
            "code": self.code,
        }})
    }
}

/// A response with a JSON body.
pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

impl From<hefu_answer::Error> for ApiError {
    /// The error of a request, with the names of the server's flags. Clients find these words of the original APIs and
    /// shorten the conversation by themselves.
    fn from(error: hefu_answer::Error) -> Self {
        use hefu_answer::Error;
        let too_long = |sentence: String| Self::invalid(sentence).code("context_length_exceeded");
        match &error {
            Error::Setting(error) => setting(error),
            Error::Parameter { name, .. } => Self::parameter(*name, error.to_string()),
            Error::NoMarks { .. } => Self::parameter("suffix", error.to_string()).code("unsupported_parameter"),
            Error::NoTemplate { .. } => {
                Self::invalid(format!("{error}; use /v1/completions, or start the server with --template"))
            }
            Error::WritesNothing { .. } => Self::parameter("model", error.to_string()).code("model_not_supported"),
            Error::LongWhole { .. } => too_long(error.to_string()),
            Error::Template(template::Error::Thread(_)) => Self::internal(error.to_string()),
            Error::Template(_) => Self::parameter("messages", error.to_string()),
            Error::LongPrompt { found, most } => too_long(format!(
                "the prompt has {found} tokens, but the server takes at most {most} (--max-prompt-tokens)"
            )),
            Error::FullContext { found, context } => too_long(format!(
                "the prompt is too long: it has {found} tokens, but this model's maximum context length is {context} \
                 tokens, and the answer needs at least one of them; shorten the prompt or start the server with a larger \
                 --context"
            )),
            Error::LongText { bytes, fewest, most, context, is_limited } => {
                let flag = if *is_limited { "--max-prompt-tokens" } else { "--context" };
                too_long(format!(
                    "the prompt is too long: its {bytes} bytes are at least {fewest} tokens, but this model's maximum context \
                     length is {context} tokens, and a prompt may have {most} of them; shorten the prompt or start the server \
                     with a larger {flag}"
                ))
            }
            Error::LongAnswer { asked, most } => Self::parameter(
                "max_tokens",
                format!("max_tokens is {asked}, but the server allows at most {most} (--max-answer-tokens)"),
            ),
            Error::Vocabulary(_) => Self::parameter("response_format", error.to_string()),
            Error::Grammar { of_calls, .. } => {
                let name = if *of_calls { "tools" } else { "response_format" };
                Self::parameter(name, error.to_string()).code("invalid_grammar")
            }
            Error::Seed(_) => Self::new(Kind::Unavailable, error.to_string()),
            _ => Self::invalid(error.to_string()),
        }
    }
}

/// A setting of sampling that is out of range, by its name in the API.
fn setting(error: &sampling::Error) -> ApiError {
    match error {
        sampling::Error::Parameters(violations) => {
            let param = violations.first().map(|violation| violation.name.replace('.', "_"));
            let sentences = violations.iter().map(|violation| {
                let name = violation.name.replace('.', "_");
                format!("{name} is {}, but must be {}", violation.value, violation.allowed)
            });
            ApiError { param, ..ApiError::invalid(sentences.collect::<Vec<_>>().join("; ")) }
        }
        other => ApiError::invalid(other.to_string()),
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    /// In the shape of the OpenAI API, with the error itself among the response's extensions, from which
    /// [`app`](crate::app) writes the body again where another dialect was spoken.
    fn into_response(self) -> Response {
        let mut response = json_response(self.kind.status(), &self.openai());
        if let Kind::Busy { retry_after } | Kind::Moving { retry_after } = self.kind {
            response.headers_mut().insert(RETRY_AFTER, retry_after.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
