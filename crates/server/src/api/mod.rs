//! Endpoints: one table, from which the routes and the description of the API are made.

pub mod anthropic;
mod cost;
mod drain;
pub mod fields;
pub mod health;
mod likelihoods;
pub mod native;
mod neutral;
pub mod ollama;
pub mod openai;
mod openapi;
mod rank;
pub mod receipts;
pub mod responses;
pub mod settings;
pub mod sse;
pub mod tokens;
mod trace;
mod weights;

use crate::answer::Answer;
use crate::error::ApiError;
use crate::headers::{ANSWER_ID, FINGERPRINT};
use crate::service::Service;
use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;
use std::sync::Arc;

/// One endpoint.
pub struct Endpoint {
    /// The path, with `{name}` for a part that varies.
    pub path: &'static str,
    /// `get` or `post`.
    pub method: &'static str,
    /// Summary in one line.
    pub summary: &'static str,
    /// The JSON schema of the request's body; `None` for none.
    pub request: Option<fn() -> Value>,
    /// The media type of the answer.
    pub answer: &'static str,
    /// True if it may be asked without an API key.
    pub is_open: bool,
    /// True if operators alone may ask it.
    pub is_operators: bool,
    /// The handler.
    pub handler: fn() -> MethodRouter<Arc<Service>>,
}

const JSON: &str = "application/json";

/// Every endpoint.
pub fn endpoints() -> Vec<Endpoint> {
    let mut all = vec![
        of_get("/health", "Whether the program lives", || get(health::health)).open(),
        of_get("/ready", "Whether it would answer a request now", || get(health::ready)).open(),
        of_get("/metrics", "Counters and histograms in the format of Prometheus", || get(health::metrics))
            .answering("text/plain"),
        of_get("/props", "The server and its models", || get(health::props)),
        of_get("/slots", "What each model in memory is doing", || get(health::slots)),
        of_get("/openapi.json", "This description", || get(openapi::document)).open(),
        of_get("/v1/receipts/{id}", "The signed receipt of an answer, by the answer's id", || get(receipts::show)),
        of_get("/v1/receipts/{id}/trace", "The digests of the trace that it states", || get(receipts::trace)),
        of_get("/v1/trace", "What can be seen of a model on the way to an answer", || get(trace::visible)),
        of_post("/v1/trace", "What a model computes on the way to an answer, and why", trace::schema, || {
            post(trace::create)
        }),
        // Names may hold slashes.
        of_get("/v1/trace/{*name}", "The same of a model by its name", || get(trace::visible_of)),
        of_post(
            "/v1/cost",
            "What a token takes, measured now: every step, and its share of the machine's limit",
            cost::schema,
            || post(cost::measure),
        ),
        of_post("/v1/weights", "A row of a weight, as the model's file has it", weights::schema, || post(weights::row)),
        of_post("/tokenize", "The tokens of a text or a conversation", openapi::tokenize, || post(tokens::tokenize)),
        of_post("/completion", "Continue a text (llama.cpp)", native::completion_schema, || post(native::completion)),
        of_post("/infill", "Fill a gap in a text (llama.cpp)", native::infill_schema, || post(native::infill)),
        of_post("/detokenize", "The text of tokens", openapi::detokenize, || post(tokens::detokenize)),
        of_get("/tokenizer_info", "The first model's tokeniser", || get(tokens::tokenizer_info)),
    ];
    all.extend(openai_endpoints());
    all.extend(ranking_endpoints());
    all.extend(anthropic_endpoints());
    all.extend(ollama_endpoints());
    all.extend(operators_endpoints().into_iter().map(|endpoint| Endpoint { is_operators: true, ..endpoint }));
    all
}

fn operators_endpoints() -> Vec<Endpoint> {
    use drain::{begin, end, greet, keep, letter_schema, parcel_schema, resume, schema, show};
    vec![
        of_get("/v1/drain", "What has moved to another server", || get(show).delete(end)),
        of_post("/v1/drain", "Have everything go on at another server", schema, || post(begin)),
        of_get("/v1/resume", "What answers of another server can go on with", || get(greet)),
        of_post("/v1/resume", "Go on with an answer of another server", letter_schema, || post(resume))
            .answering(sse::LINES),
        of_post("/v1/resume/responses", "Keep responses of another server", parcel_schema, || post(keep)),
    ]
}

fn anthropic_endpoints() -> Vec<Endpoint> {
    use anthropic::{count_tokens, countable_schema, create, schema};
    vec![
        of_post("/v1/messages", "Answer a conversation (Messages API)", schema, || post(create)),
        of_post("/v1/messages/count_tokens", "Count a prompt's tokens", countable_schema, || post(count_tokens)),
    ]
}

