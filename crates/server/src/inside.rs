//! Asking endpoints without a connection, for a program around the server that has requests in its format already.

use crate::api;
use crate::error::ApiError;
use crate::service::{Caller, Service, new_id};
use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes, to_bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;

/// An answer whose status is known and whose body is still coming.
#[derive(Debug)]
pub struct Coming {
    /// The HTTP status.
    pub status: u16,
    /// The kind of body.
    pub media_type: Option<String>,
    body: BodyDataStream,
}

impl Coming {
    /// The next piece of the body; `None` after the last.
    ///
    /// # Errors
    /// An answer that breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.body.next().await.transpose().map_err(|error| broken_off(&error))
    }
}

fn broken_off(error: &axum::Error) -> ApiError {
    ApiError::internal(format!("the answer broke off: {error}"))
}

/// The endpoints of a service. Who asks here needs no key, and no limit on bodies holds.
#[derive(Debug, Clone)]
pub struct Inside {
    router: TowerToHyperService<Router>,
}

/// Answer of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The request's id in the log and in the record.
    pub request: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Inside {
    /// The endpoints of a service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { router: TowerToHyperService::new(api::router().with_state(service)) }
    }

    /// Posts a body to a path and waits for the whole answer. A failure is an answer, too.
    ///
    /// # Errors
    /// If the system gives no random numbers, or an answer breaks off.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Reply, ApiError> {
        let id = new_id()?;
        let response = self.answer(Method::POST, path, body, id.clone()).await;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| broken_off(&error))?;
        Ok(Reply { status, request: id, body: body.to_vec() })
    }

    /// Sends a request; its answer may come in pieces. A failure is an answer, too.
    ///
    /// # Errors
    /// A method that there is not, or if the system gives no random numbers.
    pub async fn request(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Coming, ApiError> {
        let method = method.parse().map_err(|_| ApiError::invalid(format!("there is no method {method:?}")))?;
        let response = self.answer(method, path, body, new_id()?).await;
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Coming {
            status: response.status().as_u16(),
            media_type: media_type.map(str::to_owned),
            body: response.into_body().into_data_stream(),
        })
    }

    async fn answer(&self, method: Method, path: &str, body: Vec<u8>, id: String) -> Response {
        let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        match request.body(Body::from(body)) {
            Ok(mut request) => {
                request.extensions_mut().insert(Caller { request: id, ..Caller::default() });
                self.send(request).await
            }
            Err(error) => ApiError::invalid(format!("{path:?} is no path: {error}")).into_response(),
        }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        match self.router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
