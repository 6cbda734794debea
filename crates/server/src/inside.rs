//! Asking endpoints without a connection, for a program around the server that has requests in its format already.

use crate::api;
use crate::error::ApiError;
use crate::service::{Caller, Service, new_id};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;

/// The endpoints of a service. Who asks here needs no key, and no limit on bodies holds.
#[derive(Debug, Clone)]
pub struct Inside {
    router: TowerToHyperService<Router>,
}

/// What an endpoint answers.
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
        let response = match Request::post(path).header(CONTENT_TYPE, "application/json").body(Body::from(body)) {
            Ok(mut request) => {
                request.extensions_mut().insert(Caller { request: id.clone(), ..Caller::default() });
                self.send(request).await
            }
            Err(error) => ApiError::invalid(format!("{path:?} is no path: {error}")).into_response(),
        };
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await;
        let body = body.map_err(|error| ApiError::internal(format!("the answer broke off: {error}")))?;
        Ok(Reply { status, request: id, body: body.to_vec() })
    }

    async fn send(&self, request: Request<Body>) -> Response {
        match self.router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
