//! Who signs in with a token of the registry itself: a name and a password of the registry's own, limited to the actions of a
//! scope map. Source: Azure Container Registry documentation ("Create a token with repository-scoped permissions").

use jiff::Timestamp;

use super::route::is_repository;
use super::scope::{Right, Scope};

/// One action of a scope map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapAction {
    /// `repositories/{name}/content/read` and its like.
    Repository {
        /// A name, `*`, or a beginning and `/*`.
        pattern: String,
        /// What it lets do.
        right: Right,
    },
    /// `gateway/{connected registry}/…`: of no meaning to the registry's own data plane.
    Gateway,
}

impl MapAction {
    /// Reads an action. A wildcard is the whole name, or its last component.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("gateway/") {
            let (name, what) = rest.split_once('/')?;
            let known = ["config/read", "config/write", "message/read", "message/write"].contains(&what);
            return (known && !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric())).then_some(Self::Gateway);
        }
        let rest = text.strip_prefix("repositories/")?;
        let (rest, verb) = rest.rsplit_once('/')?;
        let (pattern, thing) = rest.rsplit_once('/')?;
        let right = match (thing, verb) {
            ("content", "read") => Right::Read,
            ("content", "write") => Right::Write,
            ("content", "delete") => Right::Delete,
            ("metadata", "read") => Right::MetadataRead,
            ("metadata", "write") => Right::MetadataWrite,
            _ => return None,
        };
        let good = pattern == "*" || is_repository(pattern.strip_suffix("/*").unwrap_or(pattern));
        good.then(|| Self::Repository { pattern: pattern.to_owned(), right })
    }

    /// Whether it lets do something in a repository.
    pub fn allows(&self, repository: &str, asked: Right) -> bool {
        let Self::Repository { pattern, right } = self else { return false };
        let matches = match pattern.strip_suffix('*') {
            Some(beginning) => repository.len() > beginning.len() && repository.starts_with(beginning),
            None => repository == pattern,
        };
        matches && *right == asked
    }

    /// Whether it shows the names of all repositories: only a wildcard for everything does.
    fn shows_all(&self) -> bool {
        matches!(self, Self::Repository { pattern, right: Right::MetadataRead } if pattern == "*")
    }
}

/// A password of a token.
#[derive(Clone)]
pub struct TokenPassword {
    /// `password1` or `password2`.
    pub name: String,
    /// The password.
    pub value: String,
    /// Until when it is good; for ever if it has no end.
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for TokenPassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "TokenPassword({})", self.name)
    }
}

/// A token as the data plane knows it.
#[derive(Clone, Debug)]
pub struct TokenUser {
    /// Its name, which is the user name.
    pub name: String,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Its passwords.
    pub passwords: Vec<TokenPassword>,
    /// What its scope map holds; nothing if the map is gone.
    pub actions: Vec<MapAction>,
}

impl TokenUser {
    /// Whether it signs in with this password now.
    pub fn signs_in(&self, password: &str, now: Timestamp) -> bool {
        let good =
            |known: &TokenPassword| known.value == password && !password.is_empty() && known.expires.is_none_or(|end| now < end);
        self.enabled && !self.actions.is_empty() && self.passwords.iter().any(good)
    }

    /// Whether it may do something.
    pub fn allows(&self, kind: &str, name: &str, action: &str) -> bool {
        match (kind, Right::of_action(action)) {
            ("repository", Some(right)) => self.actions.iter().any(|held| held.allows(name, right)),
            ("registry", _) => name == "catalog" && action == "*" && self.actions.iter().any(MapAction::shows_all),
            _ => false,
        }
    }

    /// The part of a scope that it is granted; `*` is all that it holds.
    pub fn grant(&self, asked: &Scope) -> Option<Scope> {
        let wide = asked.kind == "repository" && asked.actions.iter().any(|action| action == "*");
        let wanted: Vec<String> = if wide {
            super::scope::REPOSITORY_ACTIONS.iter().map(|action| (*action).to_owned()).collect()
        } else {
            asked.actions.clone()
        };
        let actions: Vec<String> = wanted.into_iter().filter(|action| self.allows(&asked.kind, &asked.name, action)).collect();
        (!actions.is_empty()).then(|| Scope { actions, ..asked.clone() })
    }

    /// Whether it may pull anything at all.
    pub fn pulls(&self) -> bool {
        self.actions.iter().any(|action| matches!(action, MapAction::Repository { right: Right::Read, .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_of_scope_maps_are_read_as_documented() {
        for good in [
            "repositories/a/content/read",
            "repositories/team/app/metadata/write",
            "repositories/*/content/delete",
            "repositories/team/*/content/write",
            "gateway/edge1/config/read",
        ] {
            assert!(MapAction::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "repositories",
            "repositories//content/read",
            "repositories/a/content/list",
            "repositories/a*/content/read",
            "repositories/*/b/content/read",
            "repositories/a/**/content/read",
            "repositories/A/content/read",
            "gateway/edge1/config/delete",
            "registries/a/content/read",
        ] {
            assert_eq!(MapAction::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wildcard_holds_what_lies_below_it() {
        let action = |text: &str| MapAction::parse(text).expect("an action");
        let below = action("repositories/team/*/content/read");
        assert!(below.allows("team/app", Right::Read) && below.allows("team/app/x", Right::Read));
        assert!(!below.allows("team", Right::Read) && !below.allows("teams/app", Right::Read));
        assert!(!below.allows("team/app", Right::Write));
        assert!(action("repositories/*/content/read").allows("anything", Right::Read));
        assert!(!action("repositories/a/content/read").allows("a/b", Right::Read));
    }
}
