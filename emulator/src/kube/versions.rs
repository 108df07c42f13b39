//! Which version of the objects a get, a list or a watch asks for, and the pages of lists (apimachinery's
//! `internalversion/validation`, the API server's `storage`: `continue.go`, `etcd3/errors.go`, `cacher`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::error::{Cause, Error};
use super::kinds::Kind;
use super::objects::place;
use super::request::Query;

/// The version of continue tokens.
const TOKENS: &str = "meta.k8s.io/v1";

/// What state of the objects a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// That of now.
    Now,
    /// That at a version.
    At(u64),
    /// That of now, if it is not older than a version.
    NotOlderThan(u64),
}

/// What page of a list is asked for.
#[derive(Clone, Debug)]
pub struct Page {
    /// The state.
    pub state: State,
    /// The namespace and the name behind which the page begins.
    pub after: Option<(String, String)>,
    /// How long it is at most.
    pub limit: Option<usize>,
}

fn refuse(causes: &[Cause]) -> Error {
    Error::invalid_named("meta.k8s.io", "ListOptions", "", causes)
}

fn matching(why: &str) -> Cause {
    Cause::forbidden("resourceVersionMatch", why)
}

/// Reads a version.
pub fn parse(kind: &Kind, text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| {
        let value = Value::from(text);
        let why = format!("strconv.ParseUint: parsing {value}: invalid syntax");
        Error::invalid_named(&kind.group, &kind.plural, "", &[Cause::invalid("resourceVersion", &value, &why)])
    })
}

/// Checks that a version is not in the future; nothing and `0` stand for any.
pub fn check_known(kind: &Kind, version: Option<&str>, current: u64) -> Result<(), Error> {
    match version.map(|version| parse(kind, version)).transpose()? {
        Some(version) if version > current => Err(Error::too_large_version(version, current)),
        _ => Ok(()),
    }
}

/// Reads what a watch says about versions: `sendInitialEvents`, which wants `resourceVersionMatch=NotOlderThan` and the other
/// way round.
pub fn check_watch(query: &Query) -> Result<Option<bool>, Error> {
    let asked = query.get("sendInitialEvents").map(|_| query.flag("sendInitialEvents"));
    let wanted = query.get("resourceVersionMatch");
    let mut causes = Vec::new();
    if asked.is_some() && wanted != Some("NotOlderThan") {
        causes.push(matching("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    }
    if let Some(wanted) = wanted {
        if asked.is_none() {
            causes.push(matching("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
        }
        if wanted != "NotOlderThan" {
            causes.push(Cause::not_supported("resourceVersionMatch", &wanted.into(), &["NotOlderThan"]));
        }
        if query.get("continue").is_some() {
            causes.push(matching("resourceVersionMatch is forbidden when continue is provided"));
        }
    }
    if causes.is_empty() { Ok(asked) } else { Err(refuse(&causes)) }
}

/// Reads what a list asks for.
pub fn page(kind: &Kind, query: &Query, current: u64) -> Result<Page, Error> {
    check_list(query)?;
    let limit = query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let version = query.get("resourceVersion");
    if let Some(token) = query.get("continue") {
        if version.is_some_and(|version| version != "0") {
            return Err(Error::bad_request("specifying resource version is not allowed when using continue"));
        }
        let (state, after) = read_token(token)?;
        return Ok(Page { state, after: Some(after), limit });
    }
    let state = match version.map(|version| parse(kind, version)).transpose()? {
        None => State::Now,
        // What any version may answer is answered from memory, where pages cost more than they spare.
        Some(0) => return Ok(Page { state: State::Now, after: None, limit: None }),
        Some(version) if version > current => return Err(Error::too_large_version(version, current)),
        // A list with a limit and no word about how to match is of exactly that version.
        Some(version) if query.get("resourceVersionMatch") == Some("Exact") => State::At(version),
        Some(version) if query.get("resourceVersionMatch").is_none() && limit.is_some() => State::At(version),
        Some(version) => State::NotOlderThan(version),
    };
    Ok(Page { state, after: None, limit })
}

fn check_list(query: &Query) -> Result<(), Error> {
    let mut causes = Vec::new();
    if let Some(wanted) = query.get("resourceVersionMatch") {
        if query.get("resourceVersion").is_none() {
            causes.push(matching("resourceVersionMatch is forbidden unless resourceVersion is provided"));
        }
        if query.get("continue").is_some() {
            causes.push(matching("resourceVersionMatch is forbidden when continue is provided"));
        }
        if !matches!(wanted, "Exact" | "NotOlderThan") {
            causes.push(Cause::not_supported("resourceVersionMatch", &wanted.into(), &["Exact", "NotOlderThan", ""]));
        }
        if wanted == "Exact" && query.get("resourceVersion") == Some("0") {
            causes.push(matching("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
        }
    }
    if query.get("sendInitialEvents").is_some() {
        causes.push(Cause::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    if causes.is_empty() { Ok(()) } else { Err(refuse(&causes)) }
}

/// A token that names the last object of a page; without a version, the rest is shown as it is then.
pub fn token(version: Option<u64>, (namespace, name): &(String, String)) -> String {
    let start = if namespace.is_empty() { format!("{name}\0") } else { format!("{namespace}/{name}\0") };
    let version = version.map_or_else(|| json!(-1), Value::from);
    URL_SAFE_NO_PAD.encode(json!({"v": TOKENS, "rv": version, "start": start}).to_string())
}

/// The token that goes on behind an object.
pub fn token_behind(version: u64, last: &Value) -> String {
    token(Some(version), &place(last))
}

fn read_token(text: &str) -> Result<(State, (String, String)), Error> {
    let refuse = |why: String| Error::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => text.len(),
        };
        refuse(format!("illegal base64 data at input byte {at}"))
    })?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| refuse(super::body::go_syntax_error(&bytes, &error)))?;
    let version = value["v"].as_str().unwrap_or("");
    if version != TOKENS {
        return Err(refuse(format!("server does not recognize this encoded version {}", Value::from(version))));
    }
    let start = value["start"].as_str().unwrap_or("");
    if start.is_empty() {
        return Err(refuse(format!("encoded start key missing (version {TOKENS})")));
    }
    let state = match value["rv"].as_i64().unwrap_or(0) {
        0 => return Err(refuse(format!("incorrect encoded start resourceVersion (version {TOKENS})"))),
        version => u64::try_from(version).map_or(State::Now, State::At),
    };
    let start = start.trim_end_matches('\0');
    let after = match start.split_once('/') {
        Some((namespace, name)) => (namespace.to_owned(), name.to_owned()),
        None => (String::new(), start.to_owned()),
    };
    Ok((state, after))
}
