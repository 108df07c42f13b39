//! The list of a registry's repositories, for `/v2/_catalog` and `/acr/v1/_catalog` alike.
//! Source: CNCF Distribution "Listing Repositories"; Azure Container Registry's REST reference.

use serde_json::{Value, json};

use super::auth::Granted;
use super::page::Page;

/// The repositories that hold something, and the link to the next page.
pub fn list(granted: &Granted, page: &Page, path: &str) -> (Value, Option<String>) {
    let repositories = granted.registry().repositories.read();
    let shown = repositories.iter().filter(|(_, held)| !held.manifests.is_empty() && held.attributes.list);
    let (names, link) = page.cut::<String>(shown.map(|(name, _)| name.clone()).collect(), path);
    (json!({ "repositories": names }), link)
}
