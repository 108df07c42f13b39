//! One call of Graph: who asks for what, and the answer in Graph's shape. Source: the Graph v1.0 reference; headers as recorded.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::error::Error;
use super::objects;
use super::query::Options;
use crate::entra::store::Principal;
use crate::world::World;

const HOST: &str = "https://graph.microsoft.com";

/// A call whose caller is known.
pub(super) struct Call<'a> {
    pub(super) world: &'a World,
    pub(super) method: Method,
    /// `v1.0` or `beta`.
    pub(super) version: &'static str,
    /// The path as it was written.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) caller: Arc<Principal>,
}

/// An answer.
pub(super) struct Answer {
    status: StatusCode,
    body: Option<Value>,
    text: Option<String>,
    location: Option<String>,
}

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), text: None, location: None }
    }

    /// The answer of an action: with the address that Graph sends along.
    pub(super) fn action(body: Value) -> Self {
        Self { location: Some(HOST.to_owned()), ..Self::ok(body) }
    }

    /// Something new; `place` is where the directory keeps it.
    pub(super) fn created(world: &World, body: Value, place: &str) -> Self {
        let location = format!("{HOST}/v2/{}/{place}", world.directory.tenant.id);
        Self { status: StatusCode::CREATED, location: Some(location), ..Self::ok(body) }
    }

    pub(super) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, text: None, location: None }
    }

    pub(super) fn text(text: String) -> Self {
        Self { text: Some(text), body: None, ..Self::nothing_but(StatusCode::OK) }
    }

    fn nothing_but(status: StatusCode) -> Self {
        Self { status, ..Self::nothing() }
    }

    pub(super) fn respond(self, world: &World) -> Response {
        let body = match (&self.body, self.text) {
            (Some(body), _) => body.to_string(),
            (None, text) => text.unwrap_or_default(),
        };
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        match self.status {
            StatusCode::NO_CONTENT => {}
            _ if self.body.is_none() => put("content-type", "text/plain"),
            _ => put(
                "content-type",
                "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
            ),
        }
        put("cache-control", "no-cache");
        put("odata-version", "4.0");
        put("request-id", &world.ids.uuid().to_string());
        put("strict-transport-security", "max-age=31536000");
        put(
            "x-ms-ags-diagnostic",
            "{\"ServerInfo\":{\"DataCenter\":\"West US 2\",\"Slice\":\"E\",\"Ring\":\"1\",\"ScaleUnit\":\"000\",\"RoleInstance\":\"azlet\"}}",
        );
        put("x-ms-resource-unit", "1");
        if let Some(location) = self.location {
            put("location", &location);
        }
        response
    }
}

impl Call<'_> {
    /// `@odata.context` of a set.
    pub(super) fn context(&self, set: &str) -> String {
        format!("{HOST}/{}/$metadata#{set}", self.version)
    }

    /// The URL of the call, without its query.
    fn url(&self) -> String {
        format!("{HOST}{}", self.path)
    }

    /// The body as an object; Graph's words for anything else.
    pub(super) fn object(&self) -> Result<Map<String, Value>, Error> {
        if self.body.is_empty() {
            return Err(Error::bad_request("Empty Payload. JSON content expected."));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(Error::bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
            )),
        }
    }

    /// A list of objects of one type, as the query wants it.
    pub(super) fn list(&self, set: &str, resource: &str, objects: Vec<Value>) -> Result<Answer, Error> {
        let options = Options::read(&self.query, &self.headers, resource)?;
        Ok(Answer::ok(options.page(&self.context(set), &self.url(), objects, objects::hidden(resource))))
    }

    /// How many objects there are, as `…/$count` tells.
    pub(super) fn count(&self, resource: &str, objects: &[Value]) -> Result<Answer, Error> {
        let eventual =
            self.headers.get("consistencylevel").is_some_and(|level| level.as_bytes().eq_ignore_ascii_case(b"eventual"));
        if !eventual {
            return Err(Error::refused("$count is not currently supported."));
        }
        let query = format!("{}&$count=true", self.query);
        let options = Options::read(&query, &self.headers, resource)?;
        Ok(Answer::text(options.count_of(objects).to_string()))
    }

    /// One object, with its context first.
    pub(super) fn one(&self, set: &str, resource: &str, object: Value) -> Result<Answer, Error> {
        let options = Options::read(&self.query, &self.headers, resource)?;
        let mut shown = options.shown(object, objects::hidden(resource));
        let context = options.context(&self.context(&format!("{set}/$entity")));
        objects::put_first(&mut shown, "@odata.context", json!(context));
        Ok(Answer::ok(shown))
    }

    /// A new object.
    pub(super) fn created(&self, set: &str, resource: &str, object: Value, id: Uuid) -> Answer {
        let mut shown = Options::default().shown(object, objects::hidden(resource));
        objects::put_first(&mut shown, "@odata.context", json!(self.context(&format!("{set}/$entity"))));
        Answer::created(self.world, shown, &format!("directoryObjects/{id}/Microsoft.DirectoryServices.{resource}"))
    }
}
