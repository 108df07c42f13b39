//! Federated identity credentials of applications. Sources: the Graph v1.0 reference of the resource; "Important considerations and
//! restrictions for federated identity credentials". Texts that are not quoted in public are inferred.

use axum::http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::{self, What};
use super::call::{Answer, Call};
use super::error::Error;
use super::objects;
use crate::entra::store::{Application, FederatedCredential};

/// An application has so many at most.
const AT_MOST: usize = 20;

/// A text of a credential has so many characters at most.
const LONGEST: usize = 600;

pub(super) fn answer(call: &Call<'_>, application: &Application, rest: &[&str]) -> Result<Answer, Error> {
    let owner = application.object_id;
    let set = format!("applications('{owner}')/federatedIdentityCredentials");
    match (&call.method, rest) {
        (&Method::GET, []) => {
            let all = call.world.directory.federation.of(owner).iter().map(shown).collect();
            call.list(&set, "FederatedIdentityCredential", all)
        }
        (&Method::POST, []) => {
            access::may_change(call, What::Applications, &[owner])?;
            let made = make(call, owner, call.object()?, None)?;
            let place = format!("federatedIdentityCredentials/{}", made.id);
            let mut body = shown(&made);
            objects::put_first(&mut body, "@odata.context", json!(call.context(&format!("{set}/$entity"))));
            Ok(Answer::created(call.world, body, &place))
        }
        (&Method::GET, [key]) => call.one(&set, "FederatedIdentityCredential", shown(&find(call, owner, key)?)),
        (&Method::PATCH, [key]) => {
            let before = find(call, owner, key)?;
            access::may_change(call, What::Applications, &[owner])?;
            make(call, owner, call.object()?, Some(&before))?;
            Ok(Answer::nothing())
        }
        (&Method::DELETE, [key]) => {
            let found = find(call, owner, key)?;
            access::may_change(call, What::Applications, &[owner])?;
            call.world.directory.federation.remove(owner, &found.name);
            Ok(Answer::nothing())
        }
        _ => Err(Error::not_implemented(&format!("{} of federatedIdentityCredentials", call.method))),
    }
}

fn shown(credential: &FederatedCredential) -> Value {
    json!({
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "description": credential.description,
        "audiences": credential.audiences,
    })
}

/// A credential by its id or its name.
fn find(call: &Call<'_>, owner: Uuid, key: &str) -> Result<FederatedCredential, Error> {
    let key = key.strip_prefix("name=").unwrap_or(key);
    let all = call.world.directory.federation.of(owner);
    let is = |it: &FederatedCredential| it.id.to_string().eq_ignore_ascii_case(key) || it.name.eq_ignore_ascii_case(key);
    all.into_iter().find(is).ok_or_else(|| Error::not_found(key))
}

fn make(
    call: &Call<'_>,
    owner: Uuid,
    body: Map<String, Value>,
    before: Option<&FederatedCredential>,
) -> Result<FederatedCredential, Error> {
    let federation = &call.world.directory.federation;
    let all = federation.of(owner);
    let text = |name: &str, old: Option<&String>| match body.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        None if old.is_some() => Ok(old.cloned().unwrap_or_default()),
        _ => Err(Error::required(name, "FederatedIdentityCredential")),
    };
    let name = text("name", before.map(|it| &it.name))?;
    let credential = FederatedCredential {
        id: before.map_or_else(|| call.world.ids.uuid(), |it| it.id),
        issuer: text("issuer", before.map(|it| &it.issuer))?,
        subject: text("subject", before.map(|it| &it.subject))?,
        audiences: audiences(&body, before)?,
        description: match body.get("description") {
            Some(value) => value.as_str().map(str::to_owned),
            None => before.and_then(|it| it.description.clone()),
        },
        name,
    };
    check(&credential, before)?;
    let others = || all.iter().filter(|other| Some(other.id) != before.map(|it| it.id));
    if others().any(|other| other.name.eq_ignore_ascii_case(&credential.name)) {
        return Err(Error::federated_name(&credential.name));
    }
    if others().any(|other| other.issuer == credential.issuer && other.subject == credential.subject) {
        return Err(Error::federated_pair(&credential.issuer, &credential.subject));
    }
    if before.is_none() && all.len() >= AT_MOST {
        return Err(Error::refused(format!(
            "The number of federatedIdentityCredentials on resource '{owner}' exceeds the limit of {AT_MOST}."
        )));
    }
    federation.put(owner, credential.clone());
    Ok(credential)
}

fn audiences(body: &Map<String, Value>, before: Option<&FederatedCredential>) -> Result<Vec<String>, Error> {
    let given = match body.get("audiences") {
        Some(Value::Array(given)) => given.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect(),
        None if before.is_some() => before.map(|it| it.audiences.clone()).unwrap_or_default(),
        _ => Vec::new(),
    };
    match given.len() {
        0 => Err(Error::required("audiences", "FederatedIdentityCredential")),
        1 => Ok(given),
        count => Err(Error::federated_value(format!("A federated identity credential has exactly one audience; found {count}."))),
    }
}

fn check(credential: &FederatedCredential, before: Option<&FederatedCredential>) -> Result<(), Error> {
    let name = &credential.name;
    if before.is_some_and(|before| before.name != *name) {
        return Err(Error::refused("Property 'name' is read-only and cannot be set."));
    }
    let plain = name.chars().all(|it| it.is_ascii_alphanumeric() || "-_".contains(it));
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if !(plain && begins && (3..=120).contains(&name.len())) {
        return Err(Error::federated_value(format!(
            "The name '{name}' is invalid: it must have 3 to 120 letters, digits, '-' and '_' and begin with a letter or digit."
        )));
    }
    if !credential.issuer.starts_with("https://") {
        let issuer = &credential.issuer;
        return Err(Error::federated_value(format!(
            "The issuer '{issuer}' is invalid: it must be a URL that begins with https://."
        )));
    }
    let texts = [("issuer", &credential.issuer), ("subject", &credential.subject), ("audience", &credential.audiences[0])];
    for (what, text) in texts {
        if text.is_empty() || text.chars().count() > LONGEST {
            return Err(Error::federated_value(format!("The {what} must have 1 to {LONGEST} characters.")));
        }
    }
    Ok(())
}
