//! Who asks (`Authorization: Bearer`) and whether they may.
//!
//! The tokens of a cluster's own kubeconfigs are administrators, as in a cluster with local accounts. In a cluster that is integrated
//! with Entra, tokens for AKS' server application are accepted too: members of its administrators' groups may do everything, and with
//! Azure RBAC whatever data actions their roles give them, at the cluster or at one of its namespaces. Kubernetes' own roles are not
//! built: who has nothing else may do nothing. Who brings no token is `system:anonymous`, who may read only versions and health
//! (`system:public-info-viewer`); who is somebody may also discover what there is and ask about itself (`system:discovery`,
//! `system:basic-user`). Sources: AKS' documentation of Entra integration and of Azure RBAC for Kubernetes; the actions of its
//! built-in roles; messages that users have reported. That subresources count as their resource is inferred from those roles.

use std::sync::Arc;

use http::{HeaderMap, header};
use serde_json::{Value, json};

use super::error::Error;
use super::store::Cluster;
use crate::entra::token;
use crate::kernel::access::Plane;
use crate::kernel::principal::{Caller, PrincipalKind};
use crate::kernel::resource_id::ResourceId;
use crate::world::World;

/// The application that AKS' API servers are in every tenant: who tokens must be for.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// Who asks.
#[derive(Clone, Debug)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
    rights: Rights,
}

/// Where rights come from.
#[derive(Clone, Debug)]
enum Rights {
    /// All of them.
    All,
    /// Nowhere.
    None,
    /// From roles in Azure.
    Azure(Box<Azure>),
}

/// Someone whom Azure judges.
#[derive(Clone, Debug)]
struct Azure {
    world: Arc<World>,
    caller: Caller,
    cluster: ResourceId,
}

impl Azure {
    /// Whether roles give the data action that this means.
    fn allows(&self, asked: &Attributes<'_>) -> bool {
        let Attributes { verb, group, resource, namespace, .. } = *asked;
        let (resource, below) = resource.split_once('/').map_or((resource, ""), |(resource, below)| (resource, below));
        let verb = match (below, verb) {
            ("exec" | "attach" | "portforward", _) => format!("{below}/action"),
            (_, "get" | "list" | "watch") => "read".to_owned(),
            (_, "delete" | "deletecollection") => "delete".to_owned(),
            _ => "write".to_owned(),
        };
        let group = if group.is_empty() { String::new() } else { format!("{group}/") };
        let action = format!("Microsoft.ContainerService/managedClusters/{group}{resource}/{verb}");
        let scope =
            if namespace.is_empty() { self.cluster.clone() } else { self.cluster.join(&format!("namespaces/{namespace}")) };
        self.world.access.decide(&self.caller, Plane::Data, &action, &scope).is_allowed()
    }
}

/// What is asked, in the words of authorization.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// `list`.
    pub verb: &'a str,
    /// The group, empty for the core.
    pub group: &'a str,
    /// `pods`, `pods/log`.
    pub resource: &'a str,
    /// The namespace, empty for none or all.
    pub namespace: &'a str,
    /// The object, empty for all.
    pub name: &'a str,
}

