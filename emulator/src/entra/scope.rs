//! `scope` of the version 2 endpoint and `resource` of the version 1 endpoint. Source: Microsoft's page on scopes and permissions;
//! RFC 6749, section 3.3.

use super::error::Error;
use super::grants::{Form, Version, field};
use super::resources::{self, GRAPH, Resource};
use crate::world::World;

/// What a token is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The resource as it was named: the token's audience.
    pub(super) audience: String,
    /// The resource.
    pub(super) resource: Resource,
    /// The scopes at the resource, as they were asked for.
    pub(super) asked: Vec<String>,
    /// The same without the resource: `.default`, `user_impersonation`.
    pub(super) permissions: Vec<String>,
    /// Whether an id token is asked for.
    pub(super) openid: bool,
    /// Whether a refresh token is asked for.
    pub(super) offline: bool,
    /// Whether the user's address is asked for.
    pub(super) email: bool,
}

/// Reads what a token of a user is asked for.
pub(super) fn of_user(world: &World, form: &Form, version: Version) -> Result<Wanted, Error> {
    if version == Version::One {
        let resource = form.get("resource").filter(|resource| !resource.is_empty());
        return v1(world, resource.map_or("00000002-0000-0000-c000-000000000000", String::as_str));
    }
    v2(world, field(form, "scope")?)
}

fn v1(world: &World, audience: &str) -> Result<Wanted, Error> {
    let resource = resources::resolve(world, audience)?;
    let (asked, permissions) = (vec![format!("{audience}/.default")], vec![".default".to_owned()]);
    Ok(Wanted { audience: audience.to_owned(), resource, asked, permissions, openid: true, offline: true, email: false })
}

/// Reads a list of scopes.
pub(super) fn v2(world: &World, text: &str) -> Result<Wanted, Error> {
    let (mut openid, mut offline, mut email) = (false, false, false);
    let (mut asked, mut permissions, mut audience) = (Vec::new(), Vec::new(), None::<String>);
    for scope in text.split_whitespace() {
        match scope {
            "openid" => openid = true,
            "offline_access" => offline = true,
            "email" => email = true,
            "profile" => {}
            _ => {
                let (resource, permission) = split(scope).ok_or_else(|| Error::scope_malformed(scope))?;
                if audience.as_ref().is_some_and(|before| before != resource) {
                    return Err(Error::scope_of_two_resources(text));
                }
                audience = Some(resource.to_owned());
                asked.push(scope.to_owned());
                permissions.push(permission.to_owned());
            }
        }
    }
    let audience = audience.unwrap_or_else(|| GRAPH.to_owned());
    let resource = resources::resolve(world, &audience)?;
    Ok(Wanted { audience, resource, asked, permissions, openid, offline, email })
}

/// Resource and permission of a scope; one without a resource is Graph's.
fn split(scope: &str) -> Option<(&str, &str)> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-*".contains(it));
    match scope.rsplit_once('/') {
        Some((resource, permission)) => (!resource.is_empty() && plain(permission)).then_some((resource, permission)),
        None => plain(scope).then_some((GRAPH, scope)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_resource_and_a_permission() {
        let arm = "https://management.core.windows.net/";
        assert_eq!(split("https://management.core.windows.net//.default"), Some((arm, ".default")));
        assert_eq!(split("api://x/Files.Read"), Some(("api://x", "Files.Read")));
        assert_eq!(split("User.Read"), Some((GRAPH, "User.Read")));
        for text in ["", "/", "https://x/", "a b", "/x"] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
