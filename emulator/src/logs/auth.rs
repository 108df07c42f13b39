//! Who asks, and whether they may: a token of Entra for the query service, and the right to query the workspace and to read the
//! table. Source: Azure Monitor's documentation of access to Log Analytics workspaces.

use axum::http::{HeaderMap, header};

use super::error::Error;
use crate::entra::token;
use crate::kernel::access::Plane;
use crate::kernel::principal::Caller;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The audiences that are taken: the service's two hosts, and its application id.
const AUDIENCES: [&str; 3] =
    ["https://api.loganalytics.io", "https://api.loganalytics.azure.com", "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"];

/// Who asks.
pub(super) fn caller(world: &World, headers: &HeaderMap) -> Result<Caller, Error> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(Error::unauthorized)?;
    let shown = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let claims = token::verify(world, shown.ok_or_else(Error::unauthorized)?).map_err(|_| Error::unauthorized())?;
    if !AUDIENCES.contains(&claims.audience.trim_end_matches('/')) {
        return Err(Error::wrong_audience());
    }
    token::caller(world, &claims).ok_or_else(Error::unauthorized)
}

/// Whether a caller may query a workspace, and read one of its tables.
pub(super) fn may_read(world: &World, caller: &Caller, workspace: &ResourceId, table: &str) -> Result<(), Error> {
    let may = |action: &str| world.access.decide(caller, Plane::Management, action, workspace).is_allowed();
    let query = "Microsoft.OperationalInsights/workspaces/query/read";
    let table = format!("Microsoft.OperationalInsights/workspaces/query/{table}/read");
    if may(query) && may(&table) { Ok(()) } else { Err(Error::no_access()) }
}
