//! An answer on its way to another server, and back where that one fails.

use super::source::Happened;
use super::{Early, Task};
use crate::error::ApiError;
use crate::metrics::Direction;
use crate::moving::{Away, Counts, FORMAT, Letter, Order};
use hefu_answer::{ChoiceStream, Spec, constraint};
use hefu_engine::FinishReason;
use hefu_engine::constraint::Constraint;
use hefu_engine::scheduler::Event;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

impl Task {
    /// What comes next of a choice, while anybody listens, wherever it is computed.
    pub(super) async fn next(&mut self, streams: &[ChoiceStream]) -> Result<(usize, Event, Instant), Early> {
        loop {
            let happened = tokio::select! {
                biased;
                () = self.outlet.closed() => return Err(Early::Gone),
                happened = self.source.next(&mut self.orders) => happened,
            };
            match happened {
                Happened::Event(choice, event, at) => return Ok((choice, self.as_here(choice, event, streams), at)),
                Happened::Called(order) => {
                    if !self.source.leave(order).await {
                        tracing::info!(answer = self.id, "the answer stays here: what its layers hand on is traced");
                    }
                }
                Happened::Left(order) => self.go(&order, streams),
                Happened::Lost(order, sentence) => self.come_back(&order, &sentence, streams).await?,
                Happened::Stopped => {
                    let sentence = "the model stopped in the middle of the answer; the server's log says more";
                    return Err(Early::Failed(ApiError::internal(sentence)));
                }
            }
        }
    }

    /// An event with the reason for an end that it would have here: the context is part of the most tokens there.
    fn as_here(&self, choice: usize, event: Event, streams: &[ChoiceStream]) -> Event {
        let tokens = streams.get(choice).map_or(0, |stream| stream.ids.len());
        let is_full = self.prepared.request.max_tokens.is_none_or(|most| tokens < most);
        match event {
            Event::Finished(FinishReason::MaxTokens) if is_full => Event::Finished(FinishReason::Context),
            other => other,
        }
    }

    /// Sends what is left of the answer to another server.
    fn go(&mut self, order: &Arc<Order>, streams: &[ChoiceStream]) {
        let letters: Vec<Letter> =
            open(streams).map(|(choice, stream)| self.letter(choice, stream.ids.clone())).collect();
        let tokens: usize = letters.iter().map(|letter| letter.answered.len()).sum();
        Counts::add(&order.counts.sent);
        self.note("answer_sent", Direction::Sent, order, tokens, None);
        self.source.go(Away::new(Arc::clone(order), letters));
    }

    fn letter(&self, choice: usize, answered: Vec<u32>) -> Letter {
        let worker = &self.lease.worker;
        let request = self.prepared.request_of(choice);
        let room = worker.text.context.saturating_sub(request.prompt.len());
        let now = worker.time(Instant::now());
        let left = self.terms.deadline.map_or(self.limit, |end| end.saturating_sub(now));
        Letter {
            format: FORMAT,
            answer: self.id.clone(),
            choice,
            model: worker.text.name.clone(),
            fingerprint: worker.fingerprint.clone(),
            client: self.client.clone(),
            group: self.terms.group(),
            priority: self.terms.priority,
            milliseconds: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            answered,
            max_tokens: request.max_tokens.map_or(room, |most| most.min(room)),
            prompt: request.prompt,
            parameters: request.parameters,
            end_tokens: request.end_tokens,
            structure: self.prepared.held_to().cloned(),
            digest: String::new(),
        }
    }

    /// Goes on here, from what the other server has sent.
    async fn come_back(&mut self, order: &Arc<Order>, sentence: &str, streams: &[ChoiceStream]) -> Result<(), Early> {
        // The other server is told first that nobody waits for its tokens.
        self.source.give_up();
        let tokens = open(streams).map(|(_, stream)| stream.ids.len()).sum();
        Counts::add(&order.counts.returned);
        self.note("answer_returned", Direction::Returned, order, tokens, Some(sentence));
        let choices: Vec<usize> = open(streams).map(|(choice, _)| choice).collect();
        let mut jobs = Vec::with_capacity(choices.len());
        for (choice, stream) in open(streams) {
            let constraint = match self.prepared.held_to().cloned() {
                None => None,
                Some(spec) => Some(self.constraint(spec).await.map_err(Early::Failed)?),
            };
            jobs.push(self.terms.job(&self.prepared, choice, constraint, stream.ids.clone()));
        }
        let running = self.lease.worker.submit(jobs).await.map_err(Early::Failed)?;
        self.source.stay(running, choices);
        Ok(())
    }

    /// What holds a choice to a structure, made again on a thread that may take its time.
    async fn constraint(&self, spec: Spec) -> Result<Box<dyn Constraint>, ApiError> {
        let place = self.desks.take(self.terms.client).await;
        let worker = Arc::clone(&self.lease.worker);
        let make = move || {
            let _place = place;
            constraint(&spec, &worker.text, &AtomicBool::new(false))
        };
        let made = tokio::task::spawn_blocking(make).await.map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(made?)
    }

    /// Says in the log, the counts and the record that the answer moved.
    fn note(&self, event: &'static str, direction: Direction, order: &Order, tokens: usize, why: Option<&str>) {
        let (to, fingerprint) = (order.destination.address(), &self.lease.worker.fingerprint);
        self.metrics.moved(&self.lease.worker.text.name, direction);
        match why {
            Some(why) => tracing::warn!(answer = self.id, to, tokens, "the answer goes on here: {why}"),
            None => tracing::info!(answer = self.id, to, tokens, "the answer goes on at another server"),
        }
        if let Some(recorder) = &self.recorder {
            let details = json!({
                "answer": self.id, "client": self.client, "fingerprint": fingerprint, "to": to, "tokens": tokens, "why": why,
            });
            recorder.moved(event, details);
        }
    }
}

/// The choices that are not over.
fn open(streams: &[ChoiceStream]) -> impl Iterator<Item = (usize, &ChoiceStream)> {
    streams.iter().enumerate().filter(|(_, stream)| stream.finish.is_none())
}