fn ollama_endpoints() -> Vec<Endpoint> {
    use ollama::schema;
    let lines = sse::LINES;
    vec![
        of_post("/api/chat", "Answer a conversation (Ollama)", schema::chat, || post(ollama::chat)).answering(lines),
        of_post("/api/generate", "Answer a prompt (Ollama)", schema::generate, || post(ollama::generate))
            .answering(lines),
        of_post("/api/embed", "Vectors of texts (Ollama)", schema::embed, || post(ollama::embed)),
        of_post("/api/embeddings", "The vector of a text (Ollama)", schema::embeddings, || post(ollama::embeddings)),
        of_get("/api/tags", "All models (Ollama)", || get(ollama::tags)),
        of_get("/api/ps", "The models in memory (Ollama)", || get(ollama::ps)),
        of_post("/api/pull", "Whether a model is here (Ollama)", schema::show, || post(ollama::pull)).answering(lines),
        of_post("/api/show", "One model (Ollama)", schema::show, || post(ollama::show)),
        of_get("/api/version", "The program's version (Ollama)", || get(ollama::version)),
    ]
}

fn openai_endpoints() -> Vec<Endpoint> {
    vec![
        of_get("/v1/models", "All models", || get(openai::models::list)),
        // Names may hold slashes.
        of_get("/v1/models/{*name}", "One model", || get(openai::models::show)),
        of_post("/v1/chat/completions", "Answer a conversation", openapi::chat, || post(openai::chat::create)),
        of_post("/v1/completions", "Continue texts", openapi::completions, || post(openai::completions::create)),
        of_post("/v1/fim/completions", "Fill a gap in a text", native::fim_schema, || post(openai::fim::create)),
        of_post("/v1/responses", "Answer a conversation (Responses API)", responses::schema, || {
            post(responses::create)
        }),
        of_get("/v1/responses/{id}", "A response that is kept", || get(responses::show).delete(responses::forget)),
        of_post("/v1/embeddings", "Vectors of texts", openapi::embeddings, || post(openai::embeddings::create)),
    ]
}

fn ranking_endpoints() -> Vec<Endpoint> {
    use rank::{rerank_schema, score_schema};
    let ranked = "Documents in the order in which they fit a query";
    vec![
        of_post("/rerank", ranked, rerank_schema, || post(rank::rerank)),
        of_post("/v1/rerank", ranked, rerank_schema, || post(rank::rerank)),
        of_post("/v2/rerank", ranked, rerank_schema, || post(rank::rerank)),
        of_post("/get_ppl", "The mean cross-entropy of texts (LMDeploy)", likelihoods::ppl_schema, || {
            post(likelihoods::get_ppl)
        }),
        of_post("/v1/encode", "The tokens of texts (LMDeploy)", likelihoods::encode_schema, || {
            post(likelihoods::encode)
        }),
        of_post("/v1/score", "How well texts fit each other, or how likely continuations are", score_schema, || {
            post(rank::score)
        }),
    ]
}

/// The routes of every endpoint.
pub fn router() -> Router<Arc<Service>> {
    endpoints().into_iter().fold(Router::new(), |router, endpoint| router.route(endpoint.path, (endpoint.handler)()))
}

/// The body of an error in the shape of the dialect that is spoken at a path; `None` for OpenAI's.
pub(crate) fn error_body(path: &str, error: &ApiError) -> Option<Value> {
    if path.starts_with("/v1/messages") {
        Some(error.anthropic())
    } else if path.starts_with("/api/") {
        Some(error.ollama())
    } else {
        None
    }
}

/// A response that is made on a thread that serves nobody else: log-probabilities can make it large.
async fn built(make: impl FnOnce() -> Response + Send + 'static) -> Result<Response, ApiError> {
    tokio::task::spawn_blocking(make).await.map_err(|error| ApiError::internal(error.to_string()))
}

/// The headers that every response to an [`Ask`](hefu_answer::Ask) has.
pub fn answered(answer: &Answer, response: Response) -> Response {
    let mut response = answered_by(&answer.fingerprint, Some(&answer.id), response);
    for (name, value) in &answer.labels {
        let header = HeaderName::try_from(format!("x-hefu-{name}"));
        if let (Ok(header), Ok(value)) = (header, HeaderValue::from_str(&value.to_string())) {
            response.headers_mut().insert(header, value);
        }
    }
    response
}

/// Says which model answered, and by which id the answer is known.
fn answered_by(fingerprint: &str, id: Option<&str>, mut response: Response) -> Response {
    for (name, value) in [(FINGERPRINT, Some(fingerprint)), (ANSWER_ID, id)] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn of_get(path: &'static str, summary: &'static str, handler: fn() -> MethodRouter<Arc<Service>>) -> Endpoint {
    Endpoint { path, method: "get", summary, request: None, answer: JSON, is_open: false, is_operators: false, handler }
}

fn of_post(
    path: &'static str,
    summary: &'static str,
    request: fn() -> Value,
    handler: fn() -> MethodRouter<Arc<Service>>,
) -> Endpoint {
    Endpoint {
        path,
        method: "post",
        summary,
        request: Some(request),
        answer: JSON,
        is_open: false,
        is_operators: false,
        handler,
    }
}

impl Endpoint {
    fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    fn answering(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}
