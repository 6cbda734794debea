//! The page at `/` and the glass box at `/glass`: files that are part of the program, served with rules under which they can ask nobody else.
//!
//! Two files have rules of their own. Diagrams are drawn in a frame without an origin, which can reach nothing; and the worker that
//! speaks to a server of tools reaches that server alone, which its address names: the page itself cannot reach it.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use std::io::Read;

/// A file of the page.
struct File {
    name: &'static str,
    /// True if `contents` is compressed with gzip.
    packed: bool,
    contents: &'static [u8],
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Everything from this server, nothing from anywhere else, in no frame, no text that becomes a script.
const POLICY: &str = include_str!("../page/policies/page.txt");
/// Of the frame that draws diagrams: no origin, nothing to reach.
const DIAGRAM_POLICY: &str = include_str!("../page/policies/diagram.txt");
/// Of the worker that speaks to a server of tools: nothing but that server, in the place of `ORIGIN`.
const TOOLS_POLICY: &str = include_str!("../page/policies/tools.txt");

/// The frame that draws diagrams.
const DIAGRAM: &str = "diagram.html";
/// Beginning of the name of the worker for tools.
const TOOLS: &str = "tools-";

/// Types by the ends of names.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
    ("webmanifest", "application/manifest+json"),
];

/// The file that an address stands for.
pub(crate) fn file(uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let file = find(uri.path())?;
    let end = file.name.rsplit_once('.').map_or("", |(_, end)| end);
    let kind = TYPES.iter().find(|(known, _)| *known == end).map_or("application/octet-stream", |(_, kind)| kind);
    // Names with a hash in them never change their contents; pages do.
    let cache = if end == "html" { "no-cache" } else { "public, max-age=3600" };
    let as_packed = file.packed && takes_gzip(headers);
    let body = if file.packed && !as_packed { Body::from(unpacked(file.contents)?) } else { Body::from(file.contents) };
    let mut response = guarded(body, kind, cache, &policy(file.name, uri.query()))?;
    if as_packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

/// The rules of every document that is no frame and no worker.
pub(crate) fn usual_policy() -> &'static str {
    POLICY.trim()
}

/// A response with the rules that a browser is to keep.
pub(crate) fn guarded(body: Body, kind: &'static str, cache: &'static str, policy: &str) -> Option<Response> {
    let mut response = (StatusCode::OK, body).into_response();
    let answer = response.headers_mut();
    for (header, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, cache),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (VARY, "accept-encoding"),
    ] {
        answer.insert(header, HeaderValue::from_static(value));
    }
    answer.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(policy).ok()?);
    Some(response)
}

/// True if a path stands for a file.
pub(crate) fn has(path: &str) -> bool {
    find(path).is_some()
}

fn find(path: &str) -> Option<&'static File> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        "glass" => "glass.html",
        name => name,
    };
    FILES.iter().find(|file| file.name == name)
}

/// The rules of a file.
fn policy(name: &str, query: Option<&str>) -> String {
    if name == DIAGRAM {
        return DIAGRAM_POLICY.trim().to_owned();
    }
    if name.starts_with(TOOLS) {
        let origin = query.and_then(|query| query.strip_prefix("to=")).filter(|origin| is_origin(origin));
        return TOOLS_POLICY.trim().replace("ORIGIN", origin.unwrap_or("'none'"));
    }
    usual_policy().to_owned()
}

/// True if a text is an origin and nothing more: a scheme of the web, a name or address, perhaps a port. It becomes part of a rule.
fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-');
    let is_six = |name: &str| name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.');
    let host_fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => !inside.is_empty() && is_six(inside),
        None => !host.is_empty() && is_name(host),
    };
    host_fits && port.is_none_or(|port| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// True if the client takes gzip, as all browsers do.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let is_refused =
            parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
        is_gzip && !is_refused
    })
}

fn unpacked(contents: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(contents).read_to_end(&mut bytes).ok().map(|_| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(address: &str, encodings: Option<&'static str>) -> Option<Response> {
        let mut headers = HeaderMap::new();
        if let Some(encodings) = encodings {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encodings));
        }
        file(&address.parse().unwrap(), &headers)
    }

    fn rules(address: &str) -> String {
        get(address, None).unwrap().headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_page_is_there_and_asks_nobody_else() {
        let response = get("/", None).unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(get("/glass", None).unwrap().headers(), response.headers());
        assert!(rules("/").contains("connect-src 'self'"));
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http"));
        for absent in ["/../Cargo.toml", "/index.htm", "//etc/passwd"] {
            assert!(get(absent, None).is_none(), "{absent}");
        }
    }

    #[test]
    fn the_frame_for_diagrams_has_no_origin_and_reaches_nothing() {
        let rules = rules("/diagram.html");
        assert!(rules.starts_with("sandbox allow-scripts;") && rules.contains("default-src 'none'"));
        assert!(!rules.contains("connect-src") && !rules.contains("allow-same-origin"));
    }

    #[test]
    fn the_worker_for_tools_reaches_one_server_alone() {
        let reach = |query: Option<&str>| {
            let rules = policy("tools-x.js", query);
            assert!(rules.starts_with("default-src 'none'; connect-src "));
            rules.split("; ").nth(1).unwrap().strip_prefix("connect-src ").unwrap().to_owned()
        };
        for origin in ["http://127.0.0.1:3000", "https://tools.example.com", "http://[::1]:80", "https://[fe80::1]"] {
            assert_eq!(reach(Some(&format!("to={origin}"))), origin);
        }
        for wrong in [
            "",
            "to=",
            "to=*",
            "to=https://*",
            "to=https:",
            "to=https://",
            "to=ftp://a",
            "to=http://a/b",
            "to=http://a b",
            "to=http://a;",
            "to=http://a:",
            "to=http://a:+1",
            "to=http://a:99999",
            "to=http://a,b",
            "to=http://u@a",
            "to='self'",
            "x=http://a",
            "to=http://a%3B",
            "to=http://[]",
            "to=http://[x]",
        ] {
            assert_eq!(reach(Some(wrong)), "'none'", "{wrong}");
        }
        assert_eq!(reach(None), "'none'");
    }

    #[test]
    fn files_come_compressed_to_those_who_take_it_and_as_they_are_to_others() {
        for takes in ["gzip", "deflate, gzip;q=0.5", "br, *"] {
            assert_eq!(get("/", Some(takes)).unwrap().headers()[CONTENT_ENCODING], "gzip", "{takes}");
        }
        for takes in [None, Some("br"), Some("gzip;q=0"), Some("identity")] {
            assert!(!get("/", takes).unwrap().headers().contains_key(CONTENT_ENCODING), "{takes:?}");
        }
        for file in FILES.iter().filter(|file| file.packed) {
            let whole = unpacked(file.contents).unwrap();
            assert!(whole.starts_with(b"<") || std::str::from_utf8(&whole).is_ok(), "{}", file.name);
        }
    }

    #[test]
    fn every_file_has_a_type() {
        for file in FILES.iter().filter(|file| !file.name.ends_with(".bcmap")) {
            let end = file.name.rsplit_once('.').unwrap().1;
            assert!(TYPES.iter().any(|(known, _)| *known == end), "{}", file.name);
        }
    }
}
