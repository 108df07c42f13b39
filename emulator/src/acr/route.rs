//! Which resource a path names. The patterns of names are part of the routes: a path with a bad name matches none, and is
//! answered before anyone is asked who they are.
//! Source: OCI Distribution Specification 1.1 "Endpoints"; the grammar of CNCF Distribution's `reference` package.

/// A resource of the data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/v2/`.
    Base,
    /// `/v2/_catalog`.
    Catalog,
    /// `/v2/{name}/tags/list`.
    Tags(String),
    /// `/v2/{name}/manifests/{reference}`.
    Manifest(String, String),
    /// `/v2/{name}/manifests/{text}`, where the text has a colon and yet is no digest: a resource for pushing only.
    NoManifest(String),
    /// `/v2/{name}/referrers/{digest}`.
    Referrers(String, String),
    /// `/v2/{name}/blobs/{digest}`.
    Blob(String, String),
    /// `/v2/{name}/blobs/uploads/`.
    Uploads(String),
    /// `/v2/{name}/blobs/uploads/{id}`.
    Upload(String, String),
    /// `/acr/v1/_catalog`.
    MetadataCatalog,
    /// `/acr/v1/{name}`.
    MetadataRepository(String),
    /// `/acr/v1/{name}/_tags`.
    MetadataTags(String),
    /// `/acr/v1/{name}/_tags/{tag}`.
    MetadataTag(String, String),
    /// `/acr/v1/{name}/_manifests`.
    MetadataManifests(String),
    /// `/acr/v1/{name}/_manifests/{digest}`.
    MetadataManifest(String, String),
    /// `/acr/v1/_deleted/_catalog`.
    DeletedCatalog,
    /// `/acr/v1/_deleted/{name}/_manifests`.
    DeletedManifests(String),
    /// `/acr/v1/_deleted/{name}/_tags`.
    DeletedTags(String),
    /// `/acr/v1/_deleted/{name}/_manifests/{digest}`.
    DeletedManifest(String, String),
    /// `/oauth2/exchange`.
    Exchange,
    /// `/oauth2/token`.
    Token,
}

/// What a path comes to if it names no resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// It lies in the registry's own tree and matches no pattern.
    Unmatched,
    /// It lies outside.
    Outside,
}

impl Route {
    /// Reads a decoded path.
    pub fn parse(path: &str) -> Result<Self, NoRoute> {
        if path == "/v2" || path == "/v2/" {
            return Ok(Self::Base);
        }
        if let Some(rest) = path.strip_prefix("/v2/") {
            return Self::distribution(rest).ok_or(NoRoute::Unmatched);
        }
        if let Some(rest) = path.strip_prefix("/acr/v1/") {
            return Self::metadata(rest).ok_or(NoRoute::Unmatched);
        }
        match path {
            "/oauth2/exchange" => Ok(Self::Exchange),
            "/oauth2/token" => Ok(Self::Token),
            _ if path.starts_with("/acr/") || path.starts_with("/oauth2/") => Err(NoRoute::Unmatched),
            _ => Err(NoRoute::Outside),
        }
    }

    fn distribution(rest: &str) -> Option<Self> {
        if rest == "_catalog" {
            return Some(Self::Catalog);
        }
        if let Some(name) = rest.strip_suffix("/tags/list").filter(|name| is_repository(name)) {
            return Some(Self::Tags(name.to_owned()));
        }
        if let Some(name) = rest.strip_suffix('/').unwrap_or(rest).strip_suffix("/blobs/uploads").filter(|it| is_repository(it)) {
            return Some(Self::Uploads(name.to_owned()));
        }
        let (before, last) = rest.rsplit_once('/')?;
        let (before, kind) = before.rsplit_once('/')?;
        if kind == "uploads" {
            let name = before.strip_suffix("/blobs").filter(|name| is_repository(name))?;
            return is_upload_id(last).then(|| Self::Upload(name.to_owned(), last.to_owned()));
        }
        let (name, last) = (is_repository(before).then(|| before.to_owned())?, last.to_owned());
        match kind {
            "manifests" if is_reference(&last) => Some(Self::Manifest(name, last)),
            "manifests" if last.contains(':') => Some(Self::NoManifest(name)),
            "blobs" if is_digest(&last) => Some(Self::Blob(name, last)),
            "referrers" if is_digest(&last) => Some(Self::Referrers(name, last)),
            _ => None,
        }
    }

