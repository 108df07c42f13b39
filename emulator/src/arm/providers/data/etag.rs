//! Etags of described types: what a GET says, and what `If-Match` and `If-None-Match` are held against.
//! Source: the ARM resource provider contract ("ETags for Resources"): whoever answers with etags checks them. The network provider's
//! refusal is one that users have reported; that Azure Monitor's providers check at all is inferred from the contract.

use axum::http::Method;
use axum::http::header::IF_MATCH;

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::fault::Faults;
use super::shape::Etag;
use super::{Part, render, scope};

/// The etag of a resource as it is now, if its type has etags.
pub(super) fn of(request: &Request<'_>, resource: &Resource) -> Option<String> {
    render::own_etag(&scope(request, resource, None, resource.state(request.now)), resource)
}

/// Checks a write's conditions. A PATCH of nothing is told that there is nothing, whatever the condition.
pub(super) fn check(request: &Request<'_>, part: &Part, existing: Option<&Resource>) -> Result<(), Error> {
    let has_etags = part.shape.etag != Etag::None;
    if !has_etags || !request.writes() || (*request.method == Method::PATCH && existing.is_none()) {
        return Ok(());
    }
    let current = existing.and_then(|resource| of(request, resource));
    let judged = request.precondition(part.shape.voice.voice(), current.as_deref());
    let wanted = request.headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
    judged.map_err(|usual| match (existing, current, wanted) {
        (Some(resource), Some(current), Some(wanted)) if usual.status == 412 => {
            let faults = Faults { shape: part.shape, name: request.target.name() };
            faults.raise_etag(&resource.id, wanted, &current).unwrap_or(usual)
        }
        _ => usual,
    })
}
