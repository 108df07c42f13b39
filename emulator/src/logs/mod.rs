//! Azure Monitor's logs: what diagnostic settings deliver into workspaces, and the query service on `api.loganalytics.io`.
//!
//! Source: the Log Analytics API's reference, and the tables' columns as Azure Monitor's reference lists them
//! (`fixtures/logs/tables.json`).

mod auth;
mod batch;
mod error;
pub mod query;
pub mod store;
pub mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::store::Resource;
use crate::kernel::principal::Caller;
use crate::world::World;
use query::{Columns, Source};
use store::Row;

pub use error::Error;

/// The type of workspaces.
pub const WORKSPACE: &str = "Microsoft.OperationalInsights/workspaces";

/// A query may be this long.
const LONGEST_QUERY: usize = 256 * 1024;

/// Every route of the service.
pub fn router() -> Router {
    Router::new()
        .route("/v1/workspaces/{id}/query", get(by_url).post(by_body).fallback(no_verb))
        .route("/v1/$batch", post(several).fallback(no_verb))
        .fallback(async |Extension(world): Extension<Arc<World>>| Error::no_path().answer(&world))
}

async fn no_verb(Extension(world): Extension<Arc<World>>) -> Response {
    Error::no_verb().answer(&world)
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Question {
    query: String,
    timespan: Option<String>,
    /// What is wanted beside the tables.
    statistics: bool,
    render: bool,
}

impl Question {
    /// From the body of a POST.
    pub fn from_body(body: &Value) -> Result<Self, Error> {
        let text = |name: &str| match &body[name] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            other => Err(Error::bad_argument("QueryValidationError", format!("'{name}' must be a string, and is {other}."))),
        };
        if body["workspaces"].as_array().is_some_and(|others| !others.is_empty()) {
            return Err(Error::bad_argument(
                "NotImplementedByAzlet",
                "azlet does not implement queries over several workspaces.",
            ));
        }
        Self::new(text("query")?, text("timespan")?)
    }

    fn new(query: Option<String>, timespan: Option<String>) -> Result<Self, Error> {
        let query = query.filter(|query| !query.trim().is_empty()).ok_or_else(|| {
            Error::bad_argument("QueryValidationError", "Failed parsing the query: the property 'query' is missing or empty.")
        })?;
        if query.len() > LONGEST_QUERY {
            let message = format!("The query is longer than {LONGEST_QUERY} bytes.");
            return Err(Error::bad_argument("QueryValidationError", message));
        }
        Ok(Self { query, timespan: timespan.filter(|timespan| !timespan.is_empty()), ..Self::default() })
    }

    /// With what a header `Prefer` asks for; how long an answer may take is of no consequence here.
    fn preferring(mut self, header: Option<&str>) -> Self {
        for wish in header.into_iter().flat_map(|header| header.split(',')) {
            match wish.trim() {
                "include-statistics=true" => self.statistics = true,
                "include-render=true" => self.render = true,
                _ => {}
            }
        }
        self
    }
}

async fn by_url(
    Extension(world): Extension<Arc<World>>,
    Path(id): Path<String>,
    Query(mut given): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let question = Question::new(given.remove("query"), given.remove("timespan"));
    respond(&world, &id, &headers, question)
}

async fn by_body(Extension(world): Extension<Arc<World>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let question = json_body(&headers, &body).and_then(|body| Question::from_body(&body));
    respond(&world, &id, &headers, question)
}

async fn several(Extension(world): Extension<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = auth::caller(&world, &headers);
    finish(&world, outcome.and_then(|caller| batch::answer(&world, &caller, &json_body(&headers, &body)?)))
}

fn json_body(headers: &HeaderMap, body: &Bytes) -> Result<Value, Error> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")));
    if !is_json {
        return Err(Error::bad_argument("MalformedRequest", "The body must be of type 'application/json'."));
    }
    let malformed = |fault| Error::bad_argument("MalformedRequest", format!("The body is no JSON: {fault}."));
    serde_json::from_slice(body).map_err(malformed)
}

fn respond(world: &World, id: &str, headers: &HeaderMap, question: Result<Question, Error>) -> Response {
    let prefer = headers.get("prefer").and_then(|value| value.to_str().ok());
    let outcome = auth::caller(world, headers);
    let question = question.map(|question| question.preferring(prefer));
    let outcome = outcome.and_then(|caller| {
        let workspace = workspace(world, id).ok_or_else(|| Error::no_workspace(id))?;
        answer(world, &caller, &workspace, &question?)
    });
    finish(world, outcome)
}

fn finish(world: &World, outcome: Result<Value, Error>) -> Response {
    match outcome {
        Ok(body) => (StatusCode::OK, Json(body)).into_response(),
        Err(error) => error.answer(world),
    }
}

