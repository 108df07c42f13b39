//! The grammars of a registry against slow readers of their own, for any input: names, digests, ranges, scopes, credentials and the
//! challenge. Sources: CNCF Distribution's `reference` package and its token scope documentation; OCI Distribution Specification
//! 1.1; RFC 9110 §11.6.1 (challenges) and §14.1.2 (ranges of bytes); RFC 7617.

use azlet::acr::auth::read_basic;
use azlet::acr::blobs::{Part, part};
use azlet::acr::digest::Digest;
use azlet::acr::error::Error;
use azlet::acr::route::{Route, is_digest, is_repository, is_tag};
use azlet::acr::scope::Scope;
use azlet::acr::uploads::parse_range;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

/// A repository's name, read by trying every way: components apart by `/`, each of runs of letters and digits apart by a separator.
fn is_name(text: &str) -> bool {
    fn runs(text: &[u8]) -> bool {
        let run = text.iter().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
        let rest = &text[run..];
        let dashes = rest.iter().take_while(|byte| **byte == b'-').count();
        let separators = [usize::from(rest.starts_with(b".")), usize::from(rest.starts_with(b"_")), dashes];
        let double = if rest.starts_with(b"__") { 2 } else { 0 };
        run > 0 && (rest.is_empty() || separators.into_iter().chain([double]).any(|length| length > 0 && runs(&rest[length..])))
    }
    text.len() <= 255 && text.split('/').all(|component| runs(component.as_bytes()))
}

/// The positions that a range of bytes names, one by one; `None` if the text is no range.
fn positions(text: &str, size: u64) -> Option<Vec<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| -> Option<u128> {
        (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
    };
    let within = |wanted: &dyn Fn(u128) -> bool| Some((0..size).filter(|at| wanted(u128::from(*at))).collect());
    match (number(first), number(last)) {
        (Some(first), Some(last)) => within(&|at| first <= at && at <= last),
        (Some(first), None) if last.is_empty() => within(&|at| first <= at),
        (None, Some(length)) if first.is_empty() => within(&|at| at + length >= u128::from(size)),
        _ => None,
    }
}

/// The scheme and the parameters of a challenge, by the grammar of RFC 9110: tokens, and texts in quotes with quoted pairs.
fn challenge(text: &str) -> Option<(String, Vec<(String, String)>)> {
    let (scheme, mut rest) = text.split_once(' ')?;
    let mut parameters = Vec::new();
    loop {
        let (name, after) = rest.split_once('=')?;
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            return None;
        }
        let (mut value, mut letters) = (String::new(), after.strip_prefix('"')?.chars());
        loop {
            match letters.next()? {
                '"' => break,
                '\\' => value.push(letters.next()?),
                letter => value.push(letter),
            }
        }
        parameters.push((name.to_owned(), value));
        match letters.as_str() {
            "" => return Some((scheme.to_owned(), parameters)),
            more => rest = more.strip_prefix(',')?,
        }
    }
}

