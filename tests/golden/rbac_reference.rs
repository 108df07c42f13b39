//! Role evaluation against a slow, obvious reference: a table of scopes with their parents, and every rule in words. Groups, several
//! permissions, notActions, both planes, conditions, denials with exclusions, management groups, and assignments that have not
//! arrived yet.
//! Sources: Azure RBAC's documentation ("How Azure RBAC determines if a user has access", deny assignments, conditions).

use std::sync::Arc;
use std::time::Duration;

use azlet::kernel::access::{
    Access, Decision, DenyAssignment, DenyPrincipal, ManagementGroup, Permission, Plane, Question, RoleAssignment,
};
use azlet::kernel::clock::{Clock, STEP_START};
use azlet::kernel::condition::{Condition, Fact, REPOSITORY_NAME, Value};
use azlet::kernel::principal::{Caller, PrincipalKind};
use azlet::kernel::resource_id::ResourceId;
use azlet::kernel::settings::{Settings, Values};
use proptest::prelude::*;
use uuid::Uuid;

use crate::rbac_properties::{action, obviously_matches, pattern, permission, role};

/// Every scope with the place of its parent: the tenant, management groups, subscriptions on them, groups, resources.
const TREE: [(&str, usize); 10] = [
    ("/", 0),
    ("/providers/Microsoft.Management/managementGroups/top", 0),
    ("/providers/Microsoft.Management/managementGroups/below", 1),
    ("/subscriptions/s1", 2),
    ("/subscriptions/s10", 1),
    ("/subscriptions/s1/resourceGroups/rg1", 3),
    ("/subscriptions/s1/resourceGroups/rg10", 3),
    ("/subscriptions/s1/resourceGroups/rg1/providers/N/t/x", 5),
    ("/subscriptions/s1/resourceGroups/rg1/providers/N/t/xy", 5),
    ("/subscriptions/s1/resourceGroups/rg1/providers/N/t/x/u/y", 7),
];

fn scope(at: usize) -> ResourceId {
    ResourceId::new(TREE[at].0)
}

/// Whether `at` is, or lies below, `above`: the parents are followed one by one.
fn lies_within(mut at: usize, above: usize) -> bool {
    loop {
        if at == above {
            return true;
        }
        if at == 0 {
            return false;
        }
        at = TREE[at].1;
    }
}

/// The asker: itself and two groups. The fourth is somebody else.
const SELF: u128 = 1;
const MINE: std::ops::RangeInclusive<u128> = 1..=3;

fn caller() -> Caller {
    let groups = vec![Uuid::from_u128(2), Uuid::from_u128(3)];
    Caller { object_id: Uuid::from_u128(SELF), label: String::new(), kind: PrincipalKind::User, groups }
}

