//! What the directory knows of people, groups, applications and managed identities, and how they prove who they are.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::kernel::principal::PrincipalKind;
use crate::kernel::secret::Secret;

/// The one tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Its initial domain, `something.onmicrosoft.com`.
    pub domain: String,
    /// The name that people see.
    pub display_name: String,
}

/// A secret that an application can prove itself with.
#[derive(Clone, Debug)]
pub struct PasswordCredential {
    /// Its id.
    pub key_id: Uuid,
    /// The secret itself.
    pub secret: Secret,
    /// What people call it.
    pub display_name: Option<String>,
    /// When it starts working.
    pub start: Timestamp,
    /// When it stops working.
    pub end: Timestamp,
}

/// A certificate that an application can prove itself with.
#[derive(Clone, Debug)]
pub struct KeyCredential {
    /// Its id.
    pub key_id: Uuid,
    /// The certificate, DER.
    pub certificate: Vec<u8>,
    /// What people call it; by default the certificate's subject.
    pub display_name: Option<String>,
    /// When it starts working.
    pub start: Timestamp,
    /// When it stops working.
    pub end: Timestamp,
}

/// How an application proves itself at the token endpoint.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Client secrets.
    pub passwords: Vec<PasswordCredential>,
    /// Certificates.
    pub keys: Vec<KeyCredential>,
}

/// A trust in tokens of another issuer: a federated identity credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedCredential {
    /// Its id.
    pub id: Uuid,
    /// Its name, unique for its application or identity.
    pub name: String,
    /// Who must have issued a token.
    pub issuer: String,
    /// About whom.
    pub subject: String,
    /// For whom.
    pub audiences: Vec<String>,
    /// A note.
    pub description: Option<String>,
}

/// What makes a service principal one.
#[derive(Clone, Debug)]
pub struct ServicePrincipal {
    /// The application's (client) id.
    pub app_id: Uuid,
    /// The ARM resource id of the managed identity that this is, if it is one.
    pub managed_identity: Option<String>,
    /// How it proves itself beside its application's credentials; a managed identity has nothing here.
    pub credentials: Credentials,
}

/// What stands between a user and a token, beside the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignIn {
    /// Nothing.
    #[default]
    Allowed,
    /// The password must be changed first.
    PasswordExpired,
    /// A policy wants a second factor.
    MfaRequired,
    /// A policy wants a second factor, and the user has none.
    MfaEnrollment,
    /// A policy forbids it.
    BlockedByPolicy,
}

/// What makes a user one.
#[derive(Clone, Debug)]
pub struct User {
    /// The name to sign in with.
    pub user_principal_name: String,
    /// The password to sign in with.
    pub password: Secret,
    /// What else stands between this user and a token.
    pub sign_in: SignIn,
    /// Tokens issued before this are not refreshed: the password was changed, or sessions revoked.
    pub tokens_valid_from: Timestamp,
}

impl User {
    /// A user who may sign in with this name and password.
    pub fn new(user_principal_name: impl Into<String>, password: impl Into<Secret>) -> Self {
        let (user_principal_name, password) = (user_principal_name.into(), password.into());
        Self { user_principal_name, password, sign_in: SignIn::Allowed, tokens_valid_from: Timestamp::UNIX_EPOCH }
    }
}

/// A principal by its kind.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An application or a managed identity.
    ServicePrincipal(ServicePrincipal),
    /// A person.
    User(User),
    /// A group.
    Group,
}

/// An object of the directory that roles can be given to.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Its object id.
    pub object_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it can sign in.
    pub enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Its other members, as Graph names them.
    pub members: Map<String, Value>,
    /// The directory roles that it holds, by their template ids.
    pub directory_roles: Vec<Uuid>,
}

impl Principal {
    /// An enabled object with nothing but its names.
    pub fn new(object_id: Uuid, display_name: impl Into<String>, kind: Kind, created: Timestamp) -> Self {
        let display_name = display_name.into();
        Self { object_id, display_name, kind, enabled: true, created, members: Map::new(), directory_roles: Vec::new() }
    }

    /// The kind, as role assignments name it.
    pub fn principal_kind(&self) -> PrincipalKind {
        match self.kind {
            Kind::ServicePrincipal(_) => PrincipalKind::ServicePrincipal,
            Kind::User(_) => PrincipalKind::User,
            Kind::Group => PrincipalKind::Group,
        }
    }

    /// What makes it a service principal, if it is one.
    pub fn service_principal(&self) -> Option<&ServicePrincipal> {
        match &self.kind {
            Kind::ServicePrincipal(service_principal) => Some(service_principal),
            Kind::User(_) | Kind::Group => None,
        }
    }

    /// What makes it a user, if it is one.
    pub fn user(&self) -> Option<&User> {
        match &self.kind {
            Kind::User(user) => Some(user),
            Kind::ServicePrincipal(_) | Kind::Group => None,
        }
    }

    /// The application id of a service principal.
    pub fn app_id(&self) -> Option<Uuid> {
        self.service_principal().map(|service_principal| service_principal.app_id)
    }

    /// How Azure's messages call it.
    pub fn label(&self) -> String {
        match &self.kind {
            Kind::ServicePrincipal(service_principal) => service_principal.app_id.to_string(),
            Kind::User(user) => user.user_principal_name.clone(),
            Kind::Group => self.display_name.clone(),
        }
    }
}

/// An application: what its service principals in all tenants have in common.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its object id.
    pub object_id: Uuid,
    /// Its application (client) id.
    pub app_id: Uuid,
    /// The name that people see.
    pub display_name: String,
    /// When it was made.
    pub created: Timestamp,
    /// How it proves itself.
    pub credentials: Credentials,
    /// Its other members, as Graph names them.
    pub members: Map<String, Value>,
}

impl Application {
    /// The texts of a list below its members, such as `web/redirectUris`.
    pub fn texts(&self, pointer: &str) -> Vec<String> {
        let (member, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
        let value = self.members.get(member);
        let list = if rest.is_empty() { value } else { value.and_then(|value| value.get(rest)) };
        let texts = list.and_then(Value::as_array).into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }

    /// The URIs by which tokens for it are asked for.
    pub fn identifier_uris(&self) -> Vec<String> {
        self.texts("identifierUris")
    }
}
