//! From connections to endpoints: who may ask, how large and slow a request may be, and what every answer carries.

use crate::api;
use crate::body;
use crate::class;
use crate::error::{ApiError, Kind, json_response};
use crate::headers::{ANSWER_ID, FINGERPRINT, HIDE_PROMPT, REQUEST_ID};
use crate::keys::{Entry, Keys, number};
use crate::learn;
use crate::page;
use crate::service::{Caller, Service, new_id};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hefu_class::{Class, Who};
use hefu_lessons::lesson::Lesson;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// By which whoever asks follows a request through several programs (W3C Trace Context).
const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
/// Longest request id, and longest `traceparent`, that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;
/// The first status of a request that was not answered.
const FIRST_REFUSAL: u16 = 400;

/// Access to a server.
#[derive(Debug)]
pub struct Access {
    /// The keys.
    pub keys: Keys,
    /// True if a key is needed.
    pub needs_key: bool,
    /// True if the server can be reached from this machine alone. Then a request must name this machine as its host, so
    /// that no page from elsewhere can reach it under a name of its own (DNS rebinding).
    pub is_local: bool,
    /// Further names under which the server may be asked.
    pub hosts: Vec<String>,
    /// Origins whose pages may ask; `*` is every one.
    pub origins: Vec<String>,
    /// The lessons that are served at `/learn`.
    pub lessons: Vec<Lesson>,
    /// The class that is held here, if one is.
    pub class: Option<Arc<Class>>,
}

struct Guard {
    service: Arc<Service>,
    access: Access,
    /// Paths that need no key.
    open: Vec<&'static str>,
}

/// Everything that the server answers.
///
/// # Errors
/// An origin that is none.
pub fn router(service: Arc<Service>, mut access: Access) -> Result<Router, String> {
    let lessons: Arc<[Lesson]> = std::mem::take(&mut access.lessons).into();
    let (cors, has_class) = (cors(&access.origins)?, access.class.is_some());
    let routes = access.class.clone().map_or_else(Router::new, class::router);
    let open = api::endpoints().iter().filter(|endpoint| endpoint.is_open).map(|endpoint| endpoint.path).collect();
    let guard = Arc::new(Guard { service: Arc::clone(&service), access, open });
    let router = api::router()
        .merge(routes)
        .fallback(move |method, uri, headers| elsewhere(lessons, has_class, method, uri, headers))
        .method_not_allowed_fallback(wrong_method)
        .with_state(service)
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(from_fn_with_state(guard, admit));
    Ok(match cors {
        Some(cors) => router.layer(cors),
        None => router,
    })
}

async fn elsewhere(
    lessons: Arc<[Lesson]>,
    has_class: bool,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let of_class = || has_class.then(|| learn::class_page(&uri, &headers)).flatten();
    let found = || page::file(&uri, &headers).or_else(|| learn::page(&lessons, &uri, &headers)).or_else(of_class);
    let page = (method == Method::GET || method == Method::HEAD).then(found).flatten();
    page.ok_or_else(|| ApiError::new(Kind::NotFound, format!("there is nothing at {}", uri.path())))
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(Kind::Method, format!("{} is not asked with {method}; /openapi.json says how", uri.path()))
}

/// Lets a request in, reads its body, and writes down how it ended.
async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let matched = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let (client, mut response) = match (id.clone(), guard.caller(&request)) {
        (Err(error), _) => (String::new(), error.into_response_of(&path)),
        (_, Err(error)) => (String::new(), error.into_response_of(&path)),
        (Ok(id), Ok(mut caller)) => {
            caller.request = id;
            caller.trace_parent = trace_parent(request.headers());
            let name = caller.name.clone();
            (name, guard.answer(request, caller, next, &path).await)
        }
    };
    let id = id.unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16();
    guard.service.metrics.request(&matched, status);
    if let Some(recorder) = guard.service.recorder.as_ref().filter(|_| status >= FIRST_REFUSAL) {
        recorder.refused(status, &client, &matched);
    }
    let error = response.extensions().get::<ApiError>().map(|error| error.message.clone());
    let milliseconds = started.elapsed().as_millis() as u64;
    tracing::info!(request = id, %method, path, status, client, milliseconds, error, "request");
    response
}

