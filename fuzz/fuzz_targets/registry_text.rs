//! Whatever text a client sends a registry in a path, a scope, a reference, a digest, a range, a credential, a scope map's action or
//! an address rule: it is read without a panic, and what was read says the same again. A challenge for it is one by RFC 9110.
#![no_main]

use azlet::acr::auth::read_basic;
use azlet::acr::blobs::{Part, part};
use azlet::acr::digest::Digest;
use azlet::acr::error::Error;
use azlet::acr::pull::Reference;
use azlet::acr::route::{Route, is_digest, is_reference, is_repository, is_tag};
use azlet::acr::scope::{Right, Scope};
use azlet::acr::store::AddressRange;
use azlet::acr::token_users::MapAction;
use azlet::acr::uploads::parse_range;
use libfuzzer_sys::fuzz_target;

/// The value of the parameter `scope` in a challenge, unquoted.
fn scope_of(header: &str) -> Option<String> {
    let (_, text) = header.split_once(",scope=\"")?;
    let (mut value, mut letters) = (String::new(), text.chars());
    loop {
        match letters.next()? {
            '"' => break (letters.as_str().is_empty()).then_some(value),
            '\\' => value.push(letters.next()?),
            letter => value.push(letter),
        }
    }
}

fn paths(text: &str) {
    for prefix in ["", "/v2/", "/acr/v1/", "/v2/a/blobs/", "/v2/a/manifests/"] {
        let (names, references): (Vec<String>, Vec<String>) = match Route::parse(&format!("{prefix}{text}")) {
            Ok(Route::Manifest(name, reference)) => (vec![name], vec![reference]),
            Ok(Route::Blob(name, digest) | Route::Referrers(name, digest) | Route::MetadataManifest(name, digest)) => {
                assert!(is_digest(&digest));
                (vec![name], vec![digest])
            }
            Ok(Route::MetadataTag(name, tag)) => {
                assert!(is_tag(&tag));
                (vec![name], vec![tag])
            }
            Ok(Route::Tags(name) | Route::Uploads(name) | Route::Upload(name, _) | Route::MetadataRepository(name)) => {
                (vec![name], Vec::new())
            }
            _ => continue,
        };
        assert!(names.iter().all(|name| is_repository(name)));
        assert!(references.iter().all(|reference| is_reference(reference)));
    }
}

fn ranges(text: &str) {
    for size in [0, 1, 10, u64::MAX] {
        for text in [text, &format!("bytes={text}")] {
            if let Part::Range(first, last) = part(Some(text), size) {
                assert!(first <= last && last < size);
            }
        }
    }
    if let Some((first, last)) = parse_range(text) {
        assert!(first <= last);
    }
    let _ = AddressRange::parse(text);
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    paths(text);
    ranges(text);
    let scopes = Scope::parse_all(text);
    for scope in &scopes {
        assert_eq!(Scope::parse(&scope.to_string()).as_ref(), Some(scope));
    }
    let challenge = Error::challenge("r.azurecr.io", &scopes, None);
    if let Some(Ok(header)) = challenge.headers.get("www-authenticate").map(|header| header.to_str()) {
        let asked: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        assert_eq!(scope_of(header), (!asked.is_empty()).then(|| asked.join(" ")));
    }
    if let Some(digest) = Digest::parse(text) {
        assert!(digest.as_str() == text && is_digest(text));
    }
    if let Some(credential) = read_basic(text) {
        assert!(!credential.username.contains(':'));
    }
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
    }
    if let Some(action) = MapAction::parse(text) {
        for right in Right::ALL {
            let _ = action.allows(text, right);
        }
    }
});