/// A condition, and its meaning.
#[derive(Clone, Debug)]
enum Wish {
    /// The repository has just this name.
    Named(&'static str),
    /// Its name is another one.
    NotNamed(&'static str),
    /// For actions of the pattern, the repository's name begins so.
    For(String, &'static str),
}

impl Wish {
    fn text(&self) -> String {
        let name = format!("@Request[{REPOSITORY_NAME}]");
        match self {
            Self::Named(is) => format!("{name} StringEquals '{is}'"),
            Self::NotNamed(is) => format!("{name} StringNotEquals '{is}'"),
            Self::For(pattern, start) => format!("(!(ActionMatches{{'{pattern}'}})) OR ({name} StringStartsWith '{start}')"),
        }
    }

    /// A comparison with a name that is missing is false, a negated one too.
    fn holds(&self, action: &str, repository: Option<&str>) -> bool {
        match self {
            Self::Named(is) => repository == Some(is),
            Self::NotNamed(is) => repository.is_some_and(|name| name != *is),
            Self::For(pattern, start) => {
                !obviously_matches(pattern, action) || repository.is_some_and(|name| name.starts_with(start))
            }
        }
    }

    fn condition(&self) -> Arc<Condition> {
        Arc::new(Condition::parse(&self.text()).unwrap_or_else(|fault| panic!("{}: {fault}", self.text())))
    }
}

const NAMES: [&str; 3] = ["a", "ab", "b"];

fn wish() -> impl Strategy<Value = Option<Wish>> {
    let name = || prop::sample::select(NAMES.to_vec());
    prop_oneof![
        3 => Just(None),
        1 => name().prop_map(|name| Some(Wish::Named(name))),
        1 => name().prop_map(|name| Some(Wish::NotNamed(name))),
        1 => (pattern(), name()).prop_map(|(pattern, name)| Some(Wish::For(pattern, name))),
    ]
}

#[derive(Clone, Debug)]
struct Given {
    role: usize,
    at: usize,
    to: u128,
    wish: Option<Wish>,
    /// So many seconds ago it was made.
    age: u64,
}

fn given() -> impl Strategy<Value = Given> {
    (0usize..3, 0..TREE.len(), 1u128..5, wish(), 0u64..4).prop_map(|(role, at, to, wish, age)| Given { role, at, to, wish, age })
}

#[derive(Clone, Debug)]
struct Denied {
    permissions: Vec<(Permission, Option<Wish>)>,
    at: usize,
    not_below: bool,
    /// Nobody's id stands for everyone.
    to: Vec<u128>,
    not_to: Vec<u128>,
}

fn denied() -> impl Strategy<Value = Denied> {
    let permissions = prop::collection::vec((permission(), wish()), 1..3);
    let (to, not_to) = (prop::collection::vec(0u128..5, 1..3), prop::collection::vec(1u128..6, 0..2));
    (permissions, 0..TREE.len(), any::<bool>(), to, not_to).prop_map(|(permissions, at, not_below, to, not_to)| Denied {
        permissions,
        at,
        not_below,
        to,
        not_to,
    })
}

#[derive(Clone, Debug)]
struct Asked {
    plane: Plane,
    action: String,
    at: usize,
    repository: Option<&'static str>,
    /// Assignments count after so many seconds.
    delay: u64,
}

fn asked() -> impl Strategy<Value = Asked> {
    let repository = prop::option::of(prop::sample::select(NAMES.to_vec()));
    (any::<bool>(), action(), 0..TREE.len(), repository, 0u64..4).prop_map(|(data, action, at, repository, delay)| Asked {
        plane: if data { Plane::Data } else { Plane::Management },
        action,
        at,
        repository,
        delay,
    })
}

/// The rule of one permissions object: covered, and not taken away again.
fn grants(permission: &Permission, asked: &Asked) -> bool {
    let any = |patterns: &[String]| patterns.iter().any(|pattern| obviously_matches(pattern, &asked.action));
    match asked.plane {
        Plane::Management => any(&permission.actions) && !any(&permission.not_actions),
        Plane::Data => any(&permission.data_actions) && !any(&permission.not_data_actions),
    }
}

fn obviously_given(given: &Given, roles: &[Vec<Permission>], asked: &Asked) -> bool {
    MINE.contains(&given.to)
        && lies_within(asked.at, given.at)
        && roles.get(given.role).is_some_and(|role| role.iter().any(|permission| grants(permission, asked)))
        && given.age >= asked.delay
        && given.wish.as_ref().is_none_or(|wish| wish.holds(&asked.action, asked.repository))
}

fn obviously_denied(denied: &Denied, asked: &Asked) -> bool {
    let here = if denied.not_below { asked.at == denied.at } else { lies_within(asked.at, denied.at) };
    let to_me = denied.to.iter().any(|to| *to == 0 || MINE.contains(to)) && !denied.not_to.iter().any(|to| MINE.contains(to));
    let what = denied.permissions.iter().any(|(permission, wish)| {
        grants(permission, asked) && wish.as_ref().is_none_or(|wish| wish.holds(&asked.action, asked.repository))
    });
    here && to_me && what
}

fn management_group(name: &str, parent: Option<usize>) -> ManagementGroup {
    ManagementGroup {
        name: name.into(),
        display_name: name.into(),
        parent: parent.map(|at| scope(at).key().to_owned()),
        version: 1,
        updated_on: STEP_START,
        updated_by: None,
    }
}

fn world(roles: &[Vec<Permission>], delay: u64) -> Access {
    let delay = Duration::from_secs(delay);
    let settings = Settings::new(Values { role_assignment_propagation_delay: delay, ..Values::default() });
    let access = Access::new(Arc::new(Clock::step(STEP_START)), Arc::new(settings));
    let (top, below) = (management_group("top", None), management_group("below", Some(1)));
    access.plant_management_groups(top.clone());
    access.put_management_group(below.clone());
    access.place_subscription(&scope(3), &below);
    access.place_subscription(&scope(4), &top);
    for (number, permissions) in (0u128..).zip(roles) {
        access.put_role(role(number, permissions.clone()));
    }
    access
}

/// Puts an assignment; false if there is one that gives the same.
fn put(access: &Access, number: u128, given: &Given) -> bool {
    let to = (Uuid::from_u128(given.to), PrincipalKind::User);
    let made = STEP_START - Duration::from_secs(given.age);
    let role = Uuid::from_u128(given.role as u128 + 1000);
    let mut assignment = RoleAssignment::new(Uuid::from_u128(number + 1), scope(given.at), role, to, (Uuid::nil(), made));
    assignment.condition = given.wish.as_ref().map(Wish::condition);
    access.put_assignment(assignment).is_ok()
}

fn put_denial(access: &Access, number: u128, denied: &Denied) {
    let named = |ids: &[u128]| {
        let principal = |id: &u128| match id {
            0 => DenyPrincipal::everyone(),
            id => DenyPrincipal { id: Uuid::from_u128(*id), kind: "User".into() },
        };
        ids.iter().map(principal).collect()
    };
    let permissions = denied.permissions.iter();
    access.put_denial(DenyAssignment {
        name: Uuid::from_u128(number + 1),
        display_name: String::new(),
        description: None,
        permissions: permissions.map(|(permission, wish)| (permission.clone(), wish.as_ref().map(Wish::condition))).collect(),
        scope: scope(denied.at),
        not_below: denied.not_below,
        principals: named(&denied.to),
        excluded: named(&denied.not_to),
        system_protected: false,
        created_on: STEP_START,
        updated_on: STEP_START,
        created_by: None,
        updated_by: None,
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_evaluation_is_that_of_a_slow_reference(
        roles in prop::collection::vec(prop::collection::vec(permission(), 1..3), 1..4),
        given in prop::collection::vec(given(), 0..6),
        denied in prop::collection::vec(denied(), 0..3),
        asked in asked(),
    ) {
        let access = world(&roles, asked.delay);
        let mut allowed = false;
        for (number, given) in (0u128..).zip(&given) {
            allowed |= put(&access, number, given) && obviously_given(given, &roles, &asked);
        }
        for (number, denied) in (0u128..).zip(&denied) {
            put_denial(&access, number, denied);
        }
        let forbidden = denied.iter().any(|denied| obviously_denied(denied, &asked));
        let repository = asked.repository.map(|name| Fact::request(REPOSITORY_NAME, Value::Text(name.into())));
        let facts: Vec<Fact> = repository.into_iter().collect();
        let scope = scope(asked.at);
        let question = Question { plane: asked.plane, action: &asked.action, scope: &scope, facts: &facts };
        let decision = access.answer(&caller(), &question);
        let expected = (allowed && !forbidden, allowed && forbidden);
        let found = (decision.is_allowed(), matches!(decision, Decision::Denied { .. }));
        prop_assert_eq!(found, expected, "{:?}", decision);
    }

    #[test]
    fn what_is_taken_away_is_as_if_it_had_never_been(
        roles in prop::collection::vec(prop::collection::vec(permission(), 1..3), 1..4),
        given in prop::collection::vec(given(), 1..6),
        asked in asked(),
        gone in 0usize..6,
    ) {
        let access = world(&roles, asked.delay);
        let mut allowed = false;
        for (number, given) in given.iter().enumerate() {
            let put = put(&access, number as u128, given);
            if number == gone && put {
                access.remove_assignment(Uuid::from_u128(number as u128 + 1));
            } else {
                allowed |= put && given.wish.is_none() && obviously_given(given, &roles, &asked);
            }
        }
        let conditions = access.conditions(&caller(), asked.plane, &asked.action, &scope(asked.at));
        prop_assert_eq!(conditions.iter().any(Option::is_none), allowed);
    }
}
