//! The lessons at `/learn` and the pages of a class at `/class`, under the rules of the page at `/`.

use crate::page::{guarded, usual_policy};
use axum::body::Body;
use axum::http::header::{ACCEPT_LANGUAGE, LOCATION, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hefu_lessons::language::Language;
use hefu_lessons::lesson::Lesson;
use hefu_lessons::site::{self, Found};

/// True if a path is one of lessons.
pub(crate) fn has(path: &str) -> bool {
    site::is_here(path)
}

/// The page at an address.
pub(crate) fn page(lessons: &[Lesson], uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    response(site::find(lessons, uri.path(), preferred(headers))?)
}

/// The page at an address of a class.
pub(crate) fn class_page(uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    response(hefu_class::site::find(uri.path(), preferred(headers))?)
}

fn preferred(headers: &HeaderMap) -> Language {
    let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Language::preferred(wanted.unwrap_or_default())
}

fn response(found: Found) -> Option<Response> {
    match found {
        // The page belongs to this version of the program; the next may show another.
        Found::Document { kind, text } => guarded(Body::from(text), kind, "no-cache", usual_policy()),
        Found::Elsewhere(address) => {
            let mut response = StatusCode::FOUND.into_response();
            response.headers_mut().insert(LOCATION, HeaderValue::from_str(&address).ok()?);
            response.headers_mut().insert(VARY, HeaderValue::from_static("accept-language"));
            Some(response)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
    use hefu_lessons::lesson::built_in;

    fn get(address: &str, language: &'static str) -> Option<Response> {
        let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(language))]);
        page(built_in().unwrap(), &address.parse().unwrap(), &headers)
    }

    #[test]
    fn the_language_of_the_browser_is_taken_and_the_rules_are_those_of_the_page() {
        assert_eq!(get("/learn", "zh-CN,en;q=0.5").unwrap().headers()[LOCATION], "/learn/zh-CN");
        assert_eq!(get("/learn/00-tour", "de").unwrap().headers()[LOCATION], "/learn/en/00-tour");
        let page = get("/learn/en/00-tour", "").unwrap();
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"));
        assert!(get("/learn/en/absent", "").is_none() && get("/", "").is_none());
    }
}
