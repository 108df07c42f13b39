//! What a token can be asked for and what it grants: `repository:alpine:pull,push`, `registry:catalog:*`.
//! Source: CNCF Distribution, "Token Scope Documentation", with Azure's own actions (`metadata_read`, …).

use std::fmt;

use jiff::Timestamp;
use serde_json::{Value, json};

/// A right that Azure RBAC gives on a registry, by the names that refresh tokens carry in `permissions.Actions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Pull.
    Read,
    /// Push.
    Write,
    /// Delete.
    Delete,
    /// See tags, manifests and their attributes.
    MetadataRead,
    /// Change attributes.
    MetadataWrite,
    /// See what was deleted softly.
    DeletedRead,
    /// Restore it.
    DeletedRestore,
    /// Pull what is in quarantine.
    QuarantineRead,
    /// Take it out.
    QuarantineWrite,
    /// See the names of all repositories; not a permission of its own in a token.
    CatalogList,
}

impl Right {
    /// Every right that a refresh token can name, in the order in which Azure writes them.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Write, Self::Delete, Self::MetadataRead, Self::MetadataWrite, Self::DeletedRead, Self::DeletedRestore];

    /// Those that a token names as roles, since no action of a scope asks for them (inferred).
    pub const QUARANTINE: [Self; 2] = [Self::QuarantineRead, Self::QuarantineWrite];

    /// The name in a refresh token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::MetadataRead => "metadata/read",
            Self::MetadataWrite => "metadata/write",
            Self::DeletedRead => "deleted/read",
            Self::DeletedRestore => "deleted/restore/action",
            Self::QuarantineRead => "quarantine/read",
            Self::QuarantineWrite => "quarantine/write",
            Self::CatalogList => "catalog/read",
        }
    }

    /// The right that a refresh token names.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().chain(Self::QUARANTINE).chain([Self::CatalogList]).find(|right| right.as_str() == text)
    }

    /// The right that an action of a repository scope asks for.
    pub(super) fn of_action(action: &str) -> Option<Self> {
        Some(match action {
            "pull" => Self::Read,
            "push" => Self::Write,
            "delete" => Self::Delete,
            "metadata_read" => Self::MetadataRead,
            "metadata_write" => Self::MetadataWrite,
            "deleted_read" => Self::DeletedRead,
            "deleted_restore" => Self::DeletedRestore,
            _ => return None,
        })
    }
}

/// The actions of a repository scope, in the order of [`Right::ALL`].
pub(super) const REPOSITORY_ACTIONS: [&str; 7] =
    ["pull", "push", "delete", "metadata_read", "metadata_write", "deleted_read", "deleted_restore"];

/// Some actions on one resource: asked for in a scope, or granted in a token's `access`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `repository`, `registry`, `artifact-repository`.
    pub kind: String,
    /// The name; `*` in an anonymous token.
    pub name: String,
    /// The actions, in the order written.
    pub actions: Vec<String>,
}

impl Scope {
    /// Actions on a repository.
    pub fn repository(name: &str, actions: &[&str]) -> Self {
        Self::new("repository", name, actions)
    }

    /// The list of repositories.
    pub fn catalog() -> Self {
        Self::new("registry", "catalog", &["*"])
    }

    /// The list of repositories that were deleted.
    pub fn deleted_catalog() -> Self {
        Self::new("registry", "deleted_catalog", &["*"])
    }

    fn new(kind: &str, name: &str, actions: &[&str]) -> Self {
        Self { kind: kind.into(), name: name.into(), actions: actions.iter().map(|action| (*action).to_owned()).collect() }
    }

