//! The list of a repository's tags.
//! Source: OCI Distribution Specification 1.1 "Listing tags". A repository whose last manifest is gone has an empty list: the
//! specification's conformance suite wants it.

use serde_json::{Value, json};

use super::auth::Granted;
use super::error::Error;
use super::page::Page;

/// The tags of a repository, and the link to the next page.
pub fn list(granted: &Granted, repository: &str, page: &Page, path: &str) -> Result<(Value, Option<String>), Error> {
    let repositories = granted.registry().repositories.read();
    let held = repositories.get(repository).ok_or_else(|| Error::name_unknown(repository))?;
    let shown = held.tags.iter().filter(|(_, tag)| tag.attributes.list).map(|(name, _)| name.clone()).collect();
    let (tags, link) = page.cut::<String>(shown, path);
    Ok((json!({ "name": repository, "tags": tags }), link))
}
