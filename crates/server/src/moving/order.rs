//! The order to have everything go on at another server, and what has come of it.

use super::destination::Destination;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Who hears of orders to move.
pub(crate) type Orders = watch::Receiver<Option<Arc<Order>>>;

/// The order to move that a server has, if it has one.
#[derive(Debug)]
pub(crate) struct Moves {
    order: watch::Sender<Option<Arc<Order>>>,
    /// Where everything goes once the server is told to stop.
    successor: OnceLock<Destination>,
}

/// An order to move everything, and what has come of it.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) destination: Arc<Destination>,
    pub(crate) counts: Counts,
}

/// Counts of an order.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Answers that were given up here to go on there.
    pub(crate) sent: AtomicUsize,
    /// Of those, how many are being computed there.
    pub(crate) away: AtomicUsize,
    /// Of those, how many went on here after all.
    pub(crate) returned: AtomicUsize,
    /// Kept responses that the other server has.
    pub(crate) responses: AtomicUsize,
    /// Those that it did not take.
    pub(crate) responses_left: AtomicUsize,
}

impl Default for Moves {
    fn default() -> Self {
        Self { order: watch::Sender::new(None), successor: OnceLock::new() }
    }
}

impl Moves {
    /// Who is to hear of orders, also of the one that there is.
    pub(crate) fn listen(&self) -> Orders {
        let mut orders = self.order.subscribe();
        orders.mark_changed();
        orders
    }

    /// Where everything goes at the end, if that was said.
    pub(super) fn successor(&self) -> Option<Destination> {
        self.successor.get().cloned()
    }

    /// The order that there is.
    pub(crate) fn order(&self) -> Option<Arc<Order>> {
        self.order.borrow().clone()
    }

    /// Has a server that is told to stop move everything there; the first one that is named counts.
    pub(crate) fn set_successor(&self, destination: Destination) {
        drop(self.successor.set(destination));
    }

    /// Gives another order, or none.
    pub(super) fn set(&self, order: Option<Arc<Order>>) {
        self.order.send_replace(order);
    }
}

impl Counts {
    /// Counts one more.
    pub(crate) fn add(count: &AtomicUsize) {
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one less.
    pub(crate) fn take(count: &AtomicUsize) {
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Order {
    /// What has come of it so far, with the number of answers that are under way.
    pub(crate) fn account(&self, under_way: usize) -> Value {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let counts = &self.counts;
        json!({
            "object": "drain",
            "to": self.destination.address(),
            "answers": {
                "under_way": under_way,
                "sent": of(&counts.sent),
                "away": of(&counts.away),
                "returned": of(&counts.returned),
            },
            "responses": {"sent": of(&counts.responses), "left": of(&counts.responses_left)},
        })
    }
}
