//! Server-sent events: an answer's pieces as lines of `data:`.

use crate::answer::{Answer, Piece};
use crate::error::ApiError;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hefu_answer::Summary;
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;

/// Silence of a stream after which a comment shows that it lives.
const SILENCE: Duration = Duration::from_secs(15);

/// Writes a dialect's events into a buffer.
pub trait Events: Send + 'static {
    /// Writes what goes out before the first piece.
    fn begin(&mut self, out: &mut String);

    /// Writes what goes out for a piece.
    fn piece(&mut self, piece: Piece, out: &mut String);
}

/// The media type of answers line by line.
pub const LINES: &str = "application/x-ndjson";

/// A response that streams as server-sent events.
pub fn stream_of(answers: Vec<Answer>, events: impl Events) -> Response {
    // A comment, which clients pass over.
    stream_as(answers, events, "text/event-stream", ": waiting\n\n")
}

/// A response that streams as lines of JSON, in which there is no way to say nothing.
pub fn lines_of(answers: Vec<Answer>, events: impl Events) -> Response {
    stream_as(answers, events, LINES, "")
}

fn stream_as(answers: Vec<Answer>, events: impl Events, media_type: &'static str, alive: &'static str) -> Response {
    let merged = Merged { answers, open: None };
    let state = (merged, events, true);
    let body = stream::unfold(state, move |(mut merged, mut events, is_first)| async move {
        let mut out = String::new();
        if is_first {
            events.begin(&mut out);
        }
        while out.is_empty() {
            match tokio::time::timeout(SILENCE, merged.next()).await {
                Ok(Some(piece)) => events.piece(piece, &mut out),
                Ok(None) => return None,
                Err(_) => out.push_str(alive),
            }
        }
        Some((Ok::<_, Infallible>(Bytes::from(out)), (merged, events, false)))
    });
    let headers = [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-cache"),
        // Reverse proxies must hand each event on at once.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (StatusCode::OK, headers, Body::from_stream(body)).into_response()
}

/// One event without a name.
pub fn data(value: &Value, out: &mut String) {
    out.push_str("data: ");
    out.push_str(&value.to_string());
    out.push_str("\n\n");
}

/// One event with a name.
pub fn named(name: &str, value: &Value, out: &mut String) {
    out.push_str("event: ");
    out.push_str(name);
    out.push('\n');
    data(value, out);
}

/// The pieces of several answers as they come, choices numbered through; one end for all.
struct Merged {
    answers: Vec<Answer>,
    /// Number of choices that have not ended, and the sum of the ended ones; set at the first piece.
    open: Option<(usize, Summary)>,
}

impl Merged {
    async fn next(&mut self) -> Option<Piece> {
        let count = self.answers.len();
        let (open, _) = self.open.get_or_insert((count, Summary::default()));
        if *open == 0 {
            return None;
        }
        loop {
            let Some((index, piece)) = self.any().await else {
                self.open = Some((0, Summary::default()));
                return Some(Piece::Failed(ApiError::internal("the answer broke off; the server's log says more")));
            };
            let choices = self.answers.iter().take(index).map(|answer| answer.choices).sum::<usize>();
            match piece {
                Piece::Delta { choice, delta } => return Some(Piece::Delta { choice: choices + choice, delta }),
                Piece::Labels(labels) => return Some(Piece::Labels(labels)),
                Piece::Failed(error) => {
                    self.open = Some((0, Summary::default()));
                    return Some(Piece::Failed(error));
                }
                Piece::Done(summary) => {
                    let (open, sum) = self.open.as_mut()?;
                    sum.add(&summary);
                    *open -= 1;
                    if *open == 0 {
                        return Some(Piece::Done(*sum));
                    }
                }
            }
        }
    }

    /// The next piece of any answer, and which answer it is of.
    async fn any(&mut self) -> Option<(usize, Piece)> {
        std::future::poll_fn(|context| {
            let mut has_open = false;
            for (index, answer) in self.answers.iter_mut().enumerate() {
                match answer.pieces.poll_recv(context) {
                    std::task::Poll::Ready(Some(piece)) => return std::task::Poll::Ready(Some((index, piece))),
                    std::task::Poll::Ready(None) => {}
                    std::task::Poll::Pending => has_open = true,
                }
            }
            if has_open { std::task::Poll::Pending } else { std::task::Poll::Ready(None) }
        })
        .await
    }
}
