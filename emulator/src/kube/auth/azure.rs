//! Tokens of Entra's, and what roles in Azure are worth in a cluster. That subresources count as their resource is inferred from the data
//! actions of AKS' built-in roles.

use std::sync::Arc;

use super::{AUTHENTICATED, Attributes, User};
use crate::entra::token;
use crate::kernel::access::Plane;
use crate::kernel::principal::{Caller, PrincipalKind};
use crate::kernel::resource_id::ResourceId;
use crate::kube::store::Cluster;
use crate::world::World;

/// The application that AKS' API servers are in every tenant: who tokens must be for.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";

/// What is said beside the refusal of someone whom Azure judges.
pub(super) const REFUSAL: &str = "User does not have access to the resource in Azure. Update role assignment to allow access.";

/// Someone whom Azure judges.
#[derive(Clone, Debug)]
pub(super) struct Azure {
    world: Arc<World>,
    caller: Caller,
    cluster: ResourceId,
}

impl Azure {
    /// Whether roles give the data action that this means.
    pub(super) fn allows(&self, asked: &Attributes<'_>) -> bool {
        let Attributes { verb, group, resource, namespace, .. } = *asked;
        let (resource, below) = resource.split_once('/').map_or((resource, ""), |(resource, below)| (resource, below));
        let verb = match (below, verb) {
            ("exec" | "attach" | "portforward", _) => format!("{below}/action"),
            (_, "get" | "list" | "watch") => "read".to_owned(),
            (_, "delete" | "deletecollection") => "delete".to_owned(),
            (_, "bind" | "escalate" | "impersonate") => format!("{verb}/action"),
            _ => "write".to_owned(),
        };
        let group = if group.is_empty() { String::new() } else { format!("{group}/") };
        let action = format!("Microsoft.ContainerService/managedClusters/{group}{resource}/{verb}");
        let scope =
            if namespace.is_empty() { self.cluster.clone() } else { self.cluster.join(&format!("namespaces/{namespace}")) };
        self.world.access.decide(&self.caller, Plane::Data, &action, &scope).is_allowed()
    }
}

/// Who a token of Entra's stands for, in a cluster that takes them.
pub(super) fn authenticate(world: &Arc<World>, cluster: &Cluster, shown: &str) -> Option<User> {
    let entra = cluster.spec().entra.clone()?;
    let claims = token::verify(world, shown).ok().filter(|claims| claims.audience.trim_start_matches("spn:") == SERVER)?;
    let caller = token::caller(world, &claims)?;
    // People are called by their names, applications by their object ids.
    let name = if caller.kind == PrincipalKind::User { caller.label.clone() } else { caller.object_id.to_string() };
    let mut groups: Vec<String> = caller.groups.iter().map(ToString::to_string).collect();
    groups.push(AUTHENTICATED.into());
    let mut user = User::named(&name, groups);
    user.extra.insert("oid".into(), vec![caller.object_id.to_string()]);
    if entra.azure_rbac {
        user.azure = Some(Box::new(Azure { world: world.clone(), caller, cluster: cluster.id.clone() }));
    }
    Some(user)
}
