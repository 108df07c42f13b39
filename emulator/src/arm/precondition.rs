//! `If-Match` and `If-None-Match`, for the types that have etags. Source: Azure Kubernetes Service's documentation of etags (412
//! PreconditionFailed), the ARM resource provider contract ("ETags for Resources": an empty `If-Match` is none) and the Azure REST API
//! guidelines; the texts are inferred.

use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::{Method, StatusCode};

use super::Request;
use super::error::{Error, Voice};
use super::store::Resource;

impl Request<'_> {
    /// The etag of a resource: another one after each write.
    pub(super) fn etag(&self, resource: &Resource) -> String {
        self.world.ids.named(&format!("etag {} {}", resource.id.key(), resource.revision)).to_string()
    }

    /// Checks the request's conditions against the etag of what exists, or against nothing existing. A DELETE of nothing passes:
    /// it is a 204 whatever the condition.
    pub(super) fn precondition(&self, voice: Voice, current: Option<&str>) -> Result<(), Error> {
        let header = |name: HeaderName| {
            let value = self.headers.get(name)?.to_str().unwrap_or("").trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let (matches, none_matches) = (header(IF_MATCH), header(IF_NONE_MATCH));
        let bad = |message: String| Err(Error::of(voice, StatusCode::BAD_REQUEST, "BadRequest", message));
        let failed = |message: String| Err(Error::of(voice, StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message));
        match (matches, none_matches) {
            (Some(_), Some(_)) => bad("The headers If-Match and If-None-Match cannot be used together.".into()),
            (None, Some(value)) if value != "*" => {
                bad(format!("The value '{value}' of the header If-None-Match is invalid. Only '*' is allowed."))
            }
            (None, Some(_)) if current.is_some() && *self.method == Method::PUT => {
                failed("The resource already exists, and the header If-None-Match is '*'.".into())
            }
            (Some(_), None) if current.is_none() && *self.method == Method::DELETE => Ok(()),
            (Some(wanted), None) => match current {
                None => failed(format!("The resource does not exist, and the header If-Match is '{wanted}'.")),
                Some(etag) if wanted != "*" && !wanted.split(',').any(|one| bare(one) == bare(etag)) => {
                    failed(format!("The etag '{wanted}' of the header If-Match does not match the current etag '{etag}'."))
                }
                Some(_) => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// An etag without the marks around it.
fn bare(etag: &str) -> &str {
    etag.trim().trim_start_matches("W/").trim_matches('"')
}
