//! Whether a condition fits the role that it is given with: its attributes must exist and some action of the role must support
//! conditions.
//! Source: Azure RBAC's documentation ("Authorization actions and attributes", Container Registry's and Storage's lists). Inferred:
//! attributes of providers that azlet does not have are taken as they come.

use super::super::access::{Plane, RoleDefinition, Verdict};
use super::{Attribute, Condition, Expression, Fault, Operand, Source};

/// The name of a repository.
pub const REPOSITORY_NAME: &str = "Microsoft.ContainerRegistry/registries/repositories:name";
/// The role of a role assignment.
pub const ROLE_DEFINITION_ID: &str = "Microsoft.Authorization/roleAssignments:RoleDefinitionId";
/// The principal of a role assignment.
pub const PRINCIPAL_ID: &str = "Microsoft.Authorization/roleAssignments:PrincipalId";
/// The kind of the principal of a role assignment.
pub const PRINCIPAL_TYPE: &str = "Microsoft.Authorization/roleAssignments:PrincipalType";

const OF_ENVIRONMENT: [&str; 4] =
    ["isPrivateLink", "Microsoft.Network/privateEndpoints", "Microsoft.Network/virtualNetworks/subnets", "UtcNow"];
const SECURITY_ATTRIBUTE: &str = "Microsoft.Directory/CustomSecurityAttributes/Id:";

/// Where the attributes are all known.
const OWN_NAMESPACES: [&str; 3] = ["microsoft.authorization/", "microsoft.containerregistry/", "microsoft.containerservice/"];

/// What supports conditions.
const SUPPORTING: [&str; 10] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
    "Microsoft.ContainerRegistry/registries/repositories/content/read",
    "Microsoft.ContainerRegistry/registries/repositories/content/write",
    "Microsoft.ContainerRegistry/registries/repositories/content/delete",
    "Microsoft.ContainerRegistry/registries/repositories/metadata/read",
    "Microsoft.ContainerRegistry/registries/repositories/metadata/write",
    "Microsoft.ContainerRegistry/registries/repositories/metadata/delete",
    "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
    "Microsoft.Storage/storageAccounts/queueServices/queues/messages/read",
];

impl Condition {
    /// Checks that it can stand in an assignment of this role.
    pub fn fits(&self, role: &RoleDefinition) -> Result<(), Fault> {
        self.root.attributes().into_iter().try_for_each(exists)?;
        // Patterns of either plane count: Reader, whose `*/read` is no data action, is taken with a condition on containers (recorded).
        let supports =
            |action: &&str| [Plane::Management, Plane::Data].iter().any(|plane| role.judge(*plane, action) == Verdict::Granted);
        let of_storage = || {
            let data = role.permissions.iter().flat_map(|permission| &permission.data_actions);
            data.into_iter().any(|action| action.to_ascii_lowercase().starts_with("microsoft.storage/"))
        };
        if SUPPORTING.iter().any(supports) || of_storage() { Ok(()) } else { Err(Fault::RoleWithoutSupport) }
    }
}

impl Expression {
    fn attributes(&self) -> Vec<&Attribute> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::attributes).collect(),
            Self::Not(inner) => inner.attributes(),
            Self::Exists(attribute) => vec![attribute],
            Self::Comparison { left, right: Operand::Attribute(right), .. } => vec![left, right],
            Self::Comparison { left, .. } => vec![left],
            Self::ActionMatches(_) | Self::SubOperationMatches(_) => Vec::new(),
        }
    }
}

fn exists(attribute: &Attribute) -> Result<(), Fault> {
    let name = attribute.name.as_str();
    let among = |known: &[&str]| known.iter().any(|it| it.eq_ignore_ascii_case(name));
    let lower = name.to_ascii_lowercase();
    let foreign = lower.contains('/') && lower.contains(':') && !OWN_NAMESPACES.iter().any(|own| lower.starts_with(own));
    let of_assignments = [ROLE_DEFINITION_ID, PRINCIPAL_ID, PRINCIPAL_TYPE];
    let known = match attribute.source {
        Source::Environment => among(&OF_ENVIRONMENT),
        Source::Principal => lower.starts_with(&SECURITY_ATTRIBUTE.to_ascii_lowercase()),
        Source::Request => among(&of_assignments) || among(&[REPOSITORY_NAME]) || foreign,
        Source::Resource => among(&of_assignments) || foreign,
    };
    if known {
        return Ok(());
    }
    Err(Fault::UnknownAttribute { source_name: attribute.source.as_str(), name: name.to_owned() })
}
