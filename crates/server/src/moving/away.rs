//! Answers of one request that another server computes.

use super::SILENCE;
use super::letter::Letter;
use super::line::{Lines, Place};
use super::order::{Counts, Order};
use axum::body::Bytes;
use hefu_engine::scheduler::Event;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// What came of a choice there, or why it cannot go on there.
pub(crate) type Heard = (usize, Result<Event, String>, Instant);

/// Choices that are computed there, each over a connection of its own; dropping this gives them up.
#[derive(Debug)]
pub(crate) struct Away {
    order: Arc<Order>,
    /// Which choice, and what listens to it.
    listeners: Vec<(usize, AbortHandle)>,
    heard: mpsc::UnboundedReceiver<Heard>,
}

impl Away {
    /// Sends letters, and listens to what comes of them. What can wait to be heard is bounded by the answer itself.
    pub(crate) fn new(order: Arc<Order>, letters: Vec<Letter>) -> Self {
        let (outlet, heard) = mpsc::unbounded_channel();
        let listen = |letter: Letter| {
            let (choice, outlet, order) = (letter.choice, outlet.clone(), Arc::clone(&order));
            let listener = tokio::spawn(async move {
                if let Err(sentence) = listen(&order, letter, &outlet).await {
                    drop(outlet.send((choice, Err(sentence), Instant::now())));
                }
            });
            (choice, listener.abort_handle())
        };
        let listeners = letters.into_iter().map(listen).collect();
        Counts::add(&order.counts.away);
        Self { order, listeners, heard }
    }

    /// What happens next; `None` once nothing will.
    pub(crate) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }

    /// Gives one choice up.
    pub(crate) fn cancel(&self, choice: usize) {
        self.listeners.iter().filter(|(found, _)| *found == choice).for_each(|(_, listener)| listener.abort());
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // With a listener goes its connection, by which the other server knows that nobody waits any more.
        self.listeners.iter().for_each(|(_, listener)| listener.abort());
        Counts::take(&self.order.counts.away);
    }
}

/// Hands on what comes of a letter until its end.
///
/// # Errors
/// One sentence: why it does not come to its end there.
async fn listen(order: &Order, letter: Letter, outlet: &mpsc::UnboundedSender<Heard>) -> Result<(), String> {
    let choice = letter.choice;
    let sealed = tokio::task::spawn_blocking(move || {
        let letter = letter.sealed()?;
        Ok::<_, String>((Place::of(&letter), letter.bytes()?))
    });
    let (mut place, body) = sealed.await.map_err(|error| error.to_string())??;
    let mut body = order.destination.post("/v1/resume", body).await?.into_body();
    let mut lines = Lines::default();
    loop {
        lines.push(&piece(&mut body).await?)?;
        while let Some(line) = lines.next()? {
            let Some(event) = place.hear(line)? else { continue };
            let is_last = matches!(event, Event::Finished(_));
            if outlet.send((choice, Ok(event), Instant::now())).is_err() || is_last {
                return Ok(());
            }
        }
    }
}

/// The next bytes of a body that is not at its end.
async fn piece(body: &mut Incoming) -> Result<Bytes, String> {
    let frame = tokio::time::timeout(SILENCE, body.frame()).await;
    let frame = frame.map_err(|_| format!("it has been silent for {} s", SILENCE.as_secs()))?;
    match frame {
        Some(Ok(frame)) => Ok(frame.into_data().unwrap_or_default()),
        Some(Err(error)) => Err(format!("the connection broke: {error}")),
        None => Err("it ended the connection in the middle of the answer".to_owned()),
    }
}
