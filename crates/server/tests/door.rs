//! Connections that bring nothing, or only part of a request, keep nobody out: in the clear and under TLS.

use hefu_server::app::{Access, router};
use hefu_server::catalog::{Catalog, Loaded, ModelCard};
use hefu_server::keys::Keys;
use hefu_server::limits::Limits;
use hefu_server::listen::serve;
use hefu_server::service::Service;
use hefu_server::tls;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Connections that may be at the same time.
const PLACES: usize = 8;
/// Longest wait of a test: far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(240);

struct Nothing;

impl Catalog for Nothing {
    fn models(&self) -> Vec<ModelCard> {
        Vec::new()
    }

    fn load(&self, name: &str) -> Result<Loaded, String> {
        Err(format!("no model {name}"))
    }
}

/// A server with few places that would wait for the rest of a request for ever.
async fn server(tls: Option<Arc<tokio_rustls::rustls::ServerConfig>>, origins: &[&str]) -> SocketAddr {
    let limits = Limits { connections: PLACES, read_time: 10 * PATIENCE, ..Limits::default() };
    let service = Service::new(Arc::new(Nothing), limits, None, None, None);
    let access = Access {
        keys: Keys::open(None).unwrap(),
        needs_key: false,
        is_local: true,
        hosts: Vec::new(),
        origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        lessons: Vec::new(),
        class: None,
    };
    let router = router(Arc::clone(&service), access).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, tls, router, service, std::future::pending()));
    address
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A TLS connection that is closed without a word is still an answer.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

/// As many connections as may be, each with the same beginning of something.
async fn occupy(address: SocketAddr, beginning: &str) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..PLACES {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    streams
}

#[tokio::test]
async fn silence_half_heads_and_half_bodies_make_room() {
    let address = server(None, &[]).await;
    for beginning in [
        "",
        "POST /v1/completions HTTP/1.1\r\nhost: local",
        "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"prompt\"",
    ] {
        let held = occupy(address, beginning).await;
        for _ in 0..2 {
            let stream = TcpStream::connect(address).await.unwrap();
            let answer = tokio::time::timeout(PATIENCE, exchange(stream, HEALTH)).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{beginning:?}: {answer}");
        }
        drop(held);
    }
}

#[tokio::test]
async fn handshakes_that_never_end_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let address = server(Some(tls::config(&certificate, &key).unwrap()), &[]).await;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let connector =
        TlsConnector::from(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()));
    // Nothing at all, and the first bytes of a hello.
    for beginning in ["", "\u{16}\u{3}\u{1}\u{1}"] {
        let held = occupy(address, beginning).await;
        let ask = async {
            let stream = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            exchange(connector.connect(name, stream).await.unwrap(), HEALTH).await
        };
        let answer = tokio::time::timeout(PATIENCE, ask).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{beginning:?}: {answer}");
        drop(held);
    }
}

#[tokio::test]
async fn pages_that_may_ask_may_bring_their_key() {
    let address = server(None, &["https://app.example"]).await;
    let ask = "OPTIONS /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: https://app.example\r\n\
               access-control-request-method: GET\r\naccess-control-request-headers: authorization,x-title\r\n\r\n";
    let answer = exchange(TcpStream::connect(address).await.unwrap(), ask).await.to_lowercase();
    let allowed = answer.lines().find_map(|line| line.strip_prefix("access-control-allow-headers: "));
    assert!(allowed.is_some_and(|names| names.contains("authorization") && names.contains("x-title")), "{answer}");
}

#[tokio::test]
async fn a_page_without_an_origin_may_have_the_pages_files_and_nothing_else() {
    let address = server(None, &[]).await;
    for (method, path, status) in [
        ("GET", "/diagram.html", 200),
        ("HEAD", "/diagram.html", 200),
        ("POST", "/diagram.html", 403),
        ("GET", "/v1/models", 403),
        ("GET", "/health", 403),
    ] {
        let ask = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: null\r\n\r\n");
        let answer = exchange(TcpStream::connect(address).await.unwrap(), &ask).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_encoded_in_an_unknown_way_is_refused_by_name() {
    let address = server(None, &[]).await;
    let ask = "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-encoding: br\r\n\
               content-length: 2\r\n\r\n{}";
    let answer = exchange(TcpStream::connect(address).await.unwrap(), ask).await;
    assert!(answer.starts_with("HTTP/1.1 415") && answer.contains("gzip or zstd"), "{answer}");
}
