//! Requests to a cluster's API server from within azlet, answered at once by the code that answers them over the wire: what AKS'
//! run command is made of. Whatever would go on (watches, logs that are followed) is refused.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::error::Error;
use super::http::route;
use super::store::Cluster;
use crate::world::World;

/// Whom requests go to, and in whose name.
#[derive(Debug)]
pub struct Client {
    /// The world.
    pub world: Arc<World>,
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// The token of who asks.
    pub token: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.status >= 400
    }
}

impl Client {
    /// Reads, accepting a form (`application/json` or a table).
    pub fn get(&self, path: &str, accept: &str) -> Reply {
        self.call(Method::GET, path, accept, "", String::new())
    }

    /// Sends a body of a media type.
    pub fn send(&self, method: Method, path: &str, content_type: &str, body: &Value) -> Reply {
        self.call(method, path, "application/json", content_type, body.to_string())
    }

    fn call(&self, method: Method, path: &str, accept: &str, content_type: &str, body: String) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        request = request.header(header::USER_AGENT, "kubectl/azlet");
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        let Ok(request) = request.body(Body::from(body)) else {
            return read(Error::bad_request(format!("{path:?} is no path")).into_response());
        };
        match route(self.world.clone(), self.cluster.clone(), request).now_or_never() {
            Some(Ok(response)) => read(response),
            Some(Err(error)) => read(error.into_response()),
            None => read(unending()),
        }
    }
}

fn unending() -> Response {
    Error::bad_request("this request has no end, and only such that have one can be made here").into_response()
}

fn read(response: Response) -> Reply {
    let status = response.status().as_u16();
    let body = response.into_body().collect().now_or_never();
    let text = body.and_then(Result::ok).map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    text.map_or_else(|| read(unending()), |text| Reply { status, text })
}
