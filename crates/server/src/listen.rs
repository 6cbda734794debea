//! Connections: accepted up to a number, each on a task of its own, ended in order when the server is told to stop.
//!
//! A client that takes nothing of its answer for as long as the limits allow loses its connection, and the answer with it.
//! When there are as many connections as may be, one that waits for a request, or for the rest of one, makes room for a new
//! one (`Idle`).

use crate::idle::{Idle, IdleConnection};
use crate::limits::Limits;
use crate::service::{Peer, Service};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

/// Pause after an accept that failed, for want of file handles for example.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
/// Silence after which a connection that is to make room is closed in the middle of what is coming.
const GRACE: Duration = Duration::from_secs(1);
/// Most headers of a request.
const MAX_HEADERS: usize = 100;
/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Serves until `stop` is done, then lets running answers finish for as long as the limits allow.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    service: Arc<Service>,
    stop: impl Future<Output = ()>,
) {
    let limits = service.limits.clone();
    let door = Door { places: Arc::new(Semaphore::new(limits.connections)), idle: Arc::new(Idle::default()) };
    let (stopping, told) = watch::channel(false);
    let open = |(stream, place): Accepted, told| {
        let router = TowerToHyperService::new(router.clone());
        let seat = IdleConnection::new(&door.idle);
        // Of a connection that is gone by now nobody knows whose it was.
        let peer = Peer(stream.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()));
        let connection = Connection { router, seat, peer, told, read_time: limits.read_time };
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.stall_time));
        let tls = tls.clone();
        async move {
            let _place = place;
            connection.one(Box::pin(stream), tls).await;
        }
    };
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    // Kept from one turn to the next: what it has accepted waits in it for a place.
    let mut accepting = Box::pin(door.accept(&listener));
    loop {
        tokio::select! {
            () = &mut stop => break,
            // Finished ones are forgotten here.
            Some(_) = connections.join_next() => {}
            accepted = &mut accepting => {
                accepting.set(door.accept(&listener));
                accepted.into_iter().for_each(|accepted| drop(connections.spawn(open(accepted, Some(told.clone())))));
            }
        }
    }
    service.hand_over().await;
    service.stop();
    stopping.send_replace(true);
    tracing::info!(connections = connections.len(), "stopping");
    // Who comes now is told so, and not kept waiting for the next server.
    let mut late = JoinSet::new();
    let turn_away = async {
        loop {
            let accepted = accepting.as_mut().await;
            accepting.set(door.accept(&listener));
            accepted.into_iter().for_each(|accepted| drop(late.spawn(open(accepted, None))));
            while late.try_join_next().is_some() {}
        }
    };
    tokio::select! {
        () = drain(connections, &service, &limits) => {}
        () = turn_away => {}
    }
}

/// A connection, and its place among those that may be.
type Accepted = (TcpStream, OwnedSemaphorePermit);

/// Lets connections in.
struct Door {
    places: Arc<Semaphore>,
    idle: Arc<Idle>,
}

impl Door {
    async fn accept(&self, listener: &TcpListener) -> Option<Accepted> {
        match listener.accept().await {
            Ok((stream, _)) => {
                // A token must not wait for the next one.
                drop(stream.set_nodelay(true));
                Some((stream, self.place().await?))
            }
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                self.idle.close_longest();
                tokio::time::sleep(AFTER_FAILURE).await;
                None
            }
        }
    }

    /// A place for a new connection, once there is one.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let came = self.idle.came.notified();
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return Some(place);
            }
            self.idle.close_longest();
            tokio::select! {
                // The semaphore is never closed.
                place = Arc::clone(&self.places).acquire_owned() => return place.ok(),
                () = came => {}
                // The one that was to make room has its request after all.
                () = tokio::time::sleep(GRACE) => {}
            }
        }
    }
}

/// One connection.
struct Connection {
    router: TowerToHyperService<Router>,
    seat: Arc<IdleConnection>,
    peer: Peer,
    /// Tells when the server stops; `None` if it does already, and one request is answered.
    told: Option<watch::Receiver<bool>>,
    read_time: Duration,
}

impl Connection {
    async fn one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, tls: Option<Arc<ServerConfig>>) {
        let Some(config) = tls else { return self.http(stream).await };
        let handshake = tokio::time::timeout(self.read_time, TlsAcceptor::from(config).accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            () = self.seat.leave.notified() => return tracing::debug!("a handshake made room for another connection"),
        };
        match accepted {
            Ok(Ok(stream)) => {
                self.seat.moved();
                self.http(stream).await;
            }
            Ok(Err(error)) => tracing::debug!("no TLS connection: {error}"),
            Err(_) => tracing::debug!("no TLS connection in time"),
        }
    }

    async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let (router, seat, peer) = (self.router, Arc::clone(&self.seat), self.peer);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let busy = seat.begin();
            request.extensions_mut().insert(Arc::clone(&seat));
            request.extensions_mut().insert(peer);
            let answer = router.call(request);
            async move { answer.await.map(|response| busy.over(response)) as Result<_, Infallible> }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(self.told.is_some())
            .header_read_timeout(self.read_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = told_to_stop(self.told.as_mut()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = self.seat.leave.notified() => {
                connection.as_mut().graceful_shutdown();
                let grace = GRACE.saturating_sub(self.seat.silent());
                match tokio::time::timeout(grace, connection.as_mut()).await {
                    Ok(outcome) => outcome,
                    Err(_) if self.seat.is_busy() => connection.await,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!("a connection ended: {error}");
        }
    }
}

async fn told_to_stop(told: Option<&mut watch::Receiver<bool>>) {
    match told {
        Some(told) => drop(told.wait_for(|stopping| *stopping).await),
        None => std::future::pending().await,
    }
}

/// Waits for connections and records, then gives up those that are left.
async fn drain(mut connections: JoinSet<()>, service: &Service, limits: &Limits) {
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_time, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "answers were given up: their time to finish is over");
        connections.shutdown().await;
    }
    // Answers to clients that are gone now are still to be recorded.
    if tokio::time::timeout(limits.drain_time.max(AFTER_FAILURE), service.finished()).await.is_err() {
        tracing::error!("some records could not be kept in time");
    }
}
