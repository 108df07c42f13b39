//! Where AKS' lists end. AKS marks the end of a page by the number of a row in its own table, and links to what lies behind it from
//! every page that has a row, the last one too: the page behind that link is empty and has no link. Source: recorded lists of
//! clusters and of agent pools since October 2023, each of which has such a link; before, none had. That the number depends on the
//! last row alone is inferred.

use serde_json::{Value, json};

use super::super::super::Request;

/// The digits of a row's number.
const DIGITS: &[u8] = b"123456789";

/// Whether what lies behind a row of AKS' own table is asked for: no row of azlet's does.
pub(super) fn are_behind(request: &Request<'_>) -> bool {
    let token = request.query.get("$skiptoken").unwrap_or_default();
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

/// A page, with the link to what lies behind its last row unless it has a link to more rows already.
pub(super) fn ended(request: &Request<'_>, mut page: Value) -> Value {
    let last = page["value"].as_array().and_then(|rows| rows.last()).and_then(|row| row["id"].as_str());
    let Some(last) = last.filter(|_| page.get("nextLink").is_none()) else { return page };
    let row = request.world.ids.named_text(&format!("row {last}"), 7, DIGITS);
    let (base, path, version) = (request.conn.base_url(), request.path, &request.version);
    page["nextLink"] = json!(format!("{base}{path}?%24skipToken={row}&api-version={version}&skipToken={row}"));
    page
}
