//! Connections that wait for a request. When there are as many connections as may be, the one that has waited longest makes
//! room for a new one, so that those that ask nothing do not keep out those that do.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;

/// The connections that wait.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    waiting: Mutex<Waiting>,
    /// Told whenever a connection begins to wait.
    pub(crate) came: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// How many times a connection has begun to wait.
    times: u64,
    /// The longest waiting first.
    connections: BTreeMap<u64, Arc<Notify>>,
}

/// One connection among them.
#[derive(Debug)]
pub(crate) struct Seat {
    idle: Arc<Idle>,
    /// Its place among those that wait; `None` while it has a request.
    place: Mutex<Option<u64>>,
    /// Told when it is to make room.
    pub(crate) leave: Arc<Notify>,
}

/// A request under way on a connection, until the last byte of its answer has been handed on.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Seat>);

impl Idle {
    /// Tells the connection that has waited longest to make room; whether there is one.
    pub(crate) fn close_longest(&self) -> bool {
        let first = self.lock().connections.pop_first();
        first.inspect(|(_, leave)| leave.notify_one()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// A new connection, which waits for its first request.
    pub(crate) fn new(idle: &Arc<Idle>) -> Arc<Self> {
        let seat = Arc::new(Self { idle: Arc::clone(idle), place: Mutex::new(None), leave: Arc::new(Notify::new()) });
        seat.wait();
        seat
    }

    /// Whether it has a request.
    pub(crate) fn is_busy(&self) -> bool {
        self.place().is_none()
    }

    /// A request has come.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.go();
        Busy(Arc::clone(self))
    }

    fn wait(&self) {
        let mut waiting = self.idle.lock();
        let place = waiting.times;
        waiting.times += 1;
        waiting.connections.insert(place, Arc::clone(&self.leave));
        *self.place() = Some(place);
        drop(waiting);
        self.idle.came.notify_one();
    }

    fn go(&self) {
        let mut waiting = self.idle.lock();
        if let Some(place) = self.place().take() {
            waiting.connections.remove(&place);
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<u64>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.go();
    }
}

impl Busy {
    /// The response, whose body keeps the connection busy until it is sent or given up.
    pub(crate) fn over(self, response: Response) -> Response {
        response.map(|body| Body::new(Held { body, _busy: self }))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.wait();
    }
}

/// A body that holds on to what is released with it.
struct Held {
    body: Body,
    _busy: Busy,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_waiting_makes_room_and_a_busy_one_never() {
        let idle = Arc::new(Idle::default());
        assert!(!idle.close_longest());
        let (first, second) = (Seat::new(&idle), Seat::new(&idle));
        let busy = first.begin();
        assert!(first.is_busy() && !second.is_busy());
        let body = busy.over(Response::new(Body::from("x"))).into_body();
        assert_eq!(body.size_hint().exact(), Some(1));
        assert!(first.is_busy());
        assert!(idle.close_longest() && !idle.close_longest());
        drop(body);
        assert!(!first.is_busy());
        drop(second);
        drop(first);
        assert!(!idle.close_longest());
    }
}
