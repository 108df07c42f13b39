//! The registry's errors: one named constructor each, and their one wire shape,
//! `{"errors":[{"code","message"[,"detail"]}]}` and a line feed.
//! Source: OCI Distribution Specification 1.1 "Error Codes", with Azure Container Registry's own messages.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::scope::Scope;

/// The message of every 401 that Azure's registry gives.
pub const AUTHENTICATION_REQUIRED: &str = "authentication required, visit https://aka.ms/acr/authorization for more information.";
const DISALLOWED: &str = "The operation is disallowed on this registry, repository or image. View troubleshooting steps at \
                          https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation";

/// An answer that says no.
#[derive(Clone, Debug)]
pub struct Error {
    /// The status, 4xx.
    pub status: StatusCode,
    /// What is answered; an empty list is an empty body.
    pub entries: Vec<Entry>,
    /// Headers of this answer alone; apart, so that a result is small where all goes well.
    pub headers: Box<HeaderMap>,
}

/// One of the errors of an answer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The code.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// The detail; `None` leaves the key out.
    pub detail: Option<Value>,
}

impl Error {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>, detail: Option<Value>) -> Self {
        Self { status, entries: vec![Entry { code, message: message.into(), detail }], headers: Box::default() }
    }

    fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The code of the first entry.
    pub fn code(&self) -> Option<&'static str> {
        self.entries.first().map(|entry| entry.code)
    }

    /// The body as sent.
    pub fn body(&self) -> String {
        if self.entries.is_empty() {
            return String::new();
        }
        let entry = |entry: &Entry| {
            let mut value = json!({ "code": entry.code, "message": entry.message });
            if let Some(detail) = &entry.detail {
                value["detail"] = detail.clone();
            }
            value
        };
        let errors: Vec<Value> = self.entries.iter().map(entry).collect();
        format!("{}\n", json!({ "errors": errors }))
    }

    /// A refusal without a word: what the token endpoints answer to tokens that they cannot take.
    pub fn refused_silently() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, entries: Vec::new(), headers: Box::default() }
    }

    /// The challenge of a resource. `needs` are the scopes to ask for, `fault` the `error` attribute.
    pub fn challenge(login_server: &str, needs: &[Scope], fault: Option<&str>) -> Self {
        let mut header = format!("Bearer realm=\"https://{login_server}/oauth2/token\",service=\"{login_server}\"");
        if !needs.is_empty() {
            let scopes: Vec<String> = needs.iter().map(ToString::to_string).collect();
            // Names of repositories need no quoting; a name of anything else must not end the text either.
            let scopes = scopes.join(" ").replace('\\', "\\\\").replace('"', "\\\"");
            header.push_str(&format!(",scope=\"{scopes}\""));
        }
        if let Some(fault) = fault {
            header.push_str(&format!(",error=\"{fault}\""));
        }
        let entries = needs.iter().flat_map(|scope| {
            scope.actions.iter().map(|action| json!({ "Type": scope.kind, "Name": scope.name, "Action": action }))
        });
        let detail = if needs.is_empty() { Value::Null } else { entries.collect() };
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", AUTHENTICATION_REQUIRED, Some(detail))
            .with_header("www-authenticate", &header)
    }

    /// The token endpoints' 401.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message, None)
    }

    /// The token endpoints' 401 for a caller without rights.
    pub fn no_rights(correlation_id: &str) -> Self {
        Self::unauthorized(format!("{AUTHENTICATION_REQUIRED} CorrelationId: {correlation_id}"))
    }

    /// The firewall's answer.
    pub fn firewall(address: IpAddr) -> Self {
        let message =
            format!("client with IP '{address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.");
        Self::new(StatusCode::FORBIDDEN, "DENIED", message, None)
    }

    /// The source of a cache rule does not give what is pulled. The status is inferred.
    pub fn cache_denied(source: &str, rule: &str) -> Self {
        let message = format!("requested access to pull from source '{source}' for cache rule '{rule}' has been denied.");
        Self::new(StatusCode::FORBIDDEN, "DENIED", message, None)
    }

    /// A lock is in the way.
    pub fn disallowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "REGISTRY_DISALLOWED_OPERATION", DISALLOWED, Some(json!({})))
    }

    /// A manifest that nobody has found good yet, asked for by its digest. The status is inferred.
    pub fn quarantined() -> Self {
        let message = "The image is quarantined.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "IMAGE_QUARANTINED", message, Some(json!({})))
    }

    /// A push of what was deleted softly; the code is documented, status and words are inferred.
    pub fn soft_deleted(digest: &str) -> Self {
        Self::manifest_invalid(format!("manifest {digest} is soft-deleted; restore it before it is pushed again"))
    }

    /// A restore of what refers to a manifest that is still deleted (inferred).
    pub fn subject_deleted(subject: &str) -> Self {
        let detail = format!("its subject {subject} is soft-deleted; restore it first");
        Self::new(StatusCode::CONFLICT, "MANIFEST_INVALID", "manifest invalid", Some(Value::String(detail)))
    }

    /// A restore of a tag that names another manifest by now (inferred).
    pub fn tag_taken(tag: &str, digest: &str) -> Self {
        let message = format!("the tag {tag} exists and names {digest}; restore with force to overwrite it");
        Self::new(StatusCode::CONFLICT, "TAG_ALREADY_EXISTS", message, None)
    }

    /// More calls than are allowed; `seconds` is how long to wait.
    pub fn too_many_requests(seconds: i64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many requests", None)
            .with_header("retry-after", &seconds.to_string())
    }

    /// An operation that the specification knows and this registry does not offer.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message, None)
    }

    /// A request that cannot be understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "UNSUPPORTED", message, None)
    }

    /// `/acr/v1` was asked for something that it does not know.
    pub fn operation_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "OPERATION_UNKNOWN", "The specified operation does not exist", None)
    }

    /// A tag that names no manifest.
    pub fn tag_names_nothing(tag: &str) -> Self {
        let message = format!("manifest tagged by \"{tag}\" is not found");
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message, Some(json!({ "Tag": tag })))
    }

    /// A digest that names no manifest.
    pub fn manifest_not_found(repository: &str, digest: &str) -> Self {
        let detail = json!({ "Name": repository, "Revision": digest });
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", format!("manifest {digest} is not found"), Some(detail))
    }

    /// `/acr/v1`'s answer to a digest that names no manifest.
    pub fn manifest_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown", None)
    }

    /// The stored manifest is of a type that the client does not accept; `one` and `many` say which. The status is inferred.
    pub fn not_accepted(one: &str, many: &str) -> Self {
        let message = format!("{one} found, but accept header does not support {many}");
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", message, None)
    }

    /// A tag outside the grammar (the code of CNCF Distribution; where it is answered is inferred).
    pub fn tag_invalid(tag: &str) -> Self {
        let detail = Some(json!({ "Tag": tag }));
        Self::new(StatusCode::BAD_REQUEST, "TAG_INVALID", "manifest tag did not match URI", detail)
    }

    /// Bytes that are no manifest.
    pub fn manifest_invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", "manifest invalid", Some(Value::String(detail.into())))
    }

    /// A manifest that names blobs or manifests which the repository does not hold.
    pub fn parts_unknown(digests: impl IntoIterator<Item = String>) -> Self {
        let entry = |digest| Entry {
            code: "MANIFEST_BLOB_UNKNOWN",
            message: "blob unknown to registry".into(),
            detail: Some(Value::String(digest)),
        };
        let entries = digests.into_iter().map(entry).collect();
        Self { status: StatusCode::BAD_REQUEST, entries, headers: Box::default() }
    }

    /// A digest that cannot be read, or that the content does not have.
    pub fn digest_invalid(reason: &str) -> Self {
        let message = "provided digest did not match uploaded content";
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message, Some(Value::String(reason.into())))
    }

    /// A body of another length than stated.
    pub fn size_invalid() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "SIZE_INVALID", "provided length did not match content length", None)
    }

    /// Content that there is no room for, or that the disk does not take. The specification has no code for this; a 4xx, since clients
    /// send everything again after a 5xx (inferred).
    pub fn not_kept(why: &std::io::Error) -> Self {
        Self::new(StatusCode::FORBIDDEN, "DENIED", format!("azlet could not keep the content: {why}"), None)
    }

    /// A blob that the repository does not hold; reading says which (inferred), deleting does not.
    pub fn blob_unknown(digest: Option<&str>) -> Self {
        let detail = digest.map(|digest| Value::String(digest.into()));
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry", detail)
    }

    /// A part of a blob that lies behind its end.
    pub fn range_not_satisfiable(size: u64) -> Self {
        Self { status: StatusCode::RANGE_NOT_SATISFIABLE, entries: Vec::new(), headers: Box::default() }
            .with_header("content-range", &format!("bytes */{size}"))
    }

    /// An upload that is not going on. The detail's keys are not known; an empty object is inferred.
    pub fn upload_unknown() -> Self {
        let message = "blob upload unknown to registry";
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", message, Some(json!({})))
    }

    /// An upload whose state the client has wrong.
    pub fn upload_invalid() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_INVALID", "blob upload invalid", None)
    }

    /// A chunk with a `Content-Range` that cannot be.
    pub fn upload_range(range: &str, reason: &str) -> Self {
        let detail = json!({ "Range": range, "Reason": reason });
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_RANGE_INVALID", "blob upload range invalid", Some(detail))
    }

    /// A chunk that does not begin where the last one ended. The client is told where to go on (the reason's text is inferred).
    pub fn upload_out_of_order(range: &str, reached: &str, location: &str, id: &str) -> Self {
        Self::upload_range(range, "the Content-Range header does not begin at the end of the last chunk")
            .with_header("range", reached)
            .with_header("location", location)
            .with_header("docker-upload-uuid", id)
    }

    /// A number of results that is no number (the code of CNCF Distribution).
    pub fn page_size_invalid(text: &str) -> Self {
        let message = "invalid number of results requested";
        Self::new(StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID", message, Some(json!({ "n": text })))
    }

    /// `/acr/v1`'s answer to a repository that does not exist.
    pub fn repository_not_found(repository: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", format!("repository \"{repository}\" is not found"), None)
    }

    /// The answer to deleting, or listing the tags of, a repository that does not exist.
    pub fn name_unknown(repository: &str) -> Self {
        let detail = json!({ "name": repository });
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry", Some(detail))
    }

    /// `/acr/v1`'s answer to a tag that does not exist.
    pub fn tag_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "TAG_UNKNOWN", "the specified tag does not exist", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_recorded_lengths() {
        assert_eq!(Error::tag_unknown().body().len(), 81);
        assert_eq!(Error::manifest_unknown().body().len(), 70);
        assert_eq!(Error::blob_unknown(None).body().len(), 74);
        assert_eq!(Error::unsupported("A manifest can only be deleted by digest.").body().len(), 90);
        assert_eq!(Error::digest_invalid("digest parsing failed").body().len(), 131);
        assert_eq!(Error::disallowed().body().len(), 263);
    }

    #[test]
    fn a_challenge_lists_one_entry_per_action() {
        let error = Error::challenge("r.azurecr.io", &[Scope::repository("a", &["pull", "push"])], Some("invalid_token"));
        assert_eq!(
            error.headers["www-authenticate"],
            "Bearer realm=\"https://r.azurecr.io/oauth2/token\",service=\"r.azurecr.io\",scope=\"repository:a:pull,push\",\
             error=\"invalid_token\""
        );
        assert!(error.body().ends_with(
            "\"detail\":[{\"Type\":\"repository\",\"Name\":\"a\",\"Action\":\"pull\"},\
             {\"Type\":\"repository\",\"Name\":\"a\",\"Action\":\"push\"}]}]}\n"
        ));
        assert!(Error::challenge("r", &[], None).body().ends_with("\"detail\":null}]}\n"));
    }
}
