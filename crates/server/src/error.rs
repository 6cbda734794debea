//! What a client is told when a request is refused or fails.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::fmt;

/// The word for programs of an answer that was refused because its record could not be kept.
pub const NOT_RECORDED: &str = "not_recorded";

/// A refusal or failure: one sentence that says what is wrong and what to do. Each dialect has its own shape for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// What kind of failure it is.
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
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
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
            Self::Overdue | Self::Unavailable | Self::Internal => "server_error",
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
            Kind::Unavailable => "overloaded_error",
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
        if let Kind::Busy { retry_after } = self.kind {
            response.headers_mut().insert(RETRY_AFTER, retry_after.into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
