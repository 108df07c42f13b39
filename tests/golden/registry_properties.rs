//! What must hold for any input: names, scopes, ranges and paths are read without a panic, and what was read says the same again.
//! Sources: the grammars of OCI Distribution Specification 1.1 and CNCF Distribution's `reference` package; RFC 9110 §14.

use azlet::acr::blobs::{Part, part};
use azlet::acr::document::Document;
use azlet::acr::pull::Reference;
use azlet::acr::route::Route;
use azlet::acr::scope::Scope;
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
            Part::Unsatisfiable => prop_assert!(first >= size && first <= last),
            Part::Whole => prop_assert!(last < first),
        }
    }

    #[test]
    fn ranges_of_uploads_are_in_order(first in any::<u64>(), last in 0..u64::MAX) {
        prop_assert_eq!(parse_range(&format!("{first}-{last}")), (first <= last).then_some((first, last)));
    }
}