impl User {
    /// Who brings no token.
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()], rights: Rights::None }
    }

    fn administrator(name: &str) -> Self {
        let groups = vec!["system:masters".into(), "system:authenticated".into()];
        Self { name: name.into(), groups, rights: Rights::All }
    }

    /// Whether the user may do everything.
    pub fn is_administrator(&self) -> bool {
        matches!(self.rights, Rights::All)
    }

    fn is_somebody(&self) -> bool {
        self.groups.iter().any(|group| group == "system:authenticated")
    }

    /// As reviews write users.
    pub fn to_json(&self) -> Value {
        json!({"username": self.name, "groups": self.groups})
    }

    /// Lets the user pass or refuses as RBAC does.
    pub fn authorize(&self, asked: Attributes<'_>) -> Result<(), Error> {
        let about_itself = asked.resource.starts_with("selfsubject") && asked.verb == "create" && self.is_somebody();
        let judged = match &self.rights {
            Rights::All => return Ok(()),
            Rights::Azure(azure) if azure.allows(&asked) => return Ok(()),
            Rights::Azure(_) => ": User does not have access to the resource in Azure. Update role assignment to allow access.",
            Rights::None => "",
        };
        if about_itself {
            return Ok(());
        }
        let Attributes { verb, group, resource, namespace, name } = asked;
        let qualified = if group.is_empty() { resource.to_owned() } else { qualify(resource, group) };
        let subject = if name.is_empty() { qualified } else { format!("{qualified} \"{name}\"") };
        let place =
            if namespace.is_empty() { "at the cluster scope".to_owned() } else { format!("in the namespace \"{namespace}\"") };
        let user = &self.name;
        let message = format!(
            "{subject} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" {place}{judged}"
        );
        let plural = resource.split('/').next().unwrap_or(resource);
        Err(Error::forbidden(group, plural, name, message))
    }

    /// Lets the user read a path that is no resource, or refuses.
    pub fn authorize_path(&self, verb: &str, path: &str) -> Result<(), Error> {
        let discovers = ["/api", "/apis", "/openapi"].iter().any(|root| path == *root || path.starts_with(&format!("{root}/")));
        if self.is_administrator()
            || discovers && self.is_somebody()
            || matches!(path, "/version" | "/version/" | "/healthz" | "/livez" | "/readyz")
        {
            return Ok(());
        }
        let message = format!("forbidden: User \"{}\" cannot {verb} path \"{path}\"", self.name);
        Err(Error::forbidden("", "", "", message))
    }
}

fn qualify(resource: &str, group: &str) -> String {
    match resource.split_once('/') {
        Some((plural, sub)) => format!("{plural}.{group}/{sub}"),
        None => format!("{resource}.{group}"),
    }
}

/// Who the request's token stands for.
pub fn authenticate(world: &Arc<World>, cluster: &Cluster, headers: &HeaderMap) -> Result<User, Error> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(User::anonymous()) };
    let value = value.to_str().unwrap_or("");
    let Some(token) =
        value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim())
    else {
        return Err(Error::unauthorized());
    };
    let spec = cluster.spec();
    if !token.is_empty() && token == spec.admin_token {
        return Ok(User::administrator("masteradmin"));
    }
    if !token.is_empty() && token == spec.user_token {
        return Ok(User::administrator("masterclient"));
    }
    if !token.is_empty() && token == spec.monitoring_token {
        let groups = vec!["system:authenticated".into()];
        return Ok(User { name: "clusterMonitoringUser".into(), groups, rights: Rights::None });
    }
    of_entra(world, cluster, token).ok_or_else(Error::unauthorized)
}

/// Who a token of Entra's stands for, in a cluster that takes them.
fn of_entra(world: &Arc<World>, cluster: &Cluster, shown: &str) -> Option<User> {
    let entra = cluster.spec().entra.clone()?;
    let claims = token::verify(world, shown).ok().filter(|claims| claims.audience.trim_start_matches("spn:") == SERVER)?;
    let caller = token::caller(world, &claims)?;
    // People are called by their names, applications by their object ids.
    let name = if caller.kind == PrincipalKind::User { caller.label.clone() } else { caller.object_id.to_string() };
    let mut groups: Vec<String> = caller.groups.iter().map(ToString::to_string).collect();
    groups.push("system:authenticated".into());
    let rights = if caller.identities().any(|id| entra.administrators.contains(&id)) {
        Rights::All
    } else if entra.azure_rbac {
        Rights::Azure(Box::new(Azure { world: world.clone(), caller, cluster: cluster.id.clone() }))
    } else {
        Rights::None
    };
    Some(User { name, groups, rights })
}
