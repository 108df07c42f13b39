//! Attaching a cluster to a registry, and detaching it, as `az aks update --attach-acr` and `--detach-acr` do: the role
//! AcrPull on the registry for the identity that the cluster's kubelets pull with.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::arm::{quoted, versions};
use crate::{Client, Error, Result};

/// How often a role is given again to a principal that the directory has not yet everywhere.
const PRINCIPAL_TRIES: u32 = 10;
/// The namespace of the names of our role assignments: the same three ids give the same name, so that attaching twice is one.
const ASSIGNMENT_NAMES: Uuid = Uuid::from_u128(0x6b1f_8a0e_2f51_5c0d_9a4e_7d1c_33aa_c0de);

/// A cluster in the client's subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its resource group.
    pub group: String,
    /// Its name.
    pub name: String,
}

impl Cluster {
    /// A cluster by its group and name.
    pub fn new(group: impl Into<String>, name: impl Into<String>) -> Self {
        Self { group: group.into(), name: name.into() }
    }

    /// Its resource id.
    pub fn id(&self, subscription: &str) -> String {
        let Self { group, name } = self;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{name}"
        )
    }
}

/// A registry as it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Registry {
    /// Its resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The host that images are pulled from.
    pub login_server: String,
}

/// What attaching came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// The registry.
    pub registry: Registry,
    /// Who may pull now.
    pub principal_id: String,
    /// Whether that is new; it could pull before otherwise.
    pub created: bool,
}

/// What detaching came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detached {
    /// The registry.
    pub registry: Registry,
    /// Whose role was taken.
    pub principal_id: String,
    /// The role assignments that are gone; none if there was none.
    pub removed: Vec<String>,
}

impl Client {
    /// The registry of that name in the client's subscription, or of that resource id in any.
    pub async fn registry(&self, name_or_id: &str) -> Result<Registry> {
        let id = if name_or_id.starts_with('/') {
            name_or_id.to_owned()
        } else {
            self.registry_id(name_or_id.strip_suffix(".azurecr.io").unwrap_or(name_or_id)).await?
        };
        let found = self.arm_get(&id, versions::CONTAINER_REGISTRY, &[]).await?;
        let text = |value: &Value, what: &str| value.as_str().map(str::to_owned).ok_or_else(|| Error::lacks(&id, what));
        Ok(Registry {
            id: text(&found["id"], "id")?,
            name: text(&found["name"], "name")?,
            login_server: text(&found["properties"]["loginServer"], "properties.loginServer")?,
        })
    }

    async fn registry_id(&self, name: &str) -> Result<String> {
        let subscription = &self.settings().subscription;
        let path = format!("/subscriptions/{subscription}/resources");
        let filter = "resourceType eq 'Microsoft.ContainerRegistry/registries'";
        let found = self.arm_list(&path, versions::RESOURCES, &[("$filter", filter)]).await?;
        let ids = found.iter().filter(|it| it["name"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(name)));
        ids.filter_map(|it| it["id"].as_str()).map(str::to_owned).next().ok_or_else(|| {
            Error::NotFound(format!("there is no registry {name} in the subscription {subscription}; for another's give its id"))
        })
    }