    /// Reads one scope, `kind:name:action[,action]`. The name may hold colons.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        if kind.is_empty() || name.is_empty() {
            return None;
        }
        let mut unique: Vec<&str> = Vec::new();
        for action in actions.split(',').map(str::trim).filter(|action| !action.is_empty()) {
            if !unique.contains(&action) {
                unique.push(action);
            }
        }
        Some(Self::new(kind, name, &unique))
    }

    /// Reads a `scope` parameter: scopes apart by blanks. What is no scope is left out, as real registries do.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.split_ascii_whitespace().filter_map(Self::parse).collect()
    }

    /// The part of this scope that a holder of rights is granted; `None` if it is nothing.
    pub fn granted_by(&self, holds: &dyn Fn(Right) -> bool) -> Option<Self> {
        let actions = match (self.kind.as_str(), self.name.as_str()) {
            // The other kind is documented with pulling alone; that it takes the same rights is inferred.
            ("repository" | "artifact-repository", _) => self.repository_actions(holds),
            ("registry", "catalog") => whole(self.asks_for_all() && holds(Right::CatalogList)),
            ("registry", "deleted_catalog") => whole(self.asks_for_all() && holds(Right::DeletedRead)),
            _ => Vec::new(),
        };
        (!actions.is_empty()).then(|| Self { actions, ..self.clone() })
    }

    fn asks_for_all(&self) -> bool {
        self.actions.iter().any(|action| action == "*")
    }

    /// `*` stands for everything that is held; it stays `*` if that is really everything (inferred).
    fn repository_actions(&self, holds: &dyn Fn(Right) -> bool) -> Vec<String> {
        if self.asks_for_all() {
            if Right::ALL.into_iter().all(holds) {
                return whole(true);
            }
            let held = Right::ALL.into_iter().zip(REPOSITORY_ACTIONS).filter(|(right, _)| holds(*right));
            return held.map(|(_, action)| action.to_owned()).collect();
        }
        self.actions.iter().filter(|action| Right::of_action(action).is_some_and(holds)).cloned().collect()
    }

    /// Whether this grant covers one action on one resource.
    pub fn covers(&self, kind: &str, name: &str, action: &str) -> bool {
        let covers_action = |held: &String| held == action || held == "*";
        self.kind == kind && (self.name == name || self.name == "*") && self.actions.iter().any(covers_action)
    }

    /// The entry in a token's `access`.
    pub fn to_claim(&self) -> Value {
        json!({ "Type": self.kind, "Name": self.name, "Actions": self.actions })
    }

    /// The scope that an entry of a token's `access` means.
    pub fn from_claim(claim: &Value) -> Option<Self> {
        let actions: Vec<&str> = claim["Actions"].as_array()?.iter().filter_map(Value::as_str).collect();
        Some(Self::new(claim["Type"].as_str()?, claim["Name"].as_str()?, &actions))
    }
}

fn whole(held: bool) -> Vec<String> {
    if held { vec!["*".into()] } else { Vec::new() }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

/// What an access token says, once its signature has been verified.
#[derive(Clone, Debug)]
pub struct AccessClaims {
    /// The login server that it is for.
    pub audience: String,
    /// The `rid` of the registry that it is for.
    pub registry_id: String,
    /// Whom it was given to.
    pub subject: String,
    /// The application that asked for it, if one did.
    pub app_id: Option<String>,
    /// From when it is good.
    pub not_before: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
    /// What it grants.
    pub access: Vec<Scope>,
    /// What it grants on the whole registry besides.
    pub roles: Vec<Right>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_written() {
        let scope = Scope::parse("repository:team/app:pull,push,pull").expect("a scope");
        assert_eq!(scope, Scope::repository("team/app", &["pull", "push"]));
        assert_eq!(scope.to_string(), "repository:team/app:pull,push");
        assert_eq!(Scope::from_claim(&scope.to_claim()), Some(scope));
        assert_eq!(Scope::parse("repository:host:5000/x:pull").expect("a scope").name, "host:5000/x");
        for wrong in ["", "repository", "repository:x", ":x:pull", "repository::pull"] {
            assert_eq!(Scope::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(Scope::parse_all("repository:a:pull  nonsense registry:catalog:*").len(), 2);
    }

    #[test]
    fn only_what_is_held_is_granted() {
        let pull_only = |right| matches!(right, Right::Read | Right::MetadataRead);
        let granted = |text: &str, holds: &dyn Fn(Right) -> bool| {
            Scope::parse(text).expect("a scope").granted_by(holds).map(|scope| scope.to_string())
        };
        assert_eq!(granted("repository:a:push,pull", &pull_only).as_deref(), Some("repository:a:pull"));
        assert_eq!(granted("repository:a:*", &pull_only).as_deref(), Some("repository:a:pull,metadata_read"));
        assert_eq!(granted("repository:a:*", &|_| true).as_deref(), Some("repository:a:*"));
        assert_eq!(granted("repository:a:push", &pull_only), None);
        assert_eq!(granted("registry:None:*", &|_| true), None);
        assert_eq!(granted("registry:catalog:*", &pull_only), None);
        assert_eq!(granted("registry:catalog:*", &|_| true).as_deref(), Some("registry:catalog:*"));
    }

    #[test]
    fn a_grant_covers_its_own_resource_only() {
        let grant = Scope::repository("a", &["pull"]);
        assert!(grant.covers("repository", "a", "pull"));
        assert!(!grant.covers("repository", "b", "pull"));
        assert!(!grant.covers("repository", "a", "push"));
        assert!(Scope::repository("*", &["pull"]).covers("repository", "b", "pull"));
        assert!(Scope::catalog().covers("registry", "catalog", "*"));
    }
}
