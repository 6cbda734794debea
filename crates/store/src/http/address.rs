//! URLs that may be fetched: encrypted ones, and plain ones on this machine.

use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use crate::options::Network;

/// A URL with a scheme and host that this program knows how to fetch.
#[derive(Debug, Clone)]
pub(crate) struct Address(Uri);

impl Address {
    /// Reads a URL. The reason for a refusal is part of a sentence.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("it is not a URL ({error})"))?;
        Self::of(uri)
    }

    pub(crate) fn of(uri: Uri) -> Result<Self, String> {
        let known = [Scheme::HTTPS, Scheme::HTTP];
        if !uri.scheme().is_some_and(|scheme| known.contains(scheme)) {
            return Err("only https:// can be fetched".to_owned());
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err("the URL names no host".to_owned());
        };
        if authority.as_str().contains('@') {
            return Err("a URL with a password in it would be kept in the store; leave it out".to_owned());
        }
        Ok(Self(uri))
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// Refuses an unencrypted connection to another machine.
    pub(crate) fn permit(&self, network: &Network) -> Result<(), String> {
        if self.is_encrypted() || self.is_loopback() || network.allow_plain_http {
            Ok(())
        } else {
            Err("http:// is not encrypted; use https://, or allow plain HTTP".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine() {
        let network = Network::default();
        for (url, allowed) in [
            ("https://example.org/f", true),
            ("http://example.org/f", false),
            ("http://127.0.0.1:8080/f", true),
            ("http://127.9.9.9/f", true),
            ("http://[::1]:1/f", true),
            ("http://LocalHost/f", true),
            ("http://localhost.example.org/f", false),
            ("http://127.0.0.1.example.org/f", false),
            ("http://10.0.0.1/f", false),
        ] {
            let permitted = Address::parse(url).unwrap().permit(&network).is_ok();
            assert_eq!(permitted, allowed, "{url}");
        }
        let open = Network { allow_plain_http: true, ..Network::default() };
        assert!(Address::parse("http://10.0.0.1/f").unwrap().permit(&open).is_ok());
    }
}
