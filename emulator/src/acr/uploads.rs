//! Uploads of blobs: begun, continued in chunks, finished with a digest, cancelled; or mounted from another repository.
//! Source: OCI Distribution Specification 1.1 "Pushing blobs"; the form of `_state` as decoded from recorded answers.
//!
//! A chunk is taken in two steps, so that no lock is held while its bytes arrive: [`begin_chunk`] checks that it fits and gives
//! what has come so far, with the turn to add to it; [`end_chunk`] or [`finish`] puts the longer content back. Whatever happens
//! between the two, the upload is as it was before.

use std::sync::Arc;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::auth::Granted;
use super::digest::Digest;
use super::error::Error;
use super::received::{Content, Received, Turn};
use super::store::{Repository, Upload, Uploads};
use crate::kernel::clock::rfc3339_seconds;
use crate::world::World;

/// So long after its beginning an upload is forgotten. That uploads expire is known of the real service; the time is the default of
/// CNCF Distribution, a week, and inferred.
const LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// So often it is looked for uploads that nobody goes on with.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);

/// An upload as the client is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Its id.
    pub id: Uuid,
    /// Where it goes on: a path with the state in its query. Relative, as the real registry writes it.
    pub location: String,
    /// How much has come.
    pub size: u64,
}

impl Progress {
    /// The `Range` header: both ends inclusive; `0-0` stands for nothing too.
    pub fn range(&self) -> String {
        format!("0-{}", self.size.saturating_sub(1))
    }
}

/// An upload that a request names, by its path and by the state in its query.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The repository.
    pub repository: &'a str,
    /// The upload's id, as written.
    pub id: &'a str,
    /// The `_state` of the query.
    pub state: Option<&'a str>,
}

/// Begins an upload.
pub fn start(world: &World, granted: &Granted, repository: &str) -> Progress {
    let (id, started) = (world.ids.uuid(), world.clock.now());
    let upload = Upload { repository: repository.to_owned(), started, content: Content::default(), turn: Arc::default() };
    let progress = progress(world, granted, id, &upload);
    let mut uploads = granted.registry().uploads.lock();
    let expired = uploads.sweep(started);
    uploads.open.insert(id, upload);
    drop(uploads);
    drop(expired);
    progress
}

impl Uploads {
    /// Takes out what nobody goes on with.
    fn sweep(&mut self, now: Timestamp) -> Vec<Upload> {
        if now.duration_since(self.swept) < SWEEP {
            return Vec::new();
        }
        self.swept = now;
        self.open.extract_if(|_, upload| upload.is_expired(now)).map(|(_, upload)| upload).collect()
    }
}

impl Upload {
    fn is_expired(&self, now: Timestamp) -> bool {
        now.duration_since(self.started) >= LIFE
    }
}

/// Puts a blob of another repository into this one; `None` if it is not there or may not be read, upon which the client gets an
/// ordinary upload. Without `from` every repository is looked through that the caller may pull from.
pub fn mount(world: &World, granted: &Granted, repository: &str, digest: &str, from: Option<&str>) -> Option<Digest> {
    let digest = Digest::parse(digest)?;
    let mut repositories = granted.registry().repositories.write();
    let readable = |name: &str, held: &Repository| held.attributes.read && granted.may_pull(name);
    let blob = match from {
        Some(from) => repositories.get(from).filter(|held| readable(from, held))?.blobs.get(&digest)?.clone(),
        None => {
            let mut holders = repositories.iter().filter_map(|(name, held)| Some((name, held, held.blobs.get(&digest)?)));
            holders.find(|(name, held, _)| readable(name, held))?.2.clone()
        }
    };
    let now = world.clock.now();
    let target = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    target.put_blob(digest.clone(), blob);
    Some(digest)
}

/// How an upload stands.
pub fn status(world: &World, granted: &Granted, named: Named<'_>) -> Result<Progress, Error> {
    with(world, granted, named, |id, upload| {
        check_state(world, granted, named, upload, false)?;
        Ok(progress(world, granted, id, upload))
    })
}

/// Ends an upload without a blob.
pub fn cancel(world: &World, granted: &Granted, named: Named<'_>) -> Result<Uuid, Error> {
    let id = with(world, granted, named, |id, upload| check_state(world, granted, named, upload, false).map(|()| id))?;
    discard(granted, id);
    Ok(id)
}

/// Ends an upload whose content could not be kept.
pub fn abandon(granted: &Granted, named: Named<'_>) {
    if let Ok(id) = Uuid::try_parse(named.id) {
        discard(granted, id);
    }
}

fn discard(granted: &Granted, id: Uuid) {
    let upload = granted.registry().uploads.lock().open.remove(&id);
    // Its file is closed where no lock is held.
    drop(upload);
}

/// Checks that a chunk fits, and gives the content so far, to which its bytes are to be added. Only one chunk comes in at a time.
pub fn begin_chunk(
    world: &World,
    granted: &Granted,
    named: Named<'_>,
    range: Option<&str>,
    length: Option<u64>,
) -> Result<Received, Error> {
    with(world, granted, named, |id, upload| {
        if let Some(text) = range {
            let (first, last) =
                parse_range(text).ok_or_else(|| Error::upload_range(text, "the Content-Range header format is invalid"))?;
            if first != upload.content.size() {
                let progress = progress(world, granted, id, upload);
                return Err(Error::upload_out_of_order(text, &progress.range(), &progress.location, &id.to_string()));
            }
            if length.is_some_and(|length| length != last - first + 1) {
                return Err(Error::size_invalid());
            }
        }
        check_state(world, granted, named, upload, true)?;
        let turn = Turn::take(&upload.turn, &upload.content).ok_or_else(Error::upload_invalid)?;
        Ok(Received::resumed(&granted.registry().pool.spool, upload.content.clone(), turn))
    })
}