    /// The object id of the identity that the cluster's kubelets pull with.
    pub async fn pulling_principal(&self, cluster: &Cluster) -> Result<String> {
        let id = cluster.id(&self.settings().subscription);
        let found = self.arm_get(&id, versions::CONTAINER_SERVICE, &[]).await?;
        let properties = &found["properties"];
        let managed = found["identity"]["type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("None"));
        if managed {
            let object_id = properties["identityProfile"]["kubeletidentity"]["objectId"].as_str();
            let what = "properties.identityProfile.kubeletidentity.objectId";
            return object_id.map(str::to_owned).ok_or_else(|| Error::lacks(id, what));
        }
        let client_id = properties["servicePrincipalProfile"]["clientId"].as_str();
        let client_id =
            client_id.ok_or_else(|| Error::lacks(id, "identity and no properties.servicePrincipalProfile.clientId"))?;
        self.service_principal(client_id).await
    }

    async fn service_principal(&self, client_id: &str) -> Result<String> {
        let graph = &self.settings().graph;
        let url = format!("{graph}/v1.0/servicePrincipals");
        let filter = format!("servicePrincipalNames/any(c:c eq {})", quoted(client_id));
        let answer = self.call(graph, Method::GET, &url, &[("$filter", &filter)], None).await?;
        let object_id = answer.body["value"][0]["id"].as_str().map(str::to_owned);
        object_id.ok_or_else(|| Error::NotFound(format!("the directory has no service principal with the client id {client_id}")))
    }

    async fn acr_pull(&self, registry: &Registry) -> Result<String> {
        let path = format!("{}/providers/Microsoft.Authorization/roleDefinitions", registry.id);
        let found = self.arm_list(&path, versions::AUTHORIZATION, &[("$filter", "roleName eq 'acrpull'")]).await?;
        let id = found.first().and_then(|role| role["id"].as_str());
        id.map(str::to_owned).ok_or_else(|| Error::NotFound("there is no role AcrPull at the registry".into()))
    }

    /// Lets a cluster pull from a registry. Having been attached before is success.
    pub async fn attach(&self, cluster: &Cluster, registry: &str) -> Result<Attached> {
        let registry = self.registry(registry).await?;
        let principal_id = self.pulling_principal(cluster).await?;
        let role = self.acr_pull(&registry).await?;
        let name = Uuid::new_v5(&ASSIGNMENT_NAMES, format!("{} {role} {principal_id}", registry.id).to_lowercase().as_bytes());
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", registry.id);
        let body =
            json!({"properties": {"roleDefinitionId": role, "principalId": principal_id, "principalType": "ServicePrincipal"}});
        // A PUT answers 201 for what is there already too; only a look before it tells.
        let there = match self.arm_get(&path, versions::AUTHORIZATION, &[]).await {
            Ok(_) => true,
            Err(error) if error.status() == Some(404) => false,
            Err(error) => return Err(error),
        };
        let created = !there && self.assign(&path, &body).await?;
        Ok(Attached { registry, principal_id, created })
    }

    /// Makes a role assignment; tells whether it is new.
    async fn assign(&self, path: &str, body: &Value) -> Result<bool> {
        let mut tries = 1;
        loop {
            match self.arm(Method::PUT, path, versions::AUTHORIZATION, &[], Some(body)).await {
                Ok(_) => return Ok(true),
                Err(error) if error.code() == Some("RoleAssignmentExists") => return Ok(false),
                Err(error) if error.code() == Some("PrincipalNotFound") && tries < PRINCIPAL_TRIES => {
                    self.wait(Duration::from_secs(u64::from(tries) * 2)).await;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes AcrPull on the registry from the cluster. What it inherits from above stays; taking nothing is success.
    pub async fn detach(&self, cluster: &Cluster, registry: &str) -> Result<Detached> {
        let registry = self.registry(registry).await?;
        let principal_id = self.pulling_principal(cluster).await?;
        let role = self.acr_pull(&registry).await?;
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments", registry.id);
        let found = self.arm_list(&path, versions::AUTHORIZATION, &[("$filter", "atScope()")]).await?;
        let mut removed = Vec::new();
        for id in found.iter().filter_map(|it| exact(it, &registry.id, &role, &principal_id)) {
            self.arm(Method::DELETE, id, versions::AUTHORIZATION, &[], None).await?;
            removed.push(id.to_owned());
        }
        Ok(Detached { registry, principal_id, removed })
    }
}

/// The id of a role assignment, if it is of exactly this scope, role and principal.
fn exact<'a>(assignment: &'a Value, scope: &str, role: &str, principal_id: &str) -> Option<&'a str> {
    let is = |key: &str, expected: &str| {
        assignment["properties"][key].as_str().is_some_and(|actual| actual.eq_ignore_ascii_case(expected))
    };
    let same = is("scope", scope) && is("roleDefinitionId", role) && is("principalId", principal_id);
    assignment["id"].as_str().filter(|_| same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_assignment_is_taken() {
        let assignment = |scope: &str, role: &str| json!({"id": "/a", "properties": {"scope": scope, "roleDefinitionId": role, "principalId": "P"}});
        assert_eq!(exact(&assignment("/SUBSCRIPTIONS/1/r", "/role"), "/subscriptions/1/r", "/role", "p"), Some("/a"));
        assert_eq!(exact(&assignment("/subscriptions/1", "/role"), "/subscriptions/1/r", "/role", "p"), None);
        assert_eq!(exact(&assignment("/subscriptions/1/r", "/other"), "/subscriptions/1/r", "/role", "p"), None);
    }
}
