//! Connections: accepted up to a number, each on a task of its own, ended in order when the server is told to stop.

use crate::limits::Limits;
use crate::service::Service;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Pause after an accept that failed, for want of file handles for example.
const AFTER_FAILURE: Duration = Duration::from_millis(50);
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
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, told) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            // Finished ones are forgotten here.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let (tls, router, told) = (tls.clone(), router.clone(), told.clone());
        let read_time = limits.read_time;
        connections.spawn(async move {
            let _place = place;
            one(stream, tls, router, told, read_time).await;
        });
    }
    drop(listener);
    service.stop();
    stopping.send_replace(true);
    tracing::info!(connections = connections.len(), "stopping");
    drain(connections, &service, &limits).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // A token must not wait for the next one.
            drop(stream.set_nodelay(true));
            Some((stream, place))
        }
        Err(error) => {
            tracing::warn!("a connection was not accepted: {error}");
            tokio::time::sleep(AFTER_FAILURE).await;
            None
        }
    }
}

async fn one(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    told: watch::Receiver<bool>,
    read_time: Duration,
) {
    let Some(config) = tls else { return http(stream, router, told, read_time).await };
    match tokio::time::timeout(read_time, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => http(stream, router, told, read_time).await,
        Ok(Err(error)) => tracing::debug!("no TLS connection: {error}"),
        Err(_) => tracing::debug!("no TLS connection in time"),
    }
}

async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    router: Router,
    mut told: watch::Receiver<bool>,
    read_time: Duration,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(read_time)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = async { drop(told.wait_for(|stopping| *stopping).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Waits for connections and records, then gives up those that are left.
async fn drain(mut connections: JoinSet<()>, service: &Service, limits: &Limits) {
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_time, finished).await.is_err() {
        tracing::warn!(connections = connections.len(), "answers were given up: their time to finish is over");
        connections.shutdown().await;
    }
    // What was said to clients that are gone now is still to be recorded.
    if tokio::time::timeout(limits.drain_time.max(AFTER_FAILURE), service.finished()).await.is_err() {
        tracing::error!("some records could not be kept in time");
    }
}
