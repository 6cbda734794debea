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

    /// Target of a redirect from here (RFC 3986, section 5; the client works out `..` itself).
    pub(crate) fn join(&self, location: &str) -> Result<Self, String> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let url = match location {
            absolute if absolute.contains("://") && !absolute.starts_with(['/', '?']) => absolute.to_owned(),
            _ if location.starts_with("//") => format!("{scheme}:{location}"),
            _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
            _ if location.starts_with('?') => format!("{scheme}://{authority}{}{location}", self.path()),
            _ => format!("{scheme}://{authority}{folder}/{location}"),
        };
        Self::parse(&url)
    }

    /// Scheme, host and port: whom a secret is meant for.
    pub(crate) fn origin(&self) -> (bool, String, u16) {
        let default = if self.is_encrypted() { 443 } else { 80 };
        let host = self.0.host().unwrap_or_default().to_ascii_lowercase();
        (self.is_encrypted(), host, self.0.port_u16().unwrap_or(default))
    }

    /// The address as text.
    pub(crate) fn url(&self) -> String {
        self.0.to_string()
    }

    pub(crate) fn path(&self) -> &str {
        self.0.path()
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// True if the host is this machine.
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
            Err("http:// is not encrypted, and only this machine may be asked that way; use https://".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_where_it_says_and_an_origin_is_scheme_host_and_port() {
        let from = Address::parse("https://hub.example/a/b?x=1").unwrap();
        for (location, url) in [
            ("https://cdn.example/f", "https://cdn.example/f"),
            ("//cdn.example/f", "https://cdn.example/f"),
            ("/f#part", "https://hub.example/f"),
            ("c/d", "https://hub.example/a/c/d"),
            ("?y=2", "https://hub.example/a/b?y=2"),
        ] {
            assert_eq!(from.join(location).unwrap().url(), url, "{location}");
        }
        for refused in ["ftp://hub.example/f", "file:///etc/passwd", "https://user:pw@hub.example/f", "https://"] {
            assert!(from.join(refused).is_err(), "{refused}");
        }
        let origin = |url: &str| Address::parse(url).unwrap().origin();
        assert_eq!(origin("https://HUB.example/f"), from.origin());
        assert_eq!(origin("https://hub.example:443/f"), from.origin());
        for other in ["http://hub.example/f", "https://hub.example:8443/f", "https://x.hub.example/f"] {
            assert_ne!(origin(other), from.origin(), "{other}");
        }
    }

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
