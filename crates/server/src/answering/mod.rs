//! The asynchronous half of an answer: from tokens of the model's thread to pieces for a client.
//!
//! Characters, stop strings and calls are worked out here, not on the thread that computes. A client that goes away ends
//! the answer. A client that reads slowly gets [`PIECES_AHEAD`](crate::limits::PIECES_AHEAD) pieces ahead and then
//! [`stall_time`](crate::limits::Limits::stall_time) of patience, which waiting for it uses up and what it takes gives
//! back ([`Patience`]): only its own answer waits, and only that one is given up.

mod leaving;
mod patience;
mod source;

pub(crate) use patience::Patience;
pub(crate) use source::{Source, Terms};

use crate::answer::Piece;
use crate::error::{ApiError, Kind};
use crate::ids;
use crate::metrics::{Metrics, Times};
use crate::moving::Orders;
use crate::record::{Labels, Recorder};
use crate::registry::Lease;
use crate::shares::Shares;
use crate::watch::{Account, Ending, Watcher};
use hefu_answer::{AnswerRecord, ChoiceStream, Delta, Prepared, Summary};
use hefu_engine::FinishReason;
use hefu_engine::scheduler::{Event, Failure};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;

/// An answer under way.
pub(crate) struct Task {
    /// That of the response.
    pub(crate) id: String,
    /// Number of the first one here among the response's choices.
    pub(crate) first: usize,
    pub(crate) prepared: Prepared,
    pub(crate) lease: Lease,
    pub(crate) source: Source,
    pub(crate) outlet: mpsc::Sender<Piece>,
    pub(crate) stall: Duration,
    pub(crate) patience: Patience,
    pub(crate) limit: Duration,
    pub(crate) arrived: Instant,
    pub(crate) terms: Terms,
    pub(crate) client: String,
    pub(crate) user: Option<String>,
    pub(crate) request_id: String,
    pub(crate) trace_parent: Option<String>,
    pub(crate) watcher: Option<Arc<dyn Watcher>>,
    pub(crate) hides_prompt: bool,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
    pub(crate) labels: Option<Arc<dyn Labels>>,
    pub(crate) metrics: Arc<Metrics>,
    /// Places where grammars are made again.
    pub(crate) desks: Arc<Shares>,
    /// Orders to go on at another server.
    pub(crate) orders: Orders,
}

/// Reason why an answer ends before its end.
enum Early {
    /// Nobody listens any more.
    Gone,
    /// It failed.
    Failed(ApiError),
}

/// Times of first and last events.
#[derive(Default)]
struct Clock {
    /// Beginning of the first step that computed some of the prompt.
    begun: Option<Instant>,
    first: Option<Instant>,
    last: Vec<Option<Instant>>,
    end: Option<Instant>,
}

impl Task {
    /// Carries the answer to its end.
    pub(crate) async fn run(mut self) {
        let stream = |choice| self.prepared.stream(&self.lease.worker.text, format!("{}-{choice}", self.id));
        let mut streams: Vec<ChoiceStream> = (0..self.prepared.count).map(stream).collect();
        let mut clock = Clock { last: vec![None; streams.len()], ..Clock::default() };
        let mut summary = Summary {
            prompt_tokens: self.prepared.request.prompt.len(),
            load: self.lease.waited,
            ..Summary::default()
        };
        let outcome = self.answer(&mut streams, &mut clock, &mut summary).await;
        summary.reasoning_tokens = streams.iter().map(|stream| stream.reasoning_tokens).sum();
        summary.completion_tokens = streams.iter().map(|stream| stream.ids.len()).sum();
        clock.sum_up(self.arrived, &mut summary);
        let outcome = match outcome {
            Ok(end) => self.record_and_end(&streams, end).await,
            Err(early) => {
                // The text before it broke off is kept as well. Nobody waits for it.
                if let Err(error) = self.record(&streams).await {
                    tracing::error!(request = self.request_id, "not recorded: {error}");
                }
                Err(early)
            }
        };
        self.log(&summary, &clock, &outcome);
        let last = match outcome {
            Ok(()) => Piece::Done(summary),
            Err(Early::Failed(error)) => Piece::Failed(error),
            Err(Early::Gone) => return,
        };
        // The model is free for others from here on, however slowly the last piece is read.
        drop((self.source, self.lease));
        drop(self.outlet.send_timeout(last, self.stall).await);
    }

