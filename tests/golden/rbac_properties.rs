//! Properties of rights: action patterns, the evaluation and scopes against slow, obvious references; conditions read without a
//! panic, whatever they are, and read the same again.

use std::sync::Arc;

use azlet::kernel::access::{Access, Permission, Plane, RoleAssignment, RoleDefinition, RoleKind};
use azlet::kernel::action::matches;
use azlet::kernel::clock::{Clock, STEP_START};
use azlet::kernel::condition::{Condition, Fact, Facts, REPOSITORY_NAME, Value};
use azlet::kernel::principal::{Caller, PrincipalKind};
use azlet::kernel::resource_id::ResourceId;
use proptest::prelude::*;
use uuid::Uuid;

/// The rule in words: cut both by slashes; a lone `*` between slashes stands for any number of segments; any other `*` for any run
/// of characters.
pub(crate) fn obviously_matches(pattern: &str, action: &str) -> bool {
    fn from(pattern: &[u8], at: usize, text: &[u8], reached: usize) -> bool {
        let Some(&first) = pattern.get(at) else { return reached == text.len() };
        if first != b'*' {
            return text.get(reached).is_some_and(|byte| byte.eq_ignore_ascii_case(&first))
                && from(pattern, at + 1, text, reached + 1);
        }
        let lone = at > 0 && pattern[at - 1] == b'/' && pattern.get(at + 1) == Some(&b'/');
        if lone {
            // Nothing, or whole segments with their slashes.
            let ends = (reached..=text.len()).filter(|end| *end == reached || text[end - 1] == b'/');
            return ends.into_iter().any(|end| from(pattern, at + 2, text, end));
        }
        (reached..=text.len()).any(|end| from(pattern, at + 1, text, end))
    }
    from(pattern.as_bytes(), 0, action.as_bytes(), 0)
}

pub(crate) fn action() -> impl Strategy<Value = String> {
    prop::collection::vec("[aAbB]{1,2}", 1..5).prop_map(|segments| segments.join("/"))
}

pub(crate) fn pattern() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![3 => "[aAbB]{1,2}", 2 => Just("*".to_owned()), 1 => "[ab]\\*[ab]?"], 1..5)
        .prop_map(|segments| segments.join("/"))
}

pub(crate) fn permission() -> impl Strategy<Value = Permission> {
    let list = || prop::collection::vec(pattern(), 0..3);
    (list(), list(), list(), list()).prop_map(|(actions, not_actions, data_actions, not_data_actions)| Permission {
        actions,
        not_actions,
        data_actions,
        not_data_actions,
    })
}

const SCOPES: [&str; 6] = [
    "/",
    "/subscriptions/s1",
    "/subscriptions/s1/resourceGroups/rg1",
    "/subscriptions/s1/resourceGroups/rg10",
    "/subscriptions/s1/resourceGroups/rg1/providers/N/t/x",
    "/subscriptions/s10",
];

