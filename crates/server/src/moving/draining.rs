//! What an order to move sets going.

use super::destination::Destination;
use super::order::{Counts, Order};
use super::parcel::{Item, MAX_RESPONSES, Parcel};
use crate::service::Service;
use axum::body::Bytes;
use http_body_util::BodyExt;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of the responses that are sent together; one that has more goes alone.
const PARCEL_BYTES: usize = 1 << 20;

impl Service {
    /// Has everything move to another server once this one is told to stop.
    pub fn set_successor(&self, destination: Destination) {
        self.moves.set_successor(destination);
    }

    /// Takes no new requests, and has running answers and kept responses go on at another server.
    pub(crate) fn drain(self: &Arc<Self>, destination: Arc<Destination>) -> Arc<Order> {
        let order = Arc::new(Order { destination, counts: Counts::default() });
        self.moves.set(Some(Arc::clone(&order)));
        tracing::info!(to = order.destination.address(), "answers move to another server");
        if let Some(recorder) = &self.recorder {
            recorder.moved("drain", json!({"to": order.destination.address()}));
        }
        self.accompany(send_responses(Arc::clone(self), Arc::clone(&order), None));
        order
    }

    /// Takes requests again. What was moved stays where it is.
    pub(crate) fn end_drain(&self) -> Option<Arc<Order>> {
        let order = self.moves.order()?;
        self.moves.set(None);
        tracing::info!(to = order.destination.address(), "answers move no longer");
        if let Some(recorder) = &self.recorder {
            recorder.moved("drain_ended", json!({"to": order.destination.address()}));
        }
        Some(order)
    }

    /// Moves everything to the server that was named for the end of this one, if one was.
    pub(crate) async fn hand_over(self: &Arc<Self>) {
        let Some(successor) = self.moves.successor() else { return };
        match successor.greet().await {
            Ok(()) => drop(self.drain(Arc::new(successor))),
            Err(sentence) => tracing::error!("answers finish here: {sentence}"),
        }
    }
}

/// Sends what is kept to the order's other server: one response, or all that there are. What it does not take stays here alone.
pub(crate) async fn send_responses(service: Arc<Service>, order: Arc<Order>, one: Option<(String, String)>) {
    let names = one.map_or_else(|| service.responses.names(), |name| vec![name]);
    let mut parcel = Vec::new();
    let mut bytes = 0;
    for (client, id) in names {
        // It may be forgotten by now.
        let Some(response) = service.responses.find(&client, &id) else { continue };
        let Some(item) = Item::new(&client, &id, &response) else { continue };
        if bytes + item.bytes() > PARCEL_BYTES || parcel.len() == MAX_RESPONSES {
            send(&order, std::mem::take(&mut parcel)).await;
            bytes = 0;
        }
        bytes += item.bytes();
        parcel.push(item);
    }
    send(&order, parcel).await;
}

async fn send(order: &Order, responses: Vec<Item>) {
    let count = responses.len();
    if count == 0 {
        return;
    }
    let counter = match carried(order, responses).await {
        Ok(()) => &order.counts.responses,
        Err(sentence) => {
            tracing::warn!(count, "kept responses stay here: {sentence}");
            &order.counts.responses_left
        }
    };
    counter.fetch_add(count, Ordering::Relaxed);
}

async fn carried(order: &Order, responses: Vec<Item>) -> Result<(), String> {
    let body = Bytes::from(Parcel::bytes_of(responses)?);
    let reply = order.destination.post("/v1/resume/responses", body).await?;
    // Read to its end, so that the other server is done.
    reply.into_body().collect().await.map(drop).map_err(|error| error.to_string())
}