/// A path whose escapes are no text names nothing.
fn check_path(path: &str) -> Result<(), ApiError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    let wrong = |_| ApiError::new(Kind::NotFound, format!("there is nothing at {path}"));
    std::str::from_utf8(&bytes).map(|_| ()).map_err(wrong)
}

impl Guard {
    async fn answer(&self, request: Request, caller: Caller, next: Next, path: &str) -> Response {
        match body::read(request, &self.service, caller.client).await {
            Err(error) => error.into_response_of(path),
            Ok((mut request, _memory)) => {
                request.extensions_mut().insert(caller);
                let response = next.run(request).await;
                match response.extensions().get::<ApiError>() {
                    Some(error) => error.clone().into_response_of(path),
                    None => response,
                }
            }
        }
    }

    /// The caller, if they may ask.
    fn caller(&self, request: &Request) -> Result<Caller, ApiError> {
        let headers = request.headers();
        check_path(request.uri().path())?;
        self.check_host(headers)?;
        self.check_origin(request)?;
        let hides_prompt = hides_prompt(headers)?;
        if let Some(Entry { name, group, operator, .. }) = key(headers).and_then(|key| self.access.keys.find(key)) {
            let client = number(&name);
            let group = group.map(|group| number(&group));
            return Ok(Caller { client, group, name, hides_prompt, is_operator: operator, ..Caller::default() });
        }
        if let Some(member) = key(headers).and_then(|key| self.access.class.as_ref()?.who(key)) {
            let name = match member {
                Who::Teacher => "class teacher".to_owned(),
                Who::Pupil(pupil) => format!("class pupil {pupil}"),
            };
            return Ok(Caller { client: number(&name), name, hides_prompt, member: Some(member), ..Caller::default() });
        }
        let path = request.uri().path();
        if self.access.class.is_some() && class::is_open(request.method(), path) {
            return Ok(Caller { hides_prompt, ..Caller::default() });
        }
        if !self.access.needs_key
            || is_read(request) && (self.open.contains(&path) || page::has(path) || learn::has(path))
        {
            return Ok(Caller { hides_prompt, ..Caller::default() });
        }
        let sentence = match key(headers) {
            None => "this server needs an API key, in the header Authorization: Bearer KEY",
            Some(_) => "the API key is not known here, or was revoked",
        };
        Err(ApiError::new(Kind::Unauthenticated, sentence).code("invalid_api_key"))
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        if !self.access.is_local {
            return Ok(());
        }
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = without_port(host);
        let is_address = |address: IpAddr| address.is_loopback();
        let is_local = name.is_empty()
            || name.eq_ignore_ascii_case("localhost")
            || name.trim_matches(['[', ']']).parse().is_ok_and(is_address);
        if is_local || self.access.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
            return Ok(());
        }
        let sentence = format!("this server is not asked under the name {name}; allow it with --allow-host {name}");
        Err(ApiError::new(Kind::Forbidden, sentence))
    }

    /// A page from elsewhere must not spend this server's time, whether or not it could read the answer. The files of the page
    /// are for all: the frame that draws has no origin, and says so where it asks for its scripts.
    fn check_origin(&self, request: &Request) -> Result<(), ApiError> {
        let headers = request.headers();
        if is_read(request) && page::has(request.uri().path()) {
            return Ok(());
        }
        let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else { return Ok(()) };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let own = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host));
        if own || self.access.origins.iter().any(|allowed| allowed == "*" || allowed == origin) {
            return Ok(());
        }
        let sentence = format!("pages of {origin} may not ask this server; allow them with --cors-origin {origin}");
        Err(ApiError::new(Kind::Forbidden, sentence))
    }
}

