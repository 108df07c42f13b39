//! OData's query options on a list: `$filter`, `$select`, `$top`, `$orderby`, `$count`, `$search`, and the pages of a list. Source:
//! Microsoft's pages on query parameters and on advanced queries of directory objects.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::error::Error;
use super::filter::Filter;

/// How many objects a page has by default, and at most.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 999;

/// What the value of a query option must not hold as it is.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'&').add(b'+').add(b'%').add(b'<').add(b'>');

/// The query options of a request.
#[derive(Clone, Debug, Default)]
pub struct Options {
    filter: Option<Filter>,
    select: Option<Vec<String>>,
    top: usize,
    skip: usize,
    count: bool,
    order: Option<(String, bool)>,
    search: Option<(String, String)>,
    given: Vec<(String, String)>,
}

impl Options {
    /// Reads the options that `resource` (a type's name) is asked with.
    pub fn read(raw: &str, headers: &HeaderMap, resource: &str) -> Result<Self, Error> {
        let eventual = headers.get("consistencylevel").is_some_and(|level| level.as_bytes().eq_ignore_ascii_case(b"eventual"));
        let mut options = Self { top: PAGE, ..Self::default() };
        for (name, value) in form_urlencoded::parse(raw.as_bytes()).into_owned() {
            options.take(&name.to_ascii_lowercase(), &value, eventual)?;
            options.given.push((name, value));
        }
        if let Some(filter) = &options.filter {
            let advanced = filter.advanced().filter(|_| !(eventual && options.count));
            if let Some(property) = advanced.or_else(|| filter.searched()) {
                return Err(Error::unsupported_query(format!(
                    "Unsupported or invalid query filter clause specified for property '{property}' of resource '{resource}'."
                )));
            }
        }
        Ok(options)
    }

    fn take(&mut self, name: &str, value: &str, eventual: bool) -> Result<(), Error> {
        match name {
            "$filter" => self.filter = Some(Filter::parse(value).map_err(Error::bad_request)?),
            "$select" => {
                let names: Vec<String> =
                    value.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
                self.select = Some(names).filter(|names| !names.is_empty() && !names.iter().any(|name| name == "*"));
            }
            "$top" => {
                let top = value.parse().ok().filter(|top| (1..=LARGEST_PAGE).contains(top));
                self.top = top.ok_or_else(|| {
                    let range = format!("Must be between 1 and {LARGEST_PAGE} inclusive.");
                    Error::unsupported_query(format!("Invalid page size specified: '{value}'. {range}"))
                })?;
            }
            "$count" => self.count = value.eq_ignore_ascii_case("true"),
            "$orderby" => {
                let (property, direction) = value.trim().split_once(' ').unwrap_or((value.trim(), "asc"));
                self.order = Some((property.to_owned(), direction.trim().eq_ignore_ascii_case("desc")));
            }
            "$skiptoken" => {
                let decoded = URL_SAFE_NO_PAD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                let skip = decoded.and_then(|text| text.parse().ok());
                self.skip = skip.ok_or_else(|| Error::refused("The specified page token value has expired or is invalid."))?;
            }
            "$search" if !eventual => {
                return Err(Error::unsupported_query(
                    "Request with $search query parameter only works through MSGraph with a special request header: \
                     'ConsistencyLevel: eventual'",
                ));
            }
            "$search" => {
                let inner = value.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                let (property, text) = inner.and_then(|inner| inner.split_once(':')).ok_or_else(|| {
                    Error::bad_request(format!("Syntax error: character '{value}' is not valid at position 0 in '{value}'."))
                })?;
                self.search = Some((property.to_owned(), text.to_lowercase()));
            }
            "$skip" => return Err(Error::refused("'$skip' is not supported by the service.")),
            "$expand" | "$format" | "$apply" | "$compute" => {
                return Err(Error::not_implemented(&format!("the query option {name}")));
            }
            _ => {}
        }
        Ok(())
    }

    /// How many of the objects pass.
    pub fn count_of(&self, objects: &[Value]) -> usize {
        objects.iter().filter(|object| self.passes(object)).count()
    }

    fn passes(&self, object: &Value) -> bool {
        let found = self.search.as_ref().is_none_or(|(property, text)| {
            object[property.as_str()].as_str().is_some_and(|value| value.to_lowercase().contains(text))
        });
        found && self.filter.as_ref().is_none_or(|filter| filter.accepts(object))
    }

    /// A page of a list. `context` names what it is a list of, `url` is where it was asked for. `hidden` members are shown only when
    /// they are selected.
    pub fn page(&self, context: &str, url: &str, mut objects: Vec<Value>, hidden: &Map<String, Value>) -> Value {
        objects.retain(|object| self.passes(object));
        if let Some((property, descending)) = &self.order {
            objects.sort_by_key(|object| object[property.as_str()].as_str().unwrap_or_default().to_lowercase());
            if *descending {
                objects.reverse();
            }
        }
        let total = objects.len();
        let mut body = json!({ "@odata.context": self.context(context) });
        if self.count {
            body["@odata.count"] = json!(total);
        }
        if total > self.skip.saturating_add(self.top) {
            body["@odata.nextLink"] = json!(self.next(url));
        }
        let shown: Vec<Value> =
            objects.into_iter().skip(self.skip).take(self.top).map(|object| self.shown(object, hidden)).collect();
        body["value"] = json!(shown);
        body
    }

    /// The context of an answer; a selection is part of it.
    pub fn context(&self, context: &str) -> String {
        match &self.select {
            Some(names) => match context.strip_suffix("/$entity") {
                Some(set) => format!("{set}({})/$entity", names.join(",")),
                None => format!("{context}({})", names.join(",")),
            },
            None => context.to_owned(),
        }
    }

    /// The members that were selected; by default all that are not hidden.
    pub fn shown(&self, mut object: Value, hidden: &Map<String, Value>) -> Value {
        let Value::Object(members) = &mut object else { return object };
        match &self.select {
            Some(names) => {
                members.retain(|name, _| name.starts_with('@') || names.iter().any(|it| it.eq_ignore_ascii_case(name)))
            }
            None => members.retain(|name, _| !hidden.contains_key(name)),
        }
        object
    }

    /// Where the next page is.
    fn next(&self, url: &str) -> String {
        let kept = self.given.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("$skiptoken"));
        let mut pairs: Vec<String> =
            kept.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ENCODED))).collect();
        pairs.push(format!("$skiptoken={}", URL_SAFE_NO_PAD.encode((self.skip + self.top).to_string())));
        format!("{url}?{}", pairs.join("&"))
    }
}
