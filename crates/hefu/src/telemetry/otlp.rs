//! One trace for each answer, over OTLP with protobuf and HTTP.
//!
//! ```text
//! chat MODEL            from the request to the end of the answer; child of the caller's traceparent
//!   queue               until its computation began, loading the model included
//!   prefill             until the first token
//!   decode              until the last token
//! ```
//!
//! Attributes have the names of OpenTelemetry's conventions for generative models (`gen_ai.*`); what those have no name
//! for is `hefu.*`. Neither prompts nor answers are sent.

use crate::failure::Failure;
use crate::network;
use async_trait::async_trait;
use bytes::Bytes;
use hefu_server::watch::{Account, Ending, Watcher};
use http::{Request, Response, Uri};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use ureq::Agent;

/// Time limit of sending one batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where collectors take traces if the address names no path (OTLP specification, section "OTLP/HTTP Request").
const TRACES_PATH: &str = "/v1/traces";
/// Most bytes of a collector's answer.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// Turns accounts of answers into spans; a thread of its own sends them in batches.
pub(crate) struct Sender {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Sender {
    /// A sender to the collector at an address such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// An address of another kind.
    pub(crate) fn new(endpoint: &str) -> Result<Self, Failure> {
        let wrong = |why: String| {
            Failure::Usage(format!("--otlp-endpoint {endpoint:?} {why}; give one such as http://127.0.0.1:4318"))
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client(network::agent(TIMEOUT)))
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(TIMEOUT)
            .with_endpoint(traces_url(endpoint).map_err(wrong)?)
            .build()
            .map_err(|error| wrong(format!("cannot be used: {error}")))?;
        let resource = Resource::builder()
            .with_service_name("hefu")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let tracer = provider.tracer("hefu");
        Ok(Self { provider, tracer })
    }

    /// Sends what was not sent yet.
    pub(crate) fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(TIMEOUT) {
            tracing::warn!("the last traces were not sent: {error}");
        }
    }

    /// A span inside the answer's, of which two points in time are known.
    fn part(&self, name: &'static str, parent: &Context, from: SystemTime, took: Duration) -> SystemTime {
        let to = from + took;
        let span = self.tracer.span_builder(name).with_start_time(from).start_with_context(&self.tracer, parent);
        end(span, to);
        to
    }
}

impl Watcher for Sender {
    fn answered(&self, account: Account) {
        let caller = caller(account.trace_parent.as_deref());
        let span = self
            .tracer
            .span_builder(format!("chat {}", account.model))
            .with_kind(SpanKind::Server)
            .with_start_time(account.arrived)
            .with_attributes(attributes(&account))
            .start_with_context(&self.tracer, &caller);
        let inside = Context::new().with_remote_span_context(span.span_context().clone());
        let begun = self.part("queue", &inside, account.arrived, account.summary.queued);
        if account.summary.completion_tokens > 0 {
            let first = self.part("prefill", &inside, begun, account.summary.prefill);
            self.part("decode", &inside, first, account.summary.decode);
        }
        let mut span = span;
        match &account.ending {
            Ending::Complete => span.set_status(Status::Ok),
            Ending::ClientGone => span.set_attribute(KeyValue::new("hefu.client_gone", true)),
            Ending::Failed(sentence) => span.set_status(Status::error(sentence.clone())),
        }
        end(span, account.arrived + account.whole);
    }
}

fn end(mut span: impl Span, at: SystemTime) {
    span.end_with_timestamp(at);
}

/// Trace that the caller's header names; a new one if it names nothing.
fn caller(trace_parent: Option<&str>) -> Context {
    let headers: HashMap<String, String> =
        trace_parent.map(|value| ("traceparent".to_owned(), value.to_owned())).into_iter().collect();
    TraceContextPropagator::new().extract_with_context(&Context::new(), &headers)
}

fn attributes(account: &Account) -> Vec<KeyValue> {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let summary = &account.summary;
    vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "hefu"),
        KeyValue::new("gen_ai.request.model", account.model.clone()),
        KeyValue::new("gen_ai.request.choice.count", count(account.choices)),
        KeyValue::new("gen_ai.response.id", account.answer.clone()),
        KeyValue::new("gen_ai.usage.input_tokens", count(summary.prompt_tokens)),
        KeyValue::new("gen_ai.usage.cache_read.input_tokens", count(summary.cached_tokens)),
        KeyValue::new("gen_ai.usage.output_tokens", count(summary.completion_tokens)),
        KeyValue::new("hefu.fingerprint", account.fingerprint.clone()),
        KeyValue::new("hefu.request", account.request.clone()),
        KeyValue::new("hefu.client", account.client.clone()),
    ]
}

/// The address to which traces go: what was given, with the usual path if it has none.
fn traces_url(endpoint: &str) -> Result<String, String> {
    let uri: Uri = endpoint.parse().map_err(|error| format!("is no address ({error})"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err("must begin with http:// or https://".to_owned());
    }
    let has_path = !matches!(uri.path(), "" | "/");
    Ok(if has_path { endpoint.to_owned() } else { format!("{}{TRACES_PATH}", endpoint.trim_end_matches('/')) })
}

/// Sends over the program's own HTTP client, on the thread of the batches.
#[derive(Debug)]
struct Client(Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut answer = self.0.run(Request::from_parts(parts, body.to_vec()))?;
        let bytes = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?;
        Ok(Response::builder().status(answer.status()).body(Bytes::from(bytes))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_path_gets_the_usual_one() {
        let of = |endpoint| traces_url(endpoint).unwrap();
        assert_eq!(of("http://127.0.0.1:4318"), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(of("http://collector/"), "http://collector/v1/traces");
        assert_eq!(of("https://collector/in/traces"), "https://collector/in/traces");
        for wrong in ["", "collector:4318", "ftp://collector", "http://", "a b"] {
            assert!(traces_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_traceparent_that_is_none_begins_a_new_trace() {
        let id = |value| caller(value).span().span_context().trace_id().to_string();
        let whole = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(id(Some(whole)), "4bf92f3577b34da6a3ce929d0e0e4736");
        for none in [None, Some(""), Some("00-0-0-0"), Some("nonsense")] {
            assert_eq!(id(none), "0".repeat(32));
        }
    }
}