proptest! {
    #[test]
    fn names_are_those_of_the_grammar(
        good in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}){0,3}",
        any in "[a0._/A-]{0,12}",
        tail in "[a-z]{250,260}",
    ) {
        prop_assert!(is_repository(&good) && is_name(&good), "{}", good);
        prop_assert_eq!(is_repository(&any), is_name(&any), "{}", any);
        prop_assert_eq!(is_repository(&tail), tail.len() <= 255);
    }

    #[test]
    fn tags_are_those_of_the_grammar(good in "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", any in "[a0._/:A-]{0,6}", long in "[a-z]{126,131}") {
        prop_assert!(is_tag(&good));
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let reference = any.starts_with(word) && any.chars().all(|letter| word(letter) || ".-".contains(letter));
        prop_assert_eq!(is_tag(&any), reference, "{}", any);
        prop_assert_eq!(is_tag(&long), long.len() <= 128);
    }

    #[test]
    fn a_digest_reads_the_same_again(hex in "[0-9a-f]{64}", long in "[0-9a-f]{128}", any in "(sha256|sha512|md5|SHA256)?:?[0-9a-gA-F]{0,70}") {
        for text in [format!("sha256:{hex}"), format!("sha512:{long}")] {
            prop_assert_eq!(Digest::parse(&text).map(|digest| digest.to_string()), Some(text.clone()));
            prop_assert_eq!(Route::parse(&format!("/v2/a/blobs/{text}")), Ok(Route::Blob("a".into(), text)));
        }
        if let Some(digest) = Digest::parse(&any) {
            prop_assert_eq!(digest.as_str(), &any);
            prop_assert!(is_digest(&any));
        }
    }

    #[test]
    fn a_range_is_the_positions_that_it_names(
        first in prop_oneof![Just(String::new()), "[0-9]{1,2}", "[0-9]{18,24}", "[a-c -]{1,2}"],
        last in prop_oneof![Just(String::new()), "[0-9]{1,2}", "[0-9]{18,24}", "[a-c,-]{1,2}"],
        size in 0..60_u64,
    ) {
        let text = format!("bytes={first}-{last}");
        match (part(Some(&text), size), positions(&text, size)) {
            (Part::Range(from, to), Some(positions)) => prop_assert_eq!((from..=to).collect::<Vec<_>>(), positions, "{}", text),
            (Part::Unsatisfiable, Some(positions)) => prop_assert!(positions.is_empty(), "{} {:?}", text, positions),
            (Part::Whole, None) => {}
            (found, expected) => prop_assert!(false, "{} of {}: {:?}, not {:?}", text, size, found, expected),
        }
    }

    #[test]
    fn a_range_of_an_upload_is_two_numbers_in_order(first in "[0-9]{1,21}", last in "[0-9]{1,21}", any in "[0-9a/* -]{0,8}") {
        let reference = |first: &str, last: &str| -> Option<(u64, u64)> {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last && last < u64::MAX).then_some((first, last))
        };
        prop_assert_eq!(parse_range(&format!("{first}-{last}")), reference(&first, &last));
        if let Some((first, last)) = parse_range(&any) {
            prop_assert!(first <= last);
            let written: Vec<&str> = any.split('-').collect();
            prop_assert_eq!(written.len(), 2, "{}", any);
        }
    }

    #[test]
    fn scopes_read_the_same_again_however_many(
        scopes in prop::collection::vec(("[a-z-]{1,8}", "[a-z0-9:/*._-]{1,12}", prop::collection::btree_set("[a-z_]{1,8}|\\*", 0..4)), 0..5),
        blanks in "[ \t\n]{1,3}",
    ) {
        let scopes: Vec<Scope> = scopes
            .into_iter()
            .map(|(kind, name, actions)| Scope { kind, name, actions: actions.into_iter().collect() })
            .collect();
        let text = scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(&blanks);
        prop_assert_eq!(Scope::parse_all(&text), scopes);
    }

    #[test]
    fn a_credential_reads_as_it_was_written(name in "[^:]{0,20}", password in "\\PC{0,20}") {
        let read = read_basic(&STANDARD.encode(format!("{name}:{password}"))).expect("a credential");
        prop_assert_eq!((read.username, read.password), (name, password));
    }

    #[test]
    fn any_text_is_no_credential_or_one(text in "\\PC{0,40}") {
        if let Some(read) = read_basic(&text) {
            prop_assert!(!read.username.contains(':'));
        }
    }

    #[test]
    fn a_challenge_says_to_others_what_it_was_made_of(
        host in "[a-z0-9]{1,10}\\.azurecr\\.io",
        scopes in prop::collection::vec(("[a-z]{1,10}", "[!-~]{1,12}", prop::collection::vec("[a-z_*]{1,8}", 1..3)), 0..3),
        fault in prop::option::of(prop::sample::select(vec!["invalid_token", "insufficient_scope"])),
    ) {
        let scopes: Vec<Scope> =
            scopes.into_iter().map(|(kind, name, actions)| Scope { kind, name, actions }).collect();
        let error = Error::challenge(&host, &scopes, fault);
        let header = error.headers["www-authenticate"].to_str().expect("text").to_owned();
        let mut expected = vec![("realm", format!("https://{host}/oauth2/token")), ("service", host.clone())];
        if !scopes.is_empty() {
            expected.push(("scope", scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
        }
        expected.extend(fault.map(|fault| ("error", fault.to_owned())));
        let expected = expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        prop_assert_eq!(challenge(&header), Some(("Bearer".to_owned(), expected)), "{}", header);
    }
}
