//! What must hold for any input: names, scopes, ranges and paths are read without a panic, and what was read says the same again.
//! Sources: the grammars of OCI Distribution Specification 1.1 and CNCF Distribution's `reference` package; RFC 9110 §14.

use azlet::acr::blobs::{Part, part};
use azlet::acr::document::Document;
use azlet::acr::pull::Reference;
use azlet::acr::route::Route;
use azlet::acr::scope::{Right, Scope};
use azlet::acr::store::AddressRange;
use azlet::acr::token_users::{MapAction, TokenUser};
use azlet::acr::uploads::parse_range;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_reference_reads_the_same_again(
        host in prop::option::of("[a-z][a-z0-9]{0,8}\\.azurecr\\.io(:[1-9][0-9]{1,3})?"),
        repository in "[a-z0-9]{1,6}([._/-][a-z0-9]{1,6}){0,3}",
        tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}"),
        digest in prop::option::of("sha256:[a-f0-9]{64}"),
    ) {
        let prefix = host.as_ref().map(|host| format!("{host}/")).unwrap_or_default();
        let first_is_a_host = host.is_none() && repository.split_once('/').is_some_and(|(first, _)| first.contains('.'));
        prop_assume!(!first_is_a_host);
        let text = format!(
            "{prefix}{repository}{}{}",
            tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default(),
            digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default(),
        );
        let reference = Reference::parse(&text).expect("a good name");
        prop_assert_eq!(&reference.host, host.as_deref().unwrap_or("docker.io"));
        prop_assert!(reference.repository.ends_with(&repository));
        prop_assert_eq!(&reference.digest, &digest);
        prop_assert_eq!(reference.tag.is_some(), tag.is_some() || digest.is_none());
        prop_assert_eq!(Reference::parse(&reference.to_string()).expect("what was written is a name"), reference);
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,60}", size in any::<u64>()) {
        let _ = (Reference::parse(&text), Scope::parse_all(&text), Route::parse(&text), parse_range(&text), part(Some(&text), size));
        let _ = Route::parse(&format!("/v2/{text}"));
        let _ = Route::parse(&format!("/acr/v1/{text}"));
        let digest = azlet::acr::digest::Digest::sha256(text.as_bytes());
        let _ = Document::read(text.into_bytes().into(), None, digest);
    }

    #[test]
    fn a_scope_reads_the_same_again(kind in "[a-z-]{1,10}", name in "[a-z0-9:/*._-]{1,20}", actions in prop::collection::vec("[a-z_*]{1,10}", 0..4)) {
        let text = format!("{kind}:{name}:{}", actions.join(","));
        let scope = Scope::parse(&text).expect("a scope");
        prop_assert_eq!(&scope.name, &name);
        prop_assert_eq!(Scope::parse(&scope.to_string()), Some(scope.clone()));
        prop_assert_eq!(Scope::from_claim(&scope.to_claim()), Some(scope));
    }

    #[test]
    fn a_part_lies_within_the_blob(first in 0..200_u64, last in 0..200_u64, size in 0..150_u64) {
        match part(Some(&format!("bytes={first}-{last}")), size) {
            Part::Range(from, to) => {
                prop_assert!(from == first && to < size && to <= last && from <= to);
            }
            Part::Unsatisfiable => prop_assert!(first >= size || last < first),
            Part::Whole => prop_assert!(false, "a range of two numbers is one"),
        }
    }

    #[test]
    fn ranges_of_uploads_are_in_order(first in any::<u64>(), last in 0..u64::MAX) {
        prop_assert_eq!(parse_range(&format!("{first}-{last}")), (first <= last).then_some((first, last)));
    }

    #[test]
    fn any_action_of_a_scope_map_is_read_without_a_panic(text in "\\PC{0,60}", tail in "(repositories|gateway)/[a-z*/._-]{0,20}/(content|metadata|config)/[a-z]{0,8}") {
        let _ = (MapAction::parse(&text), MapAction::parse(&tail), AddressRange::parse(&text));
    }

    #[test]
    fn an_action_without_a_wildcard_allows_its_own_repository_alone(
        repository in "[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,2}",
        other in "[a-z0-9]{1,6}(/[a-z0-9]{1,6}){0,2}",
        verb in prop::sample::select(vec!["content/read", "content/write", "content/delete", "metadata/read", "metadata/write"]),
    ) {
        let action = MapAction::parse(&format!("repositories/{repository}/{verb}")).expect("an action");
        let allowed: Vec<Right> = Right::ALL.into_iter().filter(|right| action.allows(&repository, *right)).collect();
        prop_assert_eq!(allowed.len(), 1);
        prop_assert_eq!(Right::ALL.into_iter().any(|right| action.allows(&other, right)), other == repository);
    }

    #[test]
    fn a_wildcard_allows_exactly_what_lies_below_it(folder in "[a-z0-9]{1,4}", repository in "[a-z0-9]{1,4}(/[a-z0-9]{1,4}){0,2}") {
        let action = MapAction::parse(&format!("repositories/{folder}/*/content/read")).expect("an action");
        prop_assert_eq!(action.allows(&repository, Right::Read), repository.starts_with(&format!("{folder}/")));
        let all = MapAction::parse("repositories/*/content/read").expect("an action");
        prop_assert!(all.allows(&repository, Right::Read));
    }

    #[test]
    fn a_token_is_never_granted_more_than_it_asks_or_holds(
        held in prop::collection::vec(("[ab](/[ab])?", prop::sample::select(vec!["content/read", "content/write", "metadata/read"])), 0..4),
        asked in ("[ab](/[ab])?", prop::collection::vec(prop::sample::select(vec!["pull", "push", "metadata_read", "delete", "*"]), 1..4)),
    ) {
        let actions = held.iter().filter_map(|(name, verb)| MapAction::parse(&format!("repositories/{name}/{verb}"))).collect();
        let user = TokenUser { name: "t".into(), enabled: true, passwords: Vec::new(), actions };
        let (name, wanted) = asked;
        let scope = Scope::repository(&name, &wanted);
        for action in user.grant(&scope).map(|granted| granted.actions).unwrap_or_default() {
            prop_assert!(user.allows("repository", &name, &action));
            prop_assert!(wanted.contains(&action.as_str()) || wanted.contains(&"*"));
        }
    }

    #[test]
    fn a_range_of_addresses_holds_its_own(a in any::<u32>(), b in any::<u32>(), bits in 0..=32_u32) {
        let (first, other) = (std::net::Ipv4Addr::from(a), std::net::Ipv4Addr::from(b));
        let range = AddressRange::parse(&format!("{first}/{bits}")).expect("a range");
        prop_assert!(range.holds(first.into()));
        let alike = bits == 0 || a >> (32 - bits) == b >> (32 - bits);
        prop_assert_eq!(range.holds(other.into()), alike);
    }
}
