//! `POST /_azlet/principals`: puts a user, group or service principal with a given object id into the directory, as a test needs
//! it that does not go through Graph.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::problem;
use crate::entra::store::{Credentials, KeyCredential, Kind, PasswordCredential, Principal, ServicePrincipal, User};
use crate::kernel::principal::PrincipalKind;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewPrincipal {
    object_id: Uuid,
    #[serde(rename = "type")]
    kind: PrincipalKind,
    display_name: Option<String>,
    /// Of a service principal; derived from the object id if absent.
    app_id: Option<Uuid>,
    client_secret: Option<String>,
    /// PEM, of a service principal that signs assertions.
    certificate: Option<String>,
    user_principal_name: Option<String>,
    password: Option<String>,
    /// Object ids, of a group.
    #[serde(default)]
    members: Vec<Uuid>,
}

pub(super) async fn put(Extension(world): Extension<Arc<World>>, body: Result<Json<NewPrincipal>, JsonRejection>) -> Response {
    let Json(new) = match body {
        Ok(body) => body,
        Err(rejection) => {
            let form = r#"{"objectId": "<GUID>", "type": "User" | "Group" | "ServicePrincipal", …}"#;
            return problem(StatusCode::BAD_REQUEST, format!("{rejection}; send {form}"));
        }
    };
    match kind(&world, &new) {
        Ok(kind) => {
            let principal = world.directory.put(Principal {
                object_id: new.object_id,
                display_name: new.display_name.unwrap_or_else(|| new.object_id.to_string()),
                kind,
                enabled: true,
                created: world.clock.now(),
            });
            for member in new.members {
                world.directory.add_member(new.object_id, member);
            }
            let body = json!({
                "objectId": principal.object_id,
                "type": principal.principal_kind().as_str(),
                "displayName": principal.display_name,
                "appId": principal.app_id(),
            });
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Err(message) => problem(StatusCode::BAD_REQUEST, message),
    }
}

fn kind(world: &World, new: &NewPrincipal) -> Result<Kind, String> {
    Ok(match new.kind {
        PrincipalKind::Group => Kind::Group,
        PrincipalKind::ForeignGroup | PrincipalKind::Device => {
            return Err(format!(
                "a {} is no object of the directory here; put a User, Group or ServicePrincipal",
                new.kind.as_str()
            ));
        }
        PrincipalKind::User => {
            let default = || format!("{}@{}", new.object_id.simple(), world.directory.tenant.domain);
            Kind::User(User {
                user_principal_name: new.user_principal_name.clone().unwrap_or_else(default),
                password: new.password.clone().unwrap_or_default(),
            })
        }
        PrincipalKind::ServicePrincipal => {
            let app_id = new.app_id.unwrap_or_else(|| world.ids.named(&format!("application of {}", new.object_id)));
            let key_id = |what: &str| world.ids.named(&format!("{what} of {}", new.object_id));
            let end = Timestamp::MAX;
            let secret = new.client_secret.clone();
            let passwords =
                secret.into_iter().map(|secret| PasswordCredential { key_id: key_id("secret"), secret, end }).collect();
            let keys = match &new.certificate {
                None => Vec::new(),
                Some(pem) => {
                    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
                        .map_err(|error| format!("certificate is not a PEM certificate: {error}"))?;
                    vec![KeyCredential { key_id: key_id("certificate"), certificate: certificate.to_vec(), end }]
                }
            };
            Kind::ServicePrincipal(ServicePrincipal {
                app_id,
                managed_identity: None,
                credentials: Credentials { passwords, keys },
            })
        }
    })
}