pub(crate) fn role(number: u128, permissions: Vec<Permission>) -> RoleDefinition {
    RoleDefinition {
        id: Uuid::from_u128(number + 1000),
        role_name: format!("role {number}"),
        description: String::new(),
        kind: RoleKind::Custom,
        permissions,
        assignable_scopes: vec!["/".into()],
        created_on: STEP_START,
        updated_on: STEP_START,
        created_by: None,
        updated_by: None,
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_as_the_rule_says(pattern in pattern(), action in action()) {
        prop_assert_eq!(matches(&pattern, &action), obviously_matches(&pattern, &action), "{} {}", pattern, action);
    }

    #[test]
    fn any_pattern_is_read_without_a_panic(pattern in "\\PC{0,20}", action in "\\PC{0,20}") {
        let _ = matches(&pattern, &action);
    }

    #[test]
    fn the_evaluation_is_the_union_of_what_each_assignment_gives(
        roles in prop::collection::vec(prop::collection::vec(permission(), 1..3), 1..4),
        given in prop::collection::vec((0usize..4, 0usize..SCOPES.len(), 0u128..4), 0..6),
        action in action(),
        scope in 0usize..SCOPES.len(),
        data in any::<bool>(),
    ) {
        let plane = if data { Plane::Data } else { Plane::Management };
        let access = Access::new(Arc::new(Clock::step(STEP_START)), Arc::default());
        for (number, permissions) in (0u128..).zip(&roles) {
            access.put_role(role(number, permissions.clone()));
        }
        let caller = Caller {
            object_id: Uuid::from_u128(1),
            label: String::new(),
            kind: PrincipalKind::User,
            groups: vec![Uuid::from_u128(2), Uuid::from_u128(3)],
        };
        let mut expected = false;
        for (number, (which, at, principal)) in (0u128..).zip(&given) {
            let Some(permissions) = roles.get(*which) else { continue };
            let to = (Uuid::from_u128(*principal), PrincipalKind::User);
            let by = (Uuid::nil(), STEP_START);
            let role = Uuid::from_u128(*which as u128 + 1000);
            let assignment = RoleAssignment::new(Uuid::from_u128(number), ResourceId::new(SCOPES[*at]), role, to, by);
            let _ = access.put_assignment(assignment);
            let covers = SCOPES[scope] == SCOPES[*at] || SCOPES[*at] == "/" || SCOPES[scope].starts_with(&format!("{}/", SCOPES[*at]));
            let any = |patterns: &Vec<String>| patterns.iter().any(|pattern| obviously_matches(pattern, &action));
            let grants = permissions.iter().any(|permission| match plane {
                Plane::Management => any(&permission.actions) && !any(&permission.not_actions),
                Plane::Data => any(&permission.data_actions) && !any(&permission.not_data_actions),
            });
            expected |= (1..=3).contains(principal) && covers && grants;
        }
        let decision = access.decide(&caller, plane, &action, &ResourceId::new(SCOPES[scope]));
        prop_assert_eq!(decision.is_allowed(), expected, "{:?}", decision);
    }

    #[test]
    fn a_scope_lies_within_another_by_whole_segments(segments in prop::collection::vec("[a-c]{1,2}", 1..6), cut in 0usize..6) {
        let whole = ResourceId::new(&segments.join("/"));
        let part = ResourceId::new(&segments[..cut.min(segments.len())].join("/"));
        prop_assert!(whole.is_within(&part));
        let longer = ResourceId::new(&format!("{}x", part.as_str().trim_end_matches('/')));
        prop_assert_eq!(whole.is_within(&longer), whole.key() == longer.key() || whole.key().starts_with(&format!("{}/", longer.key())));
    }

    #[test]
    fn any_text_is_read_as_a_condition_or_refused(text in "\\PC{0,60}") {
        let _ = Condition::parse(&text);
    }

    #[test]
    fn anything_made_of_a_conditions_parts_is_read_or_refused_and_reads_the_same_again(
        parts in prop::collection::vec(prop_oneof![
            Just("("), Just(")"), Just("AND"), Just("||"), Just("NOT"), Just("!"), Just("{"), Just("}"), Just(","),
            Just("ActionMatches{'a/*'}"), Just("Exists"), Just("@Request[a:b]"), Just("@Environment[UtcNow]"),
            Just("StringEquals"), Just("ForAnyOfAnyValues:StringLike"), Just("'it\\'s'"), Just("7"), Just("true"),
            Just("NumericLessThan"), Just("@Request[a:b] StringLike '*'"),
        ], 0..12),
    ) {
        let text = parts.join(" ");
        if let Ok(condition) = Condition::parse(&text) {
            let normal = condition.normal();
            let again = Condition::parse(&normal);
            prop_assert!(again.is_ok(), "{} became {}", text, normal);
            prop_assert_eq!(again.expect("checked").normal(), normal);
        }
    }

    #[test]
    fn string_like_matches_as_its_rule_says(pattern in "[ab*?]{0,6}", name in "[ab]{0,6}") {
        fn like(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern.first(), text.first()) {
                (None, None) => true,
                (Some(b'*'), _) => like(&pattern[1..], text) || !text.is_empty() && like(pattern, &text[1..]),
                (Some(b'?'), Some(_)) => like(&pattern[1..], &text[1..]),
                (Some(a), Some(b)) if a == b => like(&pattern[1..], &text[1..]),
                _ => false,
            }
        }
        let text = format!("@Request[{REPOSITORY_NAME}] StringLike '{pattern}'");
        let condition = Condition::parse(&text).expect("a condition");
        let given = [Fact::request(REPOSITORY_NAME, Value::Text(name.clone()))];
        let facts = Facts { action: "a", now: STEP_START, given: &given };
        prop_assert_eq!(condition.holds(&facts), like(pattern.as_bytes(), name.as_bytes()), "{} {}", pattern, name);
    }
}