    fn metadata(rest: &str) -> Option<Self> {
        if rest == "_catalog" {
            return Some(Self::MetadataCatalog);
        }
        if let Some(rest) = rest.strip_prefix("_deleted/") {
            return match Self::metadata(rest)? {
                Self::MetadataCatalog => Some(Self::DeletedCatalog),
                Self::MetadataManifests(name) => Some(Self::DeletedManifests(name)),
                Self::MetadataTags(name) => Some(Self::DeletedTags(name)),
                Self::MetadataManifest(name, digest) => Some(Self::DeletedManifest(name, digest)),
                _ => None,
            };
        }
        let named = |name: &str| is_repository(name).then(|| name.to_owned());
        if let Some(name) = rest.strip_suffix("/_tags") {
            return named(name).map(Self::MetadataTags);
        }
        if let Some(name) = rest.strip_suffix("/_manifests") {
            return named(name).map(Self::MetadataManifests);
        }
        if let Some((name, tag)) = rest.rsplit_once("/_tags/") {
            return is_tag(tag).then(|| named(name).map(|name| Self::MetadataTag(name, tag.to_owned())))?;
        }
        if let Some((name, digest)) = rest.rsplit_once("/_manifests/") {
            return is_digest(digest).then(|| named(name).map(|name| Self::MetadataManifest(name, digest.to_owned())))?;
        }
        named(rest).map(Self::MetadataRepository)
    }
}

/// Whether `text` is a repository's name: components of lower-case letters and digits, apart by single `.`, one or two `_`, or
/// any number of `-`; components apart by `/`; 255 characters at most.
pub fn is_repository(text: &str) -> bool {
    text.len() <= 255 && text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    bytes.split(|byte| alphanumeric(*byte)).all(|separator| match separator {
        b"" | b"." | b"_" | b"__" => true,
        dashes => dashes.iter().all(|byte| *byte == b'-'),
    })
}

/// Whether `text` is a tag.
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(word) && text.len() <= 128 && bytes.all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// Whether `text` has the form of a digest: an algorithm and at least 32 hexadecimal digits. It may still be none.
pub fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else { return false };
    let part = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    algorithm.split(['-', '_', '+', '.']).all(part) && encoded.len() >= 32 && encoded.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether `text` is a tag or has the form of a digest.
pub fn is_reference(text: &str) -> bool {
    is_tag(text) || is_digest(text)
}

