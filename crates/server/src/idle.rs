//! Connections that wait for a request, or for the rest of one: for a handshake, a head, a body. When there are as many
//! connections as may be, the one that has been silent longest makes room for a new one, so that those that ask nothing do
//! not keep out those that do.

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
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
    /// Number of times that a connection has begun to wait.
    times: u64,
    /// The longest waiting first.
    connections: BTreeMap<u64, Arc<Notify>>,
}

/// One connection among them.
#[derive(Debug)]
pub(crate) struct IdleConnection {
    idle: Arc<Idle>,
    /// Its place among those that wait, and since when; `None` while it has a whole request.
    place: Mutex<Option<(u64, Instant)>>,
    /// Told when it is to make room.
    pub(crate) leave: Arc<Notify>,
}

/// A request under way on a connection, from its head until the last byte of its answer has been handed on.
#[derive(Debug)]
pub(crate) struct Busy(Arc<IdleConnection>);

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

impl IdleConnection {
    /// A new connection, which waits for its first request.
    pub(crate) fn new(idle: &Arc<Idle>) -> Arc<Self> {
        let seat = Arc::new(Self { idle: Arc::clone(idle), place: Mutex::new(None), leave: Arc::new(Notify::new()) });
        seat.wait();
        seat
    }

    /// True if it has a whole request.
    pub(crate) fn is_busy(&self) -> bool {
        self.place().is_none()
    }

    /// Time since its last byte.
    pub(crate) fn silent(&self) -> Duration {
        self.place().map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    /// The head of a request has come.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.moved();
        Busy(Arc::clone(self))
    }

    /// Part of a request has come, and more is to come.
    pub(crate) fn moved(&self) {
        let mut waiting = self.idle.lock();
        let mut place = self.place();
        // One that has been told to leave already stays told.
        if let Some((number, _)) = *place
            && let Some(leave) = waiting.connections.remove(&number)
        {
            *place = Some(waiting.add(leave));
        }
    }

    /// All of a request has come: the connection makes no room until it is answered.
    pub(crate) fn go(&self) {
        let mut waiting = self.idle.lock();
        if let Some((number, _)) = self.place().take() {
            waiting.connections.remove(&number);
        }
    }

    fn wait(&self) {
        self.go();
        let mut waiting = self.idle.lock();
        *self.place() = Some(waiting.add(Arc::clone(&self.leave)));
        drop(waiting);
        self.idle.came.notify_one();
    }

    fn place(&self) -> MutexGuard<'_, Option<(u64, Instant)>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Puts a connection behind all others.
    fn add(&mut self, leave: Arc<Notify>) -> (u64, Instant) {
        let number = self.times;
        self.times += 1;
        self.connections.insert(number, leave);
        (number, Instant::now())
    }
}

impl Drop for IdleConnection {
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
        let (first, second) = (IdleConnection::new(&idle), IdleConnection::new(&idle));
        let busy = first.begin();
        // Its body is still to come.
        assert!(!first.is_busy());
        first.go();
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

    #[tokio::test]
    async fn the_one_that_has_been_silent_longest_goes_first_and_what_comes_counts() {
        let idle = Arc::new(Idle::default());
        let (handshake, head, body) =
            (IdleConnection::new(&idle), IdleConnection::new(&idle), IdleConnection::new(&idle));
        let _request = body.begin();
        handshake.moved();
        body.moved();
        for seat in [head, handshake, body] {
            assert!(!seat.is_busy());
            idle.close_longest();
            seat.leave.notified().await;
            // A late movement changes nothing.
            seat.moved();
        }
        assert!(!idle.close_longest());
    }
}
