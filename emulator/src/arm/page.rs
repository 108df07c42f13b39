//! Lists in pages, as every provider answers them: `$top`, `$skiptoken`, and a `nextLink` that is the client's own URL with a place to
//! go on from. Source: the ARM resource provider contract ("Resource collections"). That a page has 1000 entries unless `$top`
//! asks for fewer, and the texts of the refusals, are inferred.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Request;
use super::error::Error;
use super::store::{Page, Resource, Window};
use crate::kernel::resource_id::ResourceId;

/// How many entries a page has at most.
const PAGE: usize = 1000;

impl Request<'_> {
    /// The resources of one type below `scope`, as a list in pages; `row` says how one is shown.
    ///
    /// This is what a provider's list answers: `Ok(ok(request.page(TYPE, &request.target.owner(), |resource| body(resource))?))`.
    pub(super) fn page(&self, kind: &str, scope: &ResourceId, row: impl FnMut(&Resource) -> Value) -> Result<Value, Error> {
        let window = self.window(scope)?;
        Ok(self.paged(self.world.arm.page_of_type(kind, scope, &window, |resource| self.shows(kind, &resource.id)), row))
    }

    /// Which part of a list of what lies below `scope` is asked for.
    pub(super) fn window(&self, scope: &ResourceId) -> Result<Window, Error> {
        let size = match self.query.get("$top") {
            None => PAGE,
            Some(text) => match text.trim().parse::<usize>() {
                Ok(top) if top > 0 => top.min(PAGE),
                _ => {
                    return Err(invalid(
                        "InvalidTopInQueryString",
                        format!("Invalid $top '{text}' specified in the query string."),
                    ));
                }
            },
        };
        let after = match self.query.get("$skiptoken").filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(place(token, scope).ok_or_else(|| {
                invalid("InvalidSkipTokenInQueryString", format!("Invalid $skiptoken '{token}' specified in the query string."))
            })?),
        };
        Ok(Window { after, size })
    }

    /// A list with one page of its rows, and the link to the next page if there is one.
    pub(super) fn paged<T>(&self, page: Page<T>, mut row: impl FnMut(&T) -> Value) -> Value {
        let rows: Vec<Value> = page.items.iter().map(|item| row(item)).collect();
        match page.next {
            None => json!({ "value": rows }),
            Some(key) => json!({ "value": rows, "nextLink": self.link(&key) }),
        }
    }

    /// The client's own URL, with the place to go on from.
    fn link(&self, key: &str) -> String {
        let query = self.query.with("$skiptoken", &URL_SAFE_NO_PAD.encode(key));
        format!("{}{}?{query}", self.conn.base_url(), self.path)
    }
}

fn invalid(code: &'static str, message: String) -> Error {
    Error::gateway(StatusCode::BAD_REQUEST, code, message)
}

/// The key that a token stands for, if it lies in the list.
fn place(token: &str, scope: &ResourceId) -> Option<String> {
    let key = String::from_utf8(URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok()?).ok()?;
    let prefix = scope.key().trim_end_matches('/');
    key.strip_prefix(prefix)?.starts_with('/').then_some(key)
}