/// The answer of the workspace of this id.
fn ask(world: &World, caller: &Caller, id: &str, question: &Question) -> Result<Value, Error> {
    let workspace = workspace(world, id).ok_or_else(|| Error::no_workspace(id))?;
    answer(world, caller, &workspace, question)
}

/// The workspace that has this id of its own.
fn workspace(world: &World, id: &str) -> Option<Arc<Resource>> {
    let id = Uuid::try_parse(id).ok()?.to_string();
    let scopes = world.arm.subscriptions().into_iter().map(|it| crate::kernel::resource_id::ResourceId::of_subscription(it.id));
    let mut all = scopes.flat_map(|scope| world.arm.resources_of_type(WORKSPACE, &scope));
    all.find(|workspace| workspace.properties.get("customerId").and_then(Value::as_str) == Some(&id))
}

/// The answer to a question about a workspace, for who may ask it.
pub fn answer(world: &World, caller: &Caller, workspace: &Resource, question: &Question) -> Result<Value, Error> {
    let faulty = |fault: query::Fault| Error::query(&fault, &question.query);
    let parsed = query::parse(&question.query).map_err(faulty);
    // Who may not ask at all learns nothing about the query.
    let table = parsed.as_ref().map_or("", query::Query::table);
    auth::may_read(world, caller, &workspace.id, table)?;
    let parsed = parsed?;
    let now = world.clock.now();
    let (from, to) = question.timespan.as_deref().map_or(Ok((Timestamp::MIN, Timestamp::MAX)), |text| timespan(text, now))?;
    let contents = Contents { world, workspace, from, to };
    let answer = query::run(&parsed, &contents, now).map_err(faulty)?;
    let columns: Vec<Value> = answer.columns.iter().map(|(name, kind)| json!({ "name": name, "type": kind.as_str() })).collect();
    let rows: Vec<Value> = answer.rows.iter().map(|row| Value::Array(row.iter().map(query::Value::to_json).collect())).collect();
    let mut body = json!({ "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }] });
    if question.statistics {
        let size = body["tables"][0]["rows"].to_string().len();
        let table = json!({ "tableRowCount": answer.rows.len(), "tableSize": size });
        body["statistics"] = json!({ "query": { "executionTime": 0.0, "datasetStatistics": [table] } });
    }
    if question.render {
        // No operator says how a result is to be drawn.
        body["render"] = json!({});
    }
    Ok(body)
}

/// `P1D` until now, or `2026-01-01T00:00Z/2026-01-02T00:00Z`, or one end and a duration.
pub fn timespan(text: &str, now: Timestamp) -> Result<(Timestamp, Timestamp), Error> {
    let wrong =
        || Error::bad_argument("QueryValidationError", format!("The timespan '{text}' is no ISO 8601 duration or interval."));
    let duration = |text: &str| {
        let span: Span = text.parse().ok()?;
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()
    };
    let shift = |at: Timestamp, by: SignedDuration| at.saturating_add(by).unwrap_or(at);
    let Some((from, to)) = text.split_once('/') else {
        let long = duration(text).ok_or_else(wrong)?;
        return Ok((shift(now, -long), now));
    };
    match (from.parse::<Timestamp>(), to.parse::<Timestamp>()) {
        (Ok(from), Ok(to)) => Ok((from, to)),
        (Ok(from), Err(_)) => duration(to).map(|long| (from, shift(from, long))).ok_or_else(wrong),
        (Err(_), Ok(to)) => duration(from).map(|long| (shift(to, -long), to)).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// What a workspace holds, as far as a question looks at it.
struct Contents<'a> {
    world: &'a World,
    workspace: &'a Resource,
    from: Timestamp,
    to: Timestamp,
}

impl Source for Contents<'_> {
    fn table(&self, name: &str) -> Option<(Columns, Vec<Arc<Row>>)> {
        let columns = tables::columns(name)?;
        let days = self.workspace.properties.get("retentionInDays").and_then(Value::as_i64).unwrap_or(30);
        let now = self.world.clock.now();
        let oldest = now.saturating_sub(SignedDuration::from_hours(days.saturating_mul(24))).unwrap_or(Timestamp::MIN);
        let rows = self.world.logs.rows(&self.workspace.id, name, oldest);
        let within = rows.into_iter().filter(|row| (self.from..=self.to).contains(&row.at));
        // Every row says which workspace and table it lies in.
        let customer = self.workspace.properties.get("customerId").cloned().unwrap_or(Value::Null);
        let rows = within.map(|row| {
            let mut cells = row.cells.clone();
            cells.insert("TenantId".into(), customer.clone());
            cells.insert("Type".into(), json!(name));
            cells.insert("SourceSystem".into(), json!("Azure"));
            cells.insert("TimeGenerated".into(), json!(crate::kernel::clock::rfc3339_ticks(row.at)));
            Arc::new(Row { at: row.at, cells })
        });
        Some((columns.clone(), rows.collect()))
    }
}
