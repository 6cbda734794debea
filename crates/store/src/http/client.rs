//! The HTTP client: rustls with `ring`, the machine's own certificates, proxies from the environment.

use std::sync::{Arc, OnceLock};

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::Address;
use crate::options::Network;

/// User agent.
const USER_AGENT: &str = concat!("hefu/", env!("CARGO_PKG_VERSION"));

/// A client for one address, which follows no redirect: the caller looks where it leads before it goes there.
pub(super) fn agent(address: &Address, network: &Network) -> Result<Agent, String> {
    let roots = certificates();
    if address.is_encrypted() && roots.is_empty() {
        return Err(
            "no certificates were found on this machine; install its ca-certificates package or set SSL_CERT_FILE"
                .to_owned(),
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::from(roots.iter().cloned()))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let mut config = Agent::config_builder()
        .tls_config(tls)
        .user_agent(USER_AGENT)
        .http_status_as_error(false)
        .max_redirects(0)
        .https_only(address.is_encrypted() && !network.allow_plain_http)
        .timeout_resolve(Some(network.connect_timeout))
        .timeout_connect(Some(network.connect_timeout))
        .timeout_per_read(Some(network.read_timeout))
        .timeout_per_write(Some(network.read_timeout));
    if address.is_loopback() {
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

/// The machine's certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`; read once.
fn certificates() -> &'static [Certificate<'static>] {
    static CERTIFICATES: OnceLock<Vec<Certificate<'static>>> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        // Single certificates that cannot be read are common and harmless as long as others can.
        let found = rustls_native_certs::load_native_certs().certs;
        found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
    })
}