    /// Hands out everything but the end of the last choice, which it returns: nobody can take the answer for complete
    /// before it is recorded.
    async fn answer(
        &mut self,
        streams: &mut [ChoiceStream],
        clock: &mut Clock,
        summary: &mut Summary,
    ) -> Result<Piece, Early> {
        let mut open = streams.len();
        loop {
            let (choice, event, at) = self.next(streams).await?;
            let Some(stream) = streams.get_mut(choice) else { continue };
            let deltas = match event {
                Event::Prefill { .. } => {
                    clock.begun.get_or_insert(at);
                    Vec::new()
                }
                Event::Started { reused } | Event::Shared { reused } => {
                    // The other choices have it from the first, and what was counted is not counted again elsewhere.
                    summary.cached_tokens += if choice == 0 && self.source.counts_cached() { reused } else { 0 };
                    Vec::new()
                }
                Event::Token(token) => {
                    if let Some(after) = clock.token(choice, at) {
                        self.metrics.token(&self.lease.worker.text.name, after);
                    }
                    stream.token(&token)
                }
                Event::Traced(piece) => {
                    stream.trace.take(&piece);
                    Vec::new()
                }
                Event::Embedding(_)
                | Event::Ranked(_)
                | Event::Logits(_)
                | Event::Scored(_)
                | Event::Likelihoods(_)
                | Event::Verdict(_) => Vec::new(),
                Event::Finished(FinishReason::Deadline) => return Err(Early::Failed(self.overdue())),
                Event::Finished(finish) => stream.finish(finish),
                Event::Failed(failure) => return Err(Early::Failed(failed(&failure))),
            };
            for delta in deltas {
                let is_end = matches!(delta, Delta::Finish(_));
                let piece = Piece::Delta { choice, delta };
                if is_end {
                    open -= 1;
                    self.source.cancel(choice);
                }
                if is_end && open == 0 {
                    return Ok(piece);
                }
                self.send(piece).await?;
            }
        }
    }

    async fn record_and_end(&mut self, streams: &[ChoiceStream], end: Piece) -> Result<(), Early> {
        let digests = self.record(streams).await.map_err(Early::Failed)?;
        if let Some(labels) = self.labels(digests.first()).map_err(Early::Failed)? {
            self.send(Piece::Labels(labels)).await?;
        }
        self.send(end).await
    }

    async fn send(&mut self, piece: Piece) -> Result<(), Early> {
        let (weight, from) = (piece.weight(), Instant::now());
        match self.outlet.send_timeout(piece, self.patience.left).await {
            Ok(()) => {
                self.patience.record_time(weight, from.elapsed());
                Ok(())
            }
            Err(SendTimeoutError::Closed(_)) => Err(Early::Gone),
            Err(SendTimeoutError::Timeout(_)) => {
                tracing::warn!(request = self.request_id, "the client does not read its answer; it is given up");
                Err(Early::Gone)
            }
        }
    }

    fn overdue(&self) -> ApiError {
        let seconds = self.limit.as_secs();
        let sentence =
            format!("the answer took longer than the {seconds} s that the server allows (--request-seconds)");
        ApiError::new(Kind::Overdue, sentence).code("timeout")
    }

    /// Labels of the response now that its first choice is recorded with this digest.
    fn labels(&self, receipt: Option<&String>) -> Result<Option<Map<String, Value>>, ApiError> {
        match (&self.labels, receipt) {
            (Some(labels), Some(receipt)) if self.first == 0 => {
                let labels = labels.label(&self.id, Some(receipt));
                Ok(Some(labels.map_err(|sentence| ApiError::new(Kind::Unavailable, sentence))?))
            }
            _ => Ok(None),
        }
    }

    /// Hands every choice that has a token or an end to the recorder; the digests of what was made of them.
    async fn record(&self, streams: &[ChoiceStream]) -> Result<Vec<String>, ApiError> {
        let Some(recorder) = &self.recorder else { return Ok(Vec::new()) };
        let records: Vec<_> = streams
            .iter()
            .enumerate()
            .filter(|(_, stream)| !stream.ids.is_empty() || stream.finish.is_some())
            .map(|(choice, stream)| self.record_of(choice, stream))
            .collect();
        let recorder = Arc::clone(recorder);
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let sentence = match tokio::task::spawn_blocking(move || recorder.record(records)).await {
            Ok(Ok(digests)) => return Ok(digests),
            Ok(Err(sentence)) => sentence,
            Err(error) => error.to_string(),
        };
        Err(ApiError::not_recorded(&sentence))
    }

