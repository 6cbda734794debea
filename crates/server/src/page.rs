//! The page at `/`: files that are part of the program, served with rules under which they can ask nobody else.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/page/dist");

/// Everything from this server, nothing from anywhere else, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Types by the ends of names.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
    ("webmanifest", "application/manifest+json"),
];

/// The file that a path stands for.
pub(crate) fn file(path: &str) -> Option<Response> {
    let (name, contents) = find(path)?;
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let kind = TYPES.iter().find(|(known, _)| *known == end).map_or("application/octet-stream", |(_, kind)| kind);
    // Names with a hash in them never change their contents; the page itself does.
    let cache = if name == "index.html" { "no-cache" } else { "public, max-age=3600" };
    let mut response = (StatusCode::OK, Body::from(contents)).into_response();
    for (header, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(header, HeaderValue::from_static(value));
    }
    Some(response)
}

/// Whether a path stands for a file.
pub(crate) fn has(path: &str) -> bool {
    find(path).is_some()
}

fn find(path: &str) -> Option<(&'static str, &'static [u8])> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let file = FILES.get_file(name)?;
    Some((file.path().to_str()?, file.contents()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_and_asks_nobody_else() {
        let response = file("/").unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("connect-src 'self'"));
        assert!(!POLICY.contains("unsafe") && !POLICY.contains("http"));
        for absent in ["/../Cargo.toml", "/index.htm", "//etc/passwd"] {
            assert!(file(absent).is_none(), "{absent}");
        }
    }
}
