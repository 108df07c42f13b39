//! The built-in roles, out of `fixtures/roles/built-in.txt`. The file is indexed when a role is first asked for; a role is made
//! when it is itself asked for, so that a start pays for none.
//! Source: the built-in roles as Azure lists them; their descriptions are azlet's own.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use uuid::Uuid;

use super::role::{Permission, RoleDefinition, RoleKind};

const FIXTURE: &str = include_str!("../../../../fixtures/roles/built-in.txt");
/// When the built-in roles say they were made; their real ages are of no consequence.
const MADE: Timestamp = Timestamp::constant(1_422_914_100, 0);

struct Entry {
    line: &'static str,
    role: OnceLock<Arc<RoleDefinition>>,
}

struct Index {
    /// In the order of their GUIDs, as the file has them.
    entries: Vec<Entry>,
    by_id: HashMap<Uuid, usize>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let lines = FIXTURE.lines().filter(|line| !line.starts_with('#'));
        let entries: Vec<Entry> = lines.map(|line| Entry { line, role: OnceLock::new() }).collect();
        let ids = entries.iter().enumerate().filter_map(|(position, entry)| Some((entry.id()?, position)));
        let by_id = ids.collect();
        Index { entries, by_id }
    })
}

/// A built-in role.
pub(super) fn role(id: Uuid) -> Option<Arc<RoleDefinition>> {
    let index = index();
    index.by_id.get(&id).map(|position| index.entries[*position].role())
}

/// All built-in roles, in the order of their GUIDs.
pub fn roles() -> impl Iterator<Item = Arc<RoleDefinition>> {
    index().entries.iter().map(Entry::role)
}

/// A built-in role by its name, in any case.
pub(super) fn by_name(name: &str) -> Option<Arc<RoleDefinition>> {
    index().entries.iter().find(|entry| entry.fields().nth(1).is_some_and(|it| it.eq_ignore_ascii_case(name))).map(Entry::role)
}

impl Entry {
    fn fields(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.line.split('|')
    }

    fn id(&self) -> Option<Uuid> {
        Uuid::try_parse(self.fields().next()?).ok()
    }

    fn role(&self) -> Arc<RoleDefinition> {
        self.role.get_or_init(|| Arc::new(self.read())).clone()
    }

    fn read(&self) -> RoleDefinition {
        let mut fields = self.fields().skip(1);
        let mut next = || fields.next().unwrap_or_default();
        let (role_name, description) = (next(), next());
        let permission = Permission {
            actions: actions(next()),
            not_actions: actions(next()),
            data_actions: actions(next()),
            not_data_actions: actions(next()),
        };
        let description = if description.is_empty() { format!("The built-in role {role_name}.") } else { description.to_owned() };
        RoleDefinition {
            id: self.id().unwrap_or_default(),
            role_name: role_name.to_owned(),
            description,
            kind: RoleKind::BuiltIn,
            permissions: vec![permission],
            assignable_scopes: vec!["/".into()],
            created_on: MADE,
            updated_on: MADE,
            created_by: None,
            updated_by: None,
        }
    }
}

/// Reads `~Authorization/*/read ~Network/a/read,+write *`: blanks part namespaces, `~` stands for `Microsoft.`, commas part the
/// actions of one namespace, and `+` stands for the one before without its last segment.
fn actions(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for group in text.split(' ').filter(|group| !group.is_empty()) {
        let Some((namespace, rest)) = group.split_once('/') else {
            all.push(group.to_owned());
            continue;
        };
        let namespace = match namespace.strip_prefix('~') {
            Some(short) => format!("Microsoft.{short}/"),
            None => format!("{namespace}/"),
        };
        for action in rest.split(',') {
            let full = match action.strip_prefix('+') {
                Some(last) => {
                    let before = all.last().map_or("", |before| before.as_str());
                    format!("{}{last}", &before[..before.rfind('/').map_or(0, |slash| slash + 1)])
                }
                None => format!("{namespace}{action}"),
            };
            all.push(full);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_role() {
        assert!(roles().count() > 440);
        for role in roles() {
            assert!(!role.id.is_nil() && !role.role_name.is_empty(), "{role:?}");
            for permission in &role.permissions {
                let lists =
                    [&permission.actions, &permission.not_actions, &permission.data_actions, &permission.not_data_actions];
                for action in lists.into_iter().flatten() {
                    assert!(!action.contains(['~', '+', ',', '|', ' ']), "{}: {action}", role.role_name);
                    assert!(action == "*" || action.contains('/'), "{}: {action}", role.role_name);
                }
            }
        }
        assert_eq!(index().by_id.len(), index().entries.len(), "a GUID stands twice");
    }

    #[test]
    fn short_forms_are_written_out() {
        assert_eq!(
            actions("~Network/nics/read,+write,+a/read *"),
            ["Microsoft.Network/nics/read", "Microsoft.Network/nics/write", "Microsoft.Network/nics/a/read", "*"]
        );
    }
}
