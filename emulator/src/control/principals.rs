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
use crate::entra::store::{
    Application, Credentials, KeyCredential, Kind, PasswordCredential, Principal, ServicePrincipal, SignIn, User, directory_role,
};
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
    /// What stands between a user and a token, beside the password.
    #[serde(default)]
    sign_in: SignIn,
    /// Whether it can sign in.
    enabled: Option<bool>,
    /// Roles in the directory, by name.
    #[serde(default)]
    directory_roles: Vec<String>,
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
    let known = new.directory_roles.iter().map(|name| {
        directory_role(name).map(|role| role.template_id).ok_or_else(|| format!("{name:?} is no directory role that azlet knows"))
    });
    let directory_roles = match known.collect::<Result<Vec<Uuid>, String>>() {
        Ok(roles) => roles,
        Err(message) => return problem(StatusCode::BAD_REQUEST, message),
    };
    match kind(&world, &new) {
        Ok(kind) => {
            let name = new.display_name.unwrap_or_else(|| new.object_id.to_string());
            let enabled = new.enabled.unwrap_or(true);
            let principal = Principal::new(new.object_id, name, kind, world.clock.now());
            let principal = world.directory.put(Principal { directory_roles, enabled, ..principal });
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
            let name = new.user_principal_name.clone().unwrap_or_else(default);
            Kind::User(User { sign_in: new.sign_in, ..User::new(name, new.password.clone().unwrap_or_default()) })
        }
        PrincipalKind::ServicePrincipal => {
            let app_id = new.app_id.unwrap_or_else(|| world.ids.named(&format!("application of {}", new.object_id)));
            let key_id = |what: &str| world.ids.named(&format!("{what} of {}", new.object_id));
            let (start, end) = (world.clock.now(), Timestamp::MAX);
            let secret = |secret: String| PasswordCredential {
                key_id: key_id("secret"),
                secret: secret.into(),
                display_name: None,
                start,
                end,
            };
            let passwords = new.client_secret.clone().into_iter().map(secret).collect();
            let keys = match &new.certificate {
                None => Vec::new(),
                Some(pem) => {
                    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
                        .map_err(|error| format!("certificate is not a PEM certificate: {error}"))?;
                    let (key_id, certificate) = (key_id("certificate"), certificate.to_vec());
                    vec![KeyCredential { key_id, certificate, display_name: None, start, end }]
                }
            };
            world.directory.put_application(Application {
                object_id: world.ids.named(&format!("registration of {}", new.object_id)),
                app_id,
                display_name: new.display_name.clone().unwrap_or_else(|| new.object_id.to_string()),
                created: start,
                credentials: Credentials { passwords, keys },
                members: serde_json::Map::new(),
            });
            let credentials = Credentials::default();
            Kind::ServicePrincipal(ServicePrincipal { app_id, managed_identity: None, credentials })
        }
    })
}
