//! The manifests that refer to another one as their subject.
//! Source: OCI Distribution Specification 1.1 "Listing Referrers". That a long list comes in pages is the specification's; where
//! a page ends is inferred: clients read at most as much of an index as of a manifest.

use std::ops::Bound;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::auth::Granted;
use super::digest::Digest;
use super::document::{Document, OCI_INDEX};
use super::error::Error;
use super::manifests;
use super::page::IN_QUERY;
use super::store::Repository;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Only those of this type.
    pub artifact_type: Option<&'a str>,
    /// So many at most.
    pub most: Option<usize>,
    /// Those behind this digest.
    pub last: Option<&'a str>,
}

/// The referrers of a digest as an image index; empty if there are none, whether or not the digest is known. The second value is
/// the `Link` to the next page, if there is one.
pub fn list(
    granted: &Granted,
    repository: &str,
    digest: &str,
    wanted: Wanted<'_>,
    path: &str,
) -> Result<(Value, Option<String>), Error> {
    let digest = Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))?;
    let last = wanted.last.map(|last| Digest::parse(last).ok_or_else(|| Error::digest_invalid("digest parsing failed")));
    let last = last.transpose()?;
    let repositories = granted.registry().repositories.read();
    let (mut manifests, mut size, mut link) = (Vec::new(), 0, None);
    let mut before: Option<&Digest> = None;
    for document in repositories.get(repository).into_iter().flat_map(|held| behind(held, &digest, last.as_ref())) {
        if wanted.artifact_type.is_some_and(|it| document.artifact_type.as_deref() != Some(it)) {
            continue;
        }
        let descriptor = descriptor(document);
        size += descriptor.to_string().len();
        let full = wanted.most.is_some_and(|most| manifests.len() >= most) || size > manifests::LARGEST;
        if let Some(before) = before.filter(|_| full) {
            link = Some(next(path, &wanted, before));
            break;
        }
        if wanted.most == Some(0) {
            break;
        }
        manifests.push(descriptor);
        before = Some(&document.digest);
    }
    Ok((json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }), link))
}

/// What refers to a digest, in the order of digests, from behind `last`.
fn behind<'a>(held: &'a Repository, digest: &'a Digest, last: Option<&'a Digest>) -> impl Iterator<Item = &'a Document> {
    let begin = last.map_or(Bound::Unbounded, Bound::Excluded);
    let digests = held.referrers.get(digest).into_iter().flat_map(move |it| it.range::<Digest, _>((begin, Bound::Unbounded)));
    let manifests = digests.filter_map(|it| held.manifests.get(it)).filter(|manifest| manifest.attributes.list);
    manifests.map(|manifest| &*manifest.document).filter(move |document| document.subject.as_ref() == Some(digest))
}

fn next(path: &str, wanted: &Wanted<'_>, last: &Digest) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, IN_QUERY).to_string();
    let mut link = format!("<{path}?");
    if let Some(artifact_type) = wanted.artifact_type {
        link.push_str(&format!("artifactType={}&", encoded(artifact_type)));
    }
    link.push_str(&format!("last={}", encoded(last.as_str())));
    if let Some(most) = wanted.most {
        link.push_str(&format!("&n={most}"));
    }
    link.push_str(">; rel=\"next\"");
    link
}

fn descriptor(document: &Document) -> Value {
    let mut value = json!({ "mediaType": document.media_type, "digest": document.digest.as_str(), "size": document.bytes.len() });
    if let Some(artifact_type) = &document.artifact_type {
        value["artifactType"] = artifact_type.as_str().into();
    }
    if let Some(annotations) = &document.annotations {
        value["annotations"] = json!(annotations);
    }
    value
}
