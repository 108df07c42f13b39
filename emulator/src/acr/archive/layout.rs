//! An OCI layout: `oci-layout`, `index.json` and blobs by digest. Newer versions of `docker save` write one too, beside the
//! `manifest.json` of old.
//! Source: OCI Image Specification 1.1 "Image Layout" and "Annotations"; containerd's annotation `io.containerd.image.name`.

use std::sync::Arc;

use serde_json::Value;

use super::{Fault, Files, Found, fault};
use crate::acr::digest::Digest;
use crate::acr::document::Document;
use crate::acr::image::Image;

/// Where an image's name is written: the whole name first, then what may be a tag alone.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// Whether an archive has a layout.
pub fn is_one(files: &Files) -> bool {
    files.get("oci-layout").is_some()
}

/// The images of a layout: what its index names. `partial` lets an index name manifests that are not there.
pub fn images(files: &Files, partial: bool) -> Result<Vec<Found>, Fault> {
    let marker = files.json("oci-layout")?;
    if !marker["imageLayoutVersion"].as_str().is_some_and(|version| version.starts_with("1.")) {
        return fault(format!(
            "oci-layout states the version {}, which is not known: it must be 1.0.0",
            marker["imageLayoutVersion"]
        ));
    }
    let index = files.json("index.json")?;
    let Some(descriptors) = index["manifests"].as_array() else { return fault("index.json has no list of manifests") };
    let mut found: Vec<Found> = Vec::new();
    for descriptor in descriptors {
        let name = NAMES.iter().find_map(|name| descriptor["annotations"][name].as_str()).map(str::to_owned);
        let (image, missing) = collect(files, descriptor, partial)?;
        let same = |other: &&mut Found| other.image.root().map(|root| &root.digest) == image.root().map(|root| &root.digest);
        match found.iter_mut().find(same) {
            // One image under several names has a descriptor for each.
            Some(known) => known.names.extend(name),
            None => {
                found.push(Found { names: name.into_iter().collect(), image, missing, referrers: Vec::new(), rebuilt: false })
            }
        }
    }
    if found.is_empty() {
        return fault("index.json names no image");
    }
    Ok(with_referrers(found))
}

/// What has no name and refers to an image goes with it.
fn with_referrers(found: Vec<Found>) -> Vec<Found> {
    let refers = |it: &Found| it.names.is_empty() && it.image.root().is_some_and(|root| root.subject.is_some());
    let (mut referrers, mut images): (Vec<Found>, Vec<Found>) = found.into_iter().partition(refers);
    // A signature may itself be signed: what has found its place may be another's.
    while let Some(position) = referrers.iter().position(|referrer| home(&images, referrer).is_some()) {
        let referrer = referrers.swap_remove(position);
        if let Some(image) = home(&images, &referrer).and_then(|at| images.get_mut(at)) {
            image.referrers.push(referrer.image);
        }
    }
    images.extend(referrers);
    images
}

fn home(images: &[Found], referrer: &Found) -> Option<usize> {
    let subject = referrer.image.root()?.subject.as_ref()?;
    images.iter().position(|it| it.image.has(subject) || it.referrers.iter().any(|other| other.has(subject)))
}

/// An image with all that it names, and the manifests that are missing.
fn collect(files: &Files, descriptor: &Value, partial: bool) -> Result<(Image, Vec<String>), Fault> {
    let mut image = Image::default();
    let mut missing = Vec::new();
    let mut waiting = vec![(descriptor.clone(), "index.json".to_owned())];
    while let Some((descriptor, named_by)) = waiting.pop() {
        let digest = digest_of(&descriptor, &named_by)?;
        if image.has(&digest) {
            continue;
        }
        let Some(document) = document(files, &descriptor, &digest, &named_by)? else {
            let platform = &descriptor["platform"];
            let platform = match (platform["os"].as_str(), platform["architecture"].as_str()) {
                (Some(os), Some(architecture)) => format!(" ({os}/{architecture})"),
                _ => String::new(),
            };
            if partial && named_by != "index.json" {
                missing.push(format!("{digest}{platform}"));
                continue;
            }
            return fault(format!("{named_by} names the manifest {digest}{platform}, which the archive does not hold"));
        };
        for blob in document.blobs() {
            match files.blob(&blob.digest) {
                Some(kept) if kept.blob.size == blob.size => image.blobs.push((blob.digest.clone(), kept.blob.clone())),
                Some(kept) => {
                    return fault(format!(
                        "{digest} states {} bytes for {}, which has {}",
                        blob.size, blob.digest, kept.blob.size
                    ));
                }
                None if blob.is_foreign() => {}
                None => return fault(format!("{digest} names the blob {}, which the archive does not hold", blob.digest)),
            }
        }
        if !document.children().is_empty() {
            let value: Value = serde_json::from_slice(&document.bytes).unwrap_or_default();
            let children = value["manifests"].as_array().into_iter().flatten();
            waiting.extend(children.map(|child| (child.clone(), digest.to_string())));
        }
        image.manifests.push(Arc::new(document));
    }
    let platforms = image.manifests.iter().any(|document| document.children().is_empty());
    if platforms || missing.is_empty() {
        Ok((image, missing))
    } else {
        fault(format!("none of the manifests that {} names is in the archive", descriptor["digest"]))
    }
}

fn digest_of(descriptor: &Value, named_by: &str) -> Result<Digest, Fault> {
    let text = descriptor["digest"].as_str().unwrap_or_default();
    Digest::parse(text).ok_or_else(|| Fault(format!("{named_by} has a descriptor without a valid digest: {text:?}")))
}

fn document(files: &Files, descriptor: &Value, digest: &Digest, named_by: &str) -> Result<Option<Document>, Fault> {
    let Some(kept) = files.blob(digest) else { return Ok(None) };
    match descriptor["size"].as_u64() {
        Some(size) if size == kept.blob.size => {}
        stated => {
            let stated = stated.map_or_else(|| "no size".to_owned(), |size| format!("{size} bytes"));
            return fault(format!("{named_by} states {stated} for {digest}, which has {} bytes", kept.blob.size));
        }
    }
    if kept.blob.size > crate::acr::manifests::LARGEST as u64 {
        return fault(format!("{digest} is no manifest: it has {} bytes", kept.blob.size));
    }
    let media_type = descriptor["mediaType"].as_str();
    let read = Document::read(kept.bytes()?, media_type, digest.clone());
    read.map(Some).map_err(|error| Fault(format!("{digest}, which {named_by} names, is no manifest: {error}")))
}
