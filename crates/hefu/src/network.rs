//! HTTP client, but for models, which the store fetches; and the sentence where it cannot listen.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// An agent that trusts the certificates of this machine, follows no redirect, goes through no proxy and takes every
/// status as an answer. `timeout` bounds a whole question.
pub(crate) fn agent(timeout: Duration) -> Agent {
    let roots = rustls_native_certs::load_native_certs().certs;
    let roots = roots.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(timeout))
        .build();
    config.new_agent()
}

/// Reason why an address cannot be listened on, and what to do.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there, so give another --port (0 takes a free one)",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need rights of their own, so give a greater --port",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address, so give another --host",
        _ => "",
    };
    format!("cannot listen on {address}: {error}{advice}")
}
