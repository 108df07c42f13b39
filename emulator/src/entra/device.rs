//! The device code flow (RFC 8628): the device's question, and the page where someone answers it. Source: Microsoft's page on the
//! device authorization grant.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::client;
use super::discovery::tenant;
use super::error::{Error, Trace};
use super::grants::{self, Form, Version, field, form};
use super::store::{Device, DeviceState};
use super::user_grants::{DEVICE_CODE_LIVES, check_password, check_user};
use super::{consent, pages, scope};
use crate::kernel::ids::ALPHANUMERIC;
use crate::world::World;

/// What people type: letters and digits that are not mistaken for each other.
const USER_CODE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

pub(super) async fn begin_v2(world: Extension<Arc<World>>, tenant: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    grants::answer(&world, &headers, begin(&world, &tenant, &headers, &form(&body), Version::Two))
}

pub(super) async fn begin_v1(world: Extension<Arc<World>>, tenant: Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    grants::answer(&world, &headers, begin(&world, &tenant, &headers, &form(&body), Version::One))
}

fn begin(world: &World, name: &str, headers: &HeaderMap, form: &Form, version: Version) -> Result<Value, Error> {
    tenant(world, name, "invalid_request")?;
    let client = client::identify(world, headers, form)?;
    let scope = match version {
        Version::Two => field(form, "scope")?.to_owned(),
        Version::One => format!("{}/.default openid offline_access", field(form, "resource")?),
    };
    scope::v2(world, &scope)?;
    let user_code = world.ids.text(9, USER_CODE);
    let device_code = format!("{}{}", user_code, world.ids.text(150, ALPHANUMERIC));
    let device = Device {
        client_id: client.id.clone(),
        scope,
        user_code: user_code.clone(),
        made: world.clock.now(),
        state: DeviceState::Pending,
    };
    world.directory.sign_ins.put_device(device_code.clone(), device);
    let page = "https://microsoft.com/devicelogin";
    let message =
        format!("To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate.");
    let lives = DEVICE_CODE_LIVES.as_secs();
    Ok(match version {
        Version::Two => json!({
            "user_code": user_code, "device_code": device_code, "verification_uri": page, "expires_in": lives, "interval": 5,
            "message": message,
        }),
        Version::One => json!({
            "user_code": user_code, "device_code": device_code, "verification_url": page, "expires_in": lives.to_string(),
            "interval": "5", "message": message,
        }),
    })
}

/// Where people go with the code that their device shows.
pub(super) async fn show(Extension(world): Extension<Arc<World>>) -> Response {
    page(&world, "", None)
}

pub(super) async fn answer(Extension(world): Extension<Arc<World>>, headers: HeaderMap, body: Bytes) -> Response {
    let form = form(&body);
    let user_code = form.get("otc").or_else(|| form.get("user_code")).cloned().unwrap_or_default();
    match decide(&world, &user_code, &form) {
        Ok(heading) => pages::page(StatusCode::OK, heading, "<p>You can close this window.</p>"),
        Err(error) => page(&world, &user_code, Some(&error.description(&Trace::new(&world, &headers)))),
    }
}

fn decide(world: &World, user_code: &str, form: &Form) -> Result<&'static str, Error> {
    let sign_ins = &world.directory.sign_ins;
    let (device_code, device) = sign_ins.device_by_user_code(user_code).ok_or_else(Error::device_unknown)?;
    if world.clock.now().duration_since(device.made) >= DEVICE_CODE_LIVES {
        return Err(Error::device_expired());
    }
    if device.state != DeviceState::Pending {
        return Err(Error::code_redeemed());
    }
    if form.contains_key("decline") {
        sign_ins.set_device(&device_code, DeviceState::Declined);
        return Ok("You declined the request.");
    }
    let principal = check_password(world, field(form, "username")?, field(form, "password")?)?;
    let (client, wanted) = (client::by_id(world, &device.client_id)?, scope::v2(world, &device.scope)?);
    check_user(world, &principal, &wanted.resource.app_id.to_string(), false)?;
    consent::record(world, &client, &wanted, principal.object_id);
    sign_ins.set_device(&device_code, DeviceState::Approved(principal.object_id));
    Ok("You have signed in on your device.")
}

fn page(world: &World, user_code: &str, problem: Option<&str>) -> Response {
    let note = problem.map(|text| format!("<p>{}</p>\n", pages::escaped(text))).unwrap_or_default();
    let action = "/common/oauth2/deviceauth";
    if user_code.is_empty() {
        let ask = "<label>Code <input name=\"otc\"></label> <label>User <input name=\"username\"></label> \
                   <label>Password <input name=\"password\" type=\"password\"></label> <button>Sign in</button>";
        let forms = format!("{note}{}", pages::form(action, &[], ask));
        return pages::page(StatusCode::OK, "Enter the code that your device shows", &forms);
    }
    let forms = pages::sign_in_forms(world, action, &[("otc", user_code)], "");
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    pages::page(status, "Sign in", &format!("{note}{forms}"))
}
