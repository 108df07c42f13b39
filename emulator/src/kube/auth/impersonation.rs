//! Requests in another's name (`Impersonate-User` and its kin, `kubectl --as`): each part needs the verb `impersonate`
//! (`endpoints/filters/impersonation`). A user of Entra's who is impersonated is judged by Kubernetes' roles alone, since nothing says who
//! they are in Azure (inferred). Where upstream answers 500, here is a 400 with the same words.

use std::collections::BTreeMap;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::{ANONYMOUS, AUTHENTICATED, Attributes, UNAUTHENTICATED, User, accounts};
use crate::kube::error::Error;
use crate::kube::store::Cluster;

const EXTRA: &str = "impersonate-extra-";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Whom the headers name.
#[derive(Debug, Default)]
struct Wanted {
    user: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Wanted {
    fn read(headers: &HeaderMap) -> Self {
        let all = |name: &str| -> Vec<String> {
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
        };
        let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
        let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in headers.keys().filter_map(|name| name.as_str().strip_prefix(EXTRA)) {
            let key = percent_decode_str(name).decode_utf8_lossy().to_lowercase();
            extra.insert(key, all(&format!("{EXTRA}{name}")));
        }
        Self { user: first("impersonate-user"), uid: first("impersonate-uid"), groups: all("impersonate-group"), extra }
    }

    fn is_nothing(&self) -> bool {
        self.user.is_empty() && self.uid.is_empty() && self.groups.is_empty() && self.extra.is_empty()
    }
}

/// The user that the request is made as.
pub(super) fn follow(cluster: &Cluster, user: User, headers: &HeaderMap) -> Result<User, Error> {
    let wanted = Wanted::read(headers);
    if wanted.is_nothing() {
        return Ok(user);
    }
    if wanted.user.is_empty() {
        return Err(Error::bad_request("Internal error occurred: requested impersonation without impersonating a user"));
    }
    permit(cluster, &user, &wanted)?;
    let of_account = accounts::account_name(&wanted.user).filter(|_| wanted.groups.is_empty());
    let mut groups = of_account.map_or_else(|| wanted.groups.clone(), |(namespace, _)| accounts::groups(namespace));
    let has = |groups: &[String], wanted: &str| groups.iter().any(|group| group == wanted);
    if wanted.user == ANONYMOUS {
        if !has(&groups, UNAUTHENTICATED) {
            groups.push(UNAUTHENTICATED.into());
        }
    } else if !has(&groups, AUTHENTICATED) && !has(&groups, UNAUTHENTICATED) {
        groups.push(AUTHENTICATED.into());
    }
    Ok(User { uid: wanted.uid, extra: wanted.extra, ..User::named(&wanted.user, groups) })
}

fn permit(cluster: &Cluster, user: &User, wanted: &Wanted) -> Result<(), Error> {
    let ask = |group: &str, resource: &str, namespace: &str, name: &str| {
        user.authorize(cluster, Attributes { verb: "impersonate", group, resource, namespace, name })
    };
    match accounts::account_name(&wanted.user) {
        Some((namespace, name)) => ask("", "serviceaccounts", namespace, name)?,
        None => ask("", "users", "", &wanted.user)?,
    }
    wanted.groups.iter().try_for_each(|group| ask("", "groups", "", group))?;
    for (key, values) in &wanted.extra {
        values.iter().try_for_each(|value| ask(AUTHENTICATION, &format!("userextras/{key}"), "", value))?;
    }
    if wanted.uid.is_empty() { Ok(()) } else { ask(AUTHENTICATION, "uids", "", &wanted.uid) }
}
