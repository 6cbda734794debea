//! Answers of another server that go on here.

use super::BEAT;
use super::letter::Letter;
use super::line::Place;
use crate::api::sse::LINES;
use crate::error::ApiError;
use crate::keys::number;
use crate::limits::Limits;
use crate::metrics::Direction;
use crate::registry::Lease;
use crate::service::{Caller, Service};
use crate::worker::{Running, Worker};
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hefu_answer::{Ask, constraint};
use hefu_engine::scheduler::{Event, Job};
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tokio::sync::mpsc;

/// An answer that is computed for another server. Dropping it, as a connection that ends does, gives it up.
struct Received {
    service: Arc<Service>,
    running: Running,
    lease: Lease,
    letter: Letter,
    place: Place,
    /// Tokens that were computed here.
    tokens: usize,
    is_over: bool,
    _under_way: Option<mpsc::Sender<()>>,
}

impl Service {
    /// Goes on with an answer of another server, which reads the tokens from the response as they come.
    ///
    /// # Errors
    /// Whatever is wrong with the letter, a model that is another one, a context that is too small for the answer, or a full queue.
    pub(crate) async fn resume(self: &Arc<Self>, caller: &Caller, body: Bytes) -> Result<Response, ApiError> {
        let arrived = Instant::now();
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        self.can_record().await.map_err(|sentence| ApiError::not_recorded(&sentence))?;
        let service = Arc::clone(self);
        let letter = self.work(caller.client, move |_| Letter::read(&body, &service.limits)).await??;
        let owner = if letter.client.is_empty() { 0 } else { number(&letter.client) };
        let lease = self.lease(owner, &Ask { model: self.named_by(&letter), ..Ask::default() }).await?;
        check(&letter, &lease)?;
        let structure = letter.structure.clone();
        let make = move |lease: &Lease, _: &Limits, given_up: &AtomicBool| {
            let made = structure.map(|spec| constraint(&spec, &lease.worker.text, given_up));
            made.transpose().map_err(ApiError::from)
        };
        let (lease, constraint) = self.text_work(owner, lease, make).await?;
        let terms = Caller { client: owner, group: letter.group, ..Caller::default() };
        let job = Job {
            answered: letter.answered.clone(),
            constraint,
            client: owner,
            domain: terms.domain(),
            priority: letter.priority,
            deadline: Some(lease.worker.time(arrived) + letter.time_left().min(self.limits.request_time)),
            ..Job::new(letter.request())
        };
        let running = lease.worker.submit(vec![job]).await?;
        let place = Place::of(&letter);
        let (service, under_way) = (Arc::clone(self), self.under_way());
        let received =
            Received { service, running, lease, letter, place, tokens: 0, is_over: false, _under_way: under_way };
        received.note();
        Ok(received.response())
    }

    /// The model that has the letter's fingerprint, if one in memory has it; else the one of the letter's name.
    fn named_by(&self, letter: &Letter) -> Option<String> {
        let standings = self.registry.standings();
        let has = |worker: &Arc<Worker>| worker.fingerprint == letter.fingerprint;
        let found = standings.iter().find(|standing| standing.worker.as_ref().is_some_and(has));
        Some(found.map_or_else(|| letter.model.clone(), |standing| standing.card.name.clone()))
    }
}

/// Whether the model is the one that began the answer, and has room for the rest.
fn check(letter: &Letter, lease: &Lease) -> Result<(), ApiError> {
    let (own, context) = (&lease.worker.fingerprint, lease.worker.text.context);
    if *own != letter.fingerprint {
        let sentence = format!(
            "the answer was begun under the fingerprint {}, but that of {} here is {own}",
            letter.fingerprint, lease.worker.text.name
        );
        return Err(ApiError::parameter("fingerprint", sentence).code("fingerprint_differs"));
    }
    let needed = letter.prompt.len().saturating_add(letter.max_tokens);
    if needed > context {
        let sentence =
            format!("the answer may have {needed} tokens with its prompt, but the context here is {context}");
        return Err(ApiError::parameter("max_tokens", sentence).code("context_length_exceeded"));
    }
    Ok(())
}

impl Received {
    /// A response that tells of the answer line by line.
    fn response(mut self) -> Response {
        let first = self.place.accept().text();
        let body = stream::unfold((self, Some(first)), |(mut received, first)| async move {
            if let Some(first) = first {
                return Some((Ok::<_, Infallible>(Bytes::from(first)), (received, None)));
            }
            let text = received.next().await?;
            Some((Ok(Bytes::from(text)), (received, None)))
        });
        ([(CONTENT_TYPE, LINES), (CACHE_CONTROL, "no-cache")], Body::from_stream(body)).into_response()
    }

    /// What is to be told next: a line, or an empty one where nothing has happened for a while.
    async fn next(&mut self) -> Option<String> {
        while !self.is_over {
            let Ok(happened) = tokio::time::timeout(BEAT, self.running.next()).await else {
                return Some("\n".to_owned());
            };
            let (_, event, _) = happened?;
            self.tokens += usize::from(matches!(event, Event::Token(_)));
            self.is_over = matches!(event, Event::Finished(_) | Event::Failed(_));
            if let Some(line) = self.place.tell(event) {
                return Some(line.text());
            }
        }
        None
    }

    /// Says in the log, the counts and the record that the answer goes on here.
    fn note(&self) {
        let (letter, model) = (&self.letter, &self.lease.worker.text.name);
        self.service.metrics.moved(model, Direction::Received);
        let answered = letter.answered.len();
        tracing::info!(
            answer = letter.answer,
            choice = letter.choice,
            model,
            client = letter.client,
            answered,
            "goes on here"
        );
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let letter = &self.letter;
        let (answered, tokens, whole) = (letter.answered.len(), self.tokens, self.is_over);
        tracing::info!(
            answer = letter.answer,
            choice = letter.choice,
            client = letter.client,
            tokens,
            whole,
            "went on here"
        );
        if let Some(recorder) = &self.service.recorder {
            let details = json!({
                "answer": letter.answer, "choice": letter.choice, "client": letter.client,
                "fingerprint": letter.fingerprint, "answered": answered, "tokens": tokens, "whole": whole,
                "digest": self.place.digest(),
            });
            recorder.moved("answer_received", details);
        }
    }
}
