//! Lists of role assignments and their filters.
//! Source: the Authorization API's specification and recorded lists: without a filter everything at, above and below the scope;
//! a filter that is none is refused with a text that has lost a quote.

use serde_json::Value;
use uuid::Uuid;

use super::super::super::error::Error;
use super::super::super::headers::Answer;
use super::assignment_body::body;
use super::{Request, bad, in_pages};
use crate::kernel::principal::PrincipalKind;

/// What a list was asked to show.
#[derive(Debug, PartialEq)]
enum Selection {
    All,
    AtScope,
    Principal(Uuid),
    AssignedTo { principal: Uuid, below: bool },
}

pub(super) fn list(request: &Request<'_>) -> Result<Answer, Error> {
    let scope = &request.target.scope;
    let selection = match request.query.filter() {
        None => Selection::All,
        Some(text) => selection(text).filter(|it| !names_a_group(request, it)).ok_or_else(|| unsupported(text))?,
    };
    let access = request.access();
    let mut rows = access.assignments_at_or_above(scope);
    if !matches!(selection, Selection::AtScope | Selection::AssignedTo { below: false, .. }) {
        rows.extend(access.assignments_below(scope));
    }
    let wanted: Option<Vec<Uuid>> = match selection {
        Selection::All | Selection::AtScope => None,
        Selection::Principal(principal) => Some(vec![principal]),
        Selection::AssignedTo { principal, .. } => {
            let groups = request.world.directory.groups_of(principal);
            Some(std::iter::once(principal).chain(groups).collect())
        }
    };
    let shown = rows.iter().filter(|row| wanted.as_ref().is_none_or(|wanted| wanted.contains(&row.principal_id)));
    let values: Vec<Value> = shown.map(|row| body(row, &request.version, true)).collect();
    in_pages(request, values)
}

/// `assignedTo()` does not take a group (documented; that it is refused, and in which words, is inferred).
fn names_a_group(request: &Request<'_>, selection: &Selection) -> bool {
    let Selection::AssignedTo { principal, .. } = selection else { return false };
    let known = request.world.directory.principal(*principal);
    known.is_some_and(|known| known.principal_kind() == PrincipalKind::Group)
}

fn unsupported(filter: &str) -> Error {
    let message = format!(
        "The filter '{filter}' is not supported. Supported filters are either 'atScope()' or 'principalId eq '{{value}}' or \
         assignedTo('{{value}}')'."
    );
    bad("BadRequest", message)
}

/// `atScope()`, `principalId eq '…'`, `assignedTo('…')`, and the first with the last.
fn selection(text: &str) -> Option<Selection> {
    let plain: String = text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    let quoted = |text: &str| Uuid::try_parse(text.strip_prefix('\'')?.strip_suffix('\'')?).ok();
    let assigned = |text: &str| quoted(text.strip_prefix("assignedto(")?.strip_suffix(')')?.trim());
    if plain == "atscope()" {
        return Some(Selection::AtScope);
    }
    if let Some(principal) = plain.strip_prefix("principalid eq ").and_then(quoted) {
        return Some(Selection::Principal(principal));
    }
    match plain.split_once(" and ") {
        Some(("atscope()", rest)) | Some((rest, "atscope()")) => {
            Some(Selection::AssignedTo { principal: assigned(rest)?, below: false })
        }
        Some(_) => None,
        None => Some(Selection::AssignedTo { principal: assigned(&plain)?, below: true }),
    }
}