impl ApiError {
    /// The response in the shape of the dialect that is spoken at a path.
    fn into_response_of(self, path: &str) -> Response {
        use axum::response::IntoResponse;
        let body = api::error_body(path, &self);
        let mut response = self.clone().into_response();
        if let Some(body) = body {
            let headers = std::mem::take(response.headers_mut());
            response = json_response(self.kind.status(), &body);
            for (name, value) in headers.iter().filter(|(name, _)| *name != CONTENT_LENGTH) {
                response.headers_mut().insert(name.clone(), value.clone());
            }
            response.extensions_mut().insert(self);
        }
        response
    }
}

fn is_read(request: &Request) -> bool {
    request.method() == Method::GET || request.method() == Method::HEAD
}

/// The key that a request brings, in any of the headers that clients use.
fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION).and_then(|value| value.split_once(' ')).map(|(_, key)| key.trim());
    bearer.or_else(|| text(HeaderName::from_static("x-api-key"))).or_else(|| text(HeaderName::from_static("api-key")))
}

/// The header `traceparent`, if it could be one. What is wrong in it is for the receiver of traces to find.
fn trace_parent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(TRACE_PARENT)?.to_str().ok()?;
    (value.len() <= MAX_REQUEST_ID).then(|| value.to_owned())
}

/// True if the receipt is to state the prompt's hash alone. A value that is neither yes nor no is refused.
fn hides_prompt(headers: &HeaderMap) -> Result<bool, ApiError> {
    match headers.get(HIDE_PROMPT).map(HeaderValue::as_bytes) {
        None | Some(b"false" | b"0") => Ok(false),
        Some(b"true" | b"1") => Ok(true),
        Some(_) => Err(ApiError::invalid("the header x-hefu-hide-prompt must be true or false")),
    }
}

fn request_id(headers: &HeaderMap) -> Result<String, ApiError> {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match given.filter(|id| !id.is_empty() && id.len() <= MAX_REQUEST_ID) {
        Some(id) => Ok(id.to_owned()),
        None => new_id(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn cors(origins: &[String]) -> Result<Option<CorsLayer>, String> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let parse = |origin: &String| HeaderValue::from_str(origin).map_err(|_| format!("{origin} is no origin"));
        AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<_>, _>>()?)
    };
    let layer = CorsLayer::new().allow_origin(origin).allow_methods([Method::GET, Method::POST, Method::DELETE]);
    // A star would not stand for Authorization.
    Ok(Some(layer.allow_headers(AllowHeaders::mirror_request()).expose_headers([REQUEST_ID, FINGERPRINT, ANSWER_ID])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_cut_off_and_addresses_are_not() {
        for (host, name) in
            [("localhost:8080", "localhost"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a.b", "a.b"), ("", "")]
        {
            assert_eq!(without_port(host), name);
        }
    }

    #[test]
    fn a_path_that_is_no_text_has_an_error_of_the_api() {
        for good in ["/", "/v1/models/a%2Fb", "/v1/models/%E7%AC%A6", "/%", "/%4", "/%zz"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in ["/v1/models/%ff%fe", "/%C3"] {
            assert_eq!(check_path(bad).unwrap_err().message, format!("there is nothing at {bad}"));
        }
    }

    #[test]
    fn a_prompt_is_hidden_by_a_clear_word_alone() {
        let of = |value: Option<&str>| {
            let mut headers = HeaderMap::new();
            value.map(|value| headers.insert(HIDE_PROMPT, value.parse().unwrap()));
            hides_prompt(&headers).ok()
        };
        assert_eq!(
            [of(None), of(Some("true")), of(Some("1")), of(Some("0"))],
            [Some(false), Some(true), Some(true), Some(false)]
        );
        assert_eq!([of(Some("")), of(Some("yes")), of(Some("True"))], [None, None, None]);
    }

    #[test]
    fn keys_come_in_several_headers() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            key(&headers).map(str::to_owned)
        };
        assert_eq!(of("authorization", "Bearer k").as_deref(), Some("k"));
        assert_eq!(of("x-api-key", "k").as_deref(), Some("k"));
        assert_eq!(of("api-key", "k").as_deref(), Some("k"));
        assert_eq!(of("authorization", "k"), None);
    }
}
