//! Address of another server, and how it is asked.

use super::{ACCEPT_TIME, CONNECT_TIME, MAX_REFUSAL_BYTES, SILENCE};
use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest address that is taken, in bytes.
const MAX_ADDRESS: usize = 512;
/// Longest sentence of another server that is passed on, in characters.
const MAX_SENTENCE: usize = 400;

/// Another server, and the key by which it lets an operator in.
#[derive(Clone)]
pub struct Destination {
    address: String,
    host: String,
    port: u16,
    /// What the header `Host` says.
    authority: HeaderValue,
    /// How TLS is spoken; `None` in the clear.
    tls: Option<Arc<ClientConfig>>,
    /// What the header `Authorization` says.
    key: HeaderValue,
}

impl Destination {
    /// A server at an address such as `https://models.example:8080`, and a key of an operator there.
    ///
    /// # Errors
    /// One sentence: an address of another kind, or a key that is none.
    pub fn new(address: &str, key: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = address.chars().take(MAX_SENTENCE).collect();
            format!("{shown:?} is no address of a server; give one such as http://127.0.0.1:8080, without a path")
        };
        let uri: Uri = address.parse().ok().filter(|_| address.len() <= MAX_ADDRESS).ok_or_else(wrong)?;
        let (is_tls, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|found| !found.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.host().is_empty() {
            return Err(wrong());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let no_key = |_| "the key for the other server has characters that no key has".to_owned();
        let mut key = HeaderValue::from_str(&format!("Bearer {key}")).map_err(no_key)?;
        key.set_sensitive(true);
        let authority_value = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        Ok(Self {
            address: address.trim_end_matches('/').to_owned(),
            host,
            port: authority.port_u16().unwrap_or(port),
            authority: authority_value,
            tls: is_tls.then(trusting).transpose()?,
            key,
        })
    }

    /// The address as it was given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks whether it would take answers, so that a wrong address or key is told before anything moves.
    ///
    /// # Errors
    /// One sentence.
    pub(crate) async fn greet(&self) -> Result<(), String> {
        let asked = tokio::time::timeout(SILENCE, self.ask(Method::GET, "/v1/resume", Bytes::new())).await;
        asked.map_err(|_| format!("{} does not answer within {} s", self.address, SILENCE.as_secs()))?.map(drop)
    }

    /// Sends a body.
    ///
    /// # Errors
    /// One sentence: it cannot be reached, or refuses.
    pub(super) async fn post(&self, path: &str, body: Bytes) -> Result<Response<Incoming>, String> {
        self.ask(Method::POST, path, body).await
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, String> {
        let address = &self.address;
        let unreachable = |error: &dyn fmt::Display| format!("{address} cannot be reached: {error}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.authority.clone())
            .header(AUTHORIZATION, self.key.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| unreachable(&error))?;
        let response = tokio::time::timeout(ACCEPT_TIME, self.exchange(request)).await;
        let late = |_| format!("{address} does not answer within {} s", ACCEPT_TIME.as_secs());
        let response = response.map_err(late)?.map_err(|sentence| unreachable(&sentence))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => {
                let sentence = refusal(response.into_body()).await;
                Err(format!("{address} refuses with status {}: {sentence}", status.as_u16()))
            }
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(CONNECT_TIME, connect).await;
        let stream = stream.map_err(|_| format!("no connection within {} s", CONNECT_TIME.as_secs()))?;
        let stream = stream.map_err(|error| error.to_string())?;
        drop(stream.set_nodelay(true));
        let Some(config) = &self.tls else { return spoken(stream, request).await };
        let name = ServerName::try_from(self.host.clone()).map_err(|error| error.to_string())?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        spoken(stream.map_err(|error| error.to_string())?, request).await
    }
}

/// Asks over a connection, which lasts as long as the answer is read and no longer.
async fn spoken<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a connection to another server ended: {error}");
        }
    });
    sender.send_request(request).await.map_err(|error| error.to_string())
}

/// What a refusal says.
async fn refusal(body: Incoming) -> String {
    let read = tokio::time::timeout(CONNECT_TIME, Limited::new(body, MAX_REFUSAL_BYTES).collect()).await;
    let bytes = read.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    let sentence = value.pointer("/error/message").and_then(Value::as_str).unwrap_or("it does not say why");
    sentence.chars().filter(|character| !character.is_control()).take(MAX_SENTENCE).collect()
}

/// TLS that trusts the certificates of this machine.
fn trusting() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

impl fmt::Debug for Destination {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for (address, host, port, has_tls) in [
            ("http://127.0.0.1:8080", "127.0.0.1", 8080, false),
            ("http://[::1]:9/", "::1", 9, false),
            ("https://models.example", "models.example", 443, true),
            ("http://a", "a", 80, false),
        ] {
            let found = Destination::new(address, "hefu-1").unwrap();
            assert_eq!((found.host.as_str(), found.port, found.tls.is_some()), (host, port, has_tls), "{address}");
            assert!(!format!("{found:?}").contains("hefu-1"));
        }
        let long = format!("http://{}", "a".repeat(600));
        for bad in
            ["", "a", "a:80", "ftp://a", "http://", "http://a/b", "http://a?b", "http://u:p@a", "http://a b", &long]
        {
            assert!(Destination::new(bad, "hefu-1").unwrap_err().contains("is no address"), "{bad}");
        }
        assert!(Destination::new("http://a", "hefu-\n").unwrap_err().contains("key"));
    }
}