fn is_upload_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["a", "alpine", "team/app", "a.b_c__d---e/f0", "library/nginx", "a/tags/list", "manifests/blobs"] {
            assert!(is_repository(good), "{good}");
        }
        for bad in ["", "A", "a b", "a//b", "/a", "a/", "a..b", "a___b", "-a", "a-", "a.", "ä", &"a".repeat(256)] {
            assert!(!is_repository(bad), "{bad}");
        }
        assert!(is_tag("v1.0_x-Y") && is_tag("_") && !is_tag(".x") && !is_tag("-x") && !is_tag("") && !is_tag(&"t".repeat(129)));
        assert!(!is_digest("sha256:abc") && is_digest(&format!("sha256:{}", "a".repeat(32))) && !is_digest("BadDigest"));
    }

    #[test]
    fn paths_name_resources() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (path, route) in [
            ("/v2/", Route::Base),
            ("/v2", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/b/tags/list", Route::Tags("a/b".into())),
            ("/v2/a/manifests/error-digest", Route::Manifest("a".into(), "error-digest".into())),
            ("/v2/a/blobs/uploads/", Route::Uploads("a".into())),
            ("/v2/a/blobs/uploads", Route::Uploads("a".into())),
            ("/v2/a/blobs/uploads/0a-b", Route::Upload("a".into(), "0a-b".into())),
            ("/acr/v1/_catalog", Route::MetadataCatalog),
            ("/acr/v1/a/b", Route::MetadataRepository("a/b".into())),
            ("/acr/v1/a/b/_tags/v1", Route::MetadataTag("a/b".into(), "v1".into())),
            ("/acr/v1/_deleted/_catalog", Route::DeletedCatalog),
            ("/acr/v1/_deleted/a/b/_tags", Route::DeletedTags("a/b".into())),
            ("/acr/v1/_deleted/a/_manifests", Route::DeletedManifests("a".into())),
            ("/oauth2/token", Route::Token),
        ] {
            assert_eq!(Route::parse(path), Ok(route), "{path}");
        }
        assert_eq!(Route::parse(&format!("/v2/a/blobs/{digest}")), Ok(Route::Blob("a".into(), digest.clone())));
        for path in [
            "/v2/a b/tags/list",
            "/v2/a/blobs/BadDigest",
            "/acr/v1/a/_manifests/wrong-digest",
            "/v2/A/manifests/v1",
            "/v2/A/manifests/sha256:x",
            "/v2/a/manifests/.v1",
            "/v2//manifests/v1",
            "/v2/a//b/manifests/v1",
            "/v2/x",
            "/oauth2/other",
            "/acr/v1/_deleted/a",
            "/acr/v1/_deleted/_deleted/_catalog",
            "/acr/v1/_deleted/a/_tags/v1",
        ] {
            assert_eq!(Route::parse(path), Err(NoRoute::Unmatched), "{path}");
        }
        for path in
            [format!("/v2/a/manifests/sha256:{digest}"), "/v2/a/manifests/sha256:baddigest".into(), "/v2/a/manifests/:".into()]
        {
            assert_eq!(Route::parse(&path), Ok(Route::NoManifest("a".into())), "{path}");
        }
        assert_eq!(Route::parse("/"), Err(NoRoute::Outside));
        assert_eq!(Route::parse("/favicon.ico"), Err(NoRoute::Outside));
    }

    /// A repository's name by the grammar, and so short that it is in bounds.
    fn repository() -> impl Strategy<Value = String> {
        "[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}(/[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}){0,3}"
    }

    proptest! {
        #[test]
        fn whatever_path_comes_is_read_or_refused(path in "(/(v2|acr/v1|oauth2))?[ -~/]{0,60}") {
            let _ = Route::parse(&path);
        }

        #[test]
        fn every_name_of_the_grammar_is_one(name in repository(), tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}") {
            prop_assert!(is_repository(&name));
            let route = Route::parse(&format!("/v2/{name}/manifests/{tag}"));
            prop_assert_eq!(route, Ok(Route::Manifest(name.clone(), tag)));
            prop_assert_eq!(Route::parse(&format!("/v2/{name}/tags/list")), Ok(Route::Tags(name)));
        }

        #[test]
        fn a_route_holds_only_names_of_the_grammar(path in "/v2/[a-zA-Z0-9._:/ -]{0,50}") {
            match Route::parse(&path) {
                Ok(Route::Manifest(name, reference)) => prop_assert!(is_repository(&name) && is_reference(&reference)),
                Ok(Route::Blob(name, digest) | Route::Referrers(name, digest)) => {
                    prop_assert!(is_repository(&name) && is_digest(&digest));
                }
                Ok(Route::Tags(name) | Route::Uploads(name) | Route::NoManifest(name)) => prop_assert!(is_repository(&name)),
                Ok(Route::Upload(name, id)) => prop_assert!(is_repository(&name) && is_upload_id(&id)),
                _ => {}
            }
        }
    }
}