/// Puts the longer content back.
pub fn end_chunk(world: &World, granted: &Granted, named: Named<'_>, content: Received) -> Result<Progress, Error> {
    with(world, granted, named, |id, upload| {
        upload.content = content.into_content();
        Ok(progress(world, granted, id, upload))
    })
}

/// Ends an upload with a blob. Content that does not have the digest is thrown away with the upload.
pub fn finish(
    world: &World,
    granted: &Granted,
    named: Named<'_>,
    content: Received,
    digest: Digest,
    good: bool,
) -> Result<Digest, Error> {
    let id = with(world, granted, named, |id, _| Ok(id))?;
    discard(granted, id);
    keep(world, granted, named.repository, content, digest, good)
}

/// Reads the digest that content is said to have.
pub fn stated_digest(digest: Option<&str>) -> Result<Digest, Error> {
    let digest = digest.ok_or_else(|| Error::digest_invalid("digest missing"))?;
    Digest::parse(digest).ok_or_else(|| Error::digest_invalid("digest parsing failed"))
}

/// Keeps content as a blob of a repository, if it has the digest.
pub fn keep(
    world: &World,
    granted: &Granted,
    repository: &str,
    content: Received,
    digest: Digest,
    good: bool,
) -> Result<Digest, Error> {
    if !good {
        return Err(Error::digest_invalid("digest mismatch"));
    }
    let registry = granted.registry();
    let blob = registry.pool.share(&digest, || content.into_blob());
    let now = world.clock.now();
    let mut repositories = registry.repositories.write();
    let held = repositories.entry(repository.to_owned()).or_insert_with(|| Repository::new(now));
    held.put_blob(digest.clone(), blob);
    Ok(digest)
}

/// Reads a `Content-Range` of an upload, `first-last`: the specification's own form, not RFC 9110's.
pub fn parse_range(text: &str) -> Option<(u64, u64)> {
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && last < u64::MAX).then_some((first, last))
}

fn with<Result_>(
    world: &World,
    granted: &Granted,
    named: Named<'_>,
    act: impl FnOnce(Uuid, &mut Upload) -> Result<Result_, Error>,
) -> Result<Result_, Error> {
    let id = Uuid::try_parse(named.id).map_err(|_| Error::upload_unknown())?;
    let now = world.clock.now();
    let mut uploads = granted.registry().uploads.lock();
    let upload = uploads.open.get_mut(&id).filter(|upload| upload.repository == named.repository && !upload.is_expired(now));
    act(id, upload.ok_or_else(Error::upload_unknown)?)
}

fn progress(world: &World, granted: &Granted, id: Uuid, upload: &Upload) -> Progress {
    let size = upload.content.size();
    let state = state(world, granted, id, upload);
    let location = format!("/v2/{}/blobs/uploads/{id}?_nouploadcache=false&_state={state}", upload.repository);
    Progress { id, location, size }
}

/// What the client carries along: an HMAC and what it protects. Padding is percent-encoded, as recorded.
fn state(world: &World, granted: &Granted, id: Uuid, upload: &Upload) -> String {
    let (name, size) = (&upload.repository, upload.content.size());
    let started = if size == 0 { upload.started.to_string() } else { rfc3339_seconds(upload.started) };
    let text = json!({ "Name": name, "UUID": id, "Offset": size, "StartedAt": started }).to_string();
    let tag = hmac::sign(&state_key(world, granted), text.as_bytes());
    URL_SAFE.encode([tag.as_ref(), text.as_bytes()].concat()).replace('=', "%3D")
}

fn state_key(world: &World, granted: &Granted) -> hmac::Key {
    let secret = world.ids.named(&format!("upload states of {}", granted.registry().registry_id));
    hmac::Key::new(HMAC_SHA256, secret.as_bytes())
}

/// Refuses a state that is not ours, or another upload's; and, where bytes are to be added, one from before the last chunk.
fn check_state(world: &World, granted: &Granted, named: Named<'_>, upload: &Upload, adds: bool) -> Result<(), Error> {
    let read = || {
        let bytes = URL_SAFE.decode(named.state?).ok()?;
        let (tag, text) = bytes.split_at_checked(32)?;
        hmac::verify(&state_key(world, granted), text, tag).ok()?;
        serde_json::from_slice::<Value>(text).ok()
    };
    let state = read().ok_or_else(Error::upload_invalid)?;
    let same =
        state["Name"] == named.repository && state["UUID"] == named.id && (!adds || state["Offset"] == upload.content.size());
    if same { Ok(()) } else { Err(Error::upload_invalid()) }
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn a_range_of_an_upload_is_two_numbers() {
        assert_eq!(parse_range("0-735"), Some((0, 735)));
        assert_eq!(parse_range("736-736"), Some((736, 736)));
        for wrong in ["", "-", "-1--1", "bytes 0-9/*", "bytes=0-9", "9-0", "0-9/10", "+0-9", "0-18446744073709551615", "a-b"] {
            assert_eq!(parse_range(wrong), None, "{wrong:?}");
        }
    }
}