    fn record_of(&self, choice: usize, stream: &ChoiceStream) -> AnswerRecord {
        AnswerRecord {
            id: match self.first + choice {
                0 => self.id.clone(),
                number => format!("{}-{number}", self.id),
            },
            started: ids::unix_milliseconds().saturating_sub(self.arrived.elapsed().as_millis() as u64),
            fingerprint: self.lease.worker.fingerprint.clone(),
            client: self.client.clone(),
            user: self.user.clone(),
            request: self.request_id.clone(),
            hides_prompt: self.hides_prompt,
            ..self.prepared.record(&self.lease.worker.text, choice, stream)
        }
    }

    fn log(&self, summary: &Summary, clock: &Clock, outcome: &Result<(), Early>) {
        let times = Times {
            queued: clock.begun.map(|begun| begun.saturating_duration_since(self.arrived)),
            prefill: clock.first.map(|_| summary.prefill),
            first_token: clock.first.map(|first| first.saturating_duration_since(self.arrived)),
            whole: self.arrived.elapsed(),
        };
        self.metrics.answer(&self.lease.worker.text.name, summary, times);
        tracing::info!(
            request = self.request_id,
            answer = self.id,
            model = self.lease.worker.text.name,
            client = self.client,
            prompt_tokens = summary.prompt_tokens,
            cached_tokens = summary.cached_tokens,
            completion_tokens = summary.completion_tokens,
            first_token_ms = times.first_token.map(|time| time.as_millis() as u64),
            whole_ms = times.whole.as_millis() as u64,
            outcome = match outcome {
                Ok(()) => "complete",
                Err(Early::Gone) => "client gone",
                Err(Early::Failed(_)) => "failed",
            },
            "answered"
        );
        self.tell(summary, times.whole, outcome);
    }

    /// Gives whoever watches an account of the answer.
    fn tell(&self, summary: &Summary, whole: Duration, outcome: &Result<(), Early>) {
        let Some(watcher) = &self.watcher else { return };
        let now = SystemTime::now();
        watcher.answered(Account {
            answer: self.id.clone(),
            request: self.request_id.clone(),
            trace_parent: self.trace_parent.clone(),
            model: self.lease.worker.text.name.clone(),
            fingerprint: self.lease.worker.fingerprint.clone(),
            client: self.client.clone(),
            choices: self.prepared.count,
            arrived: now.checked_sub(whole).unwrap_or(now),
            whole,
            summary: *summary,
            ending: match outcome {
                Ok(()) => Ending::Complete,
                Err(Early::Gone) => Ending::ClientGone,
                Err(Early::Failed(error)) => Ending::Failed(error.message.clone()),
            },
        });
    }
}

/// Reason why a choice cannot go on, and whose fault it is.
pub(crate) fn failed(failure: &Failure) -> ApiError {
    let sentence = failure.to_string();
    match failure {
        Failure::Constraint(_) => ApiError::parameter("response_format", sentence).code("invalid_grammar"),
        Failure::Sampling(_) => ApiError::invalid(sentence),
        Failure::Device(_) => ApiError::new(Kind::Unavailable, sentence),
        _ => ApiError::internal(sentence),
    }
}

impl Clock {
    /// Notes a token; how long after the one before it of the same choice it came.
    fn token(&mut self, choice: usize, at: Instant) -> Option<Duration> {
        self.first.get_or_insert(at);
        self.end = Some(at);
        let last = self.last.get_mut(choice)?.replace(at)?;
        Some(at.saturating_duration_since(last))
    }

    fn sum_up(&self, arrived: Instant, summary: &mut Summary) {
        let between = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from),
            _ => Duration::ZERO,
        };
        summary.queued = between(Some(arrived), self.begun);
        summary.prefill = between(self.begun, self.first);
        summary.decode = between(self.first, self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever asks may ask again later: a device that failed is nobody's request's fault.
    #[test]
    fn a_device_that_failed_is_unavailable_and_a_model_is_an_error() {
        let sentence = "the device opencl failed, and whatever it holds is lost: reading failed";
        let error = failed(&Failure::Device(sentence.to_owned()));
        assert_eq!((error.kind.status().as_u16(), &error.message[..]), (503, sentence));
        assert_eq!(failed(&Failure::Model("row 1 holds a NaN".to_owned())).kind.status().as_u16(), 500);
    }
}
