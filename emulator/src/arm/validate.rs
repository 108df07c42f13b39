//! What ARM checks about a body before a provider sees it: media type, JSON, the members that every tracked resource has, the
//! location. Source: the ARM resource provider contract; messages that users have reported, inferred ones marked.

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::error::{self, Error};
use super::{Raw, Request, catalog, media_type};

/// The members of a resource definition (the list is inferred).
const MEMBERS: [&str; 17] = [
    "id",
    "name",
    "type",
    "location",
    "tags",
    "properties",
    "sku",
    "plan",
    "kind",
    "identity",
    "managedBy",
    "zones",
    "extendedLocation",
    "apiVersion",
    "scale",
    "etag",
    "systemData",
];

/// Reads the body as JSON; null if there is none.
pub(super) fn body(request: &Request<'_>, raw: &Raw) -> Result<Value, Error> {
    let Some(bytes) = &raw.body else { return Err(error::content_too_large()) };
    let expected = matches!(*request.method, Method::PUT | Method::PATCH | Method::POST);
    if bytes.is_empty() || !expected {
        return Ok(Value::Null);
    }
    let given = media_type(&raw.headers);
    if given.as_deref() != Some("application/json") {
        return Err(error::unsupported_media_type(given.as_deref()));
    }
    let authorization = request.known.provider.namespace == "Microsoft.Authorization";
    let text = std::str::from_utf8(bytes).map_err(|_| error::invalid_content("Unable to translate bytes to Unicode."))?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|fault| {
        if authorization {
            return error::bad_request_format();
        }
        error::invalid_content(&parse_fault(text, &fault))
    })
}

/// A parser's complaint in the manner of Json.NET (which of its texts it is, is inferred).
fn parse_fault(text: &str, fault: &serde_json::Error) -> String {
    let (line, column) = (fault.line(), fault.column());
    if fault.is_eof() {
        return format!("Unexpected end of content while loading JObject. Path '', line {line}, position {column}.");
    }
    let found = text.lines().nth(line.saturating_sub(1)).and_then(|line| line.chars().nth(column.saturating_sub(1)));
    let found = found.map(String::from).unwrap_or_default();
    format!("Unexpected character encountered while parsing value: {found}. Path '', line {line}, position {column}.")
}

/// Checks the members that ARM itself knows.
pub(super) fn envelope(request: &Request<'_>) -> Result<(), Error> {
    let tracked = request.known.kind.tracked || request.known.kind.name == "subscriptions/resourceGroups";
    let writes = *request.method == Method::PUT || *request.method == Method::PATCH;
    if !(tracked && writes && request.target.is_item()) {
        return Ok(());
    }
    let empty = Map::new();
    let members = match &request.body {
        Value::Object(members) => members,
        Value::Null => &empty,
        other => {
            let token = token_of(other);
            return Err(error::invalid_content(&format!(
                "Error converting value to type 'ResourceDefinition'. Unexpected token: {token}. Path '', line 1, position 1."
            )));
        }
    };
    for (member, value) in members {
        if !MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(member)) {
            return Err(error::invalid_content(&format!(
                "Could not find member '{member}' on object of type 'ResourceDefinition'. Path '{member}', line 1, position {}.",
                member.len() + 4
            )));
        }
        expect_type(member, value)?;
    }
    tags(members)?;
    same_name(request, members)?;
    location(request, members)
}

fn token_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "StartObject",
        Value::Array(_) => "StartArray",
        Value::String(_) => "String",
        Value::Number(_) => "Integer",
        Value::Bool(_) => "Boolean",
        Value::Null => "Null",
    }
}

fn expect_type(member: &str, value: &Value) -> Result<(), Error> {
    let fits = match member.to_ascii_lowercase().as_str() {
        "location" | "name" | "id" | "type" | "kind" | "managedby" => value.is_string() || value.is_null(),
        "tags" | "properties" | "sku" | "identity" | "plan" => value.is_object() || value.is_null(),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(error::invalid_content(&format!(
        "Error reading {member}. Unexpected token: {}. Path '{member}', line 1, position 1.",
        token_of(value)
    )))
}

/// Tags: texts only (Json.NET's message), and the documented limits (codes and texts of a breach are inferred).
fn tags(members: &Map<String, Value>) -> Result<(), Error> {
    let Some(Value::Object(tags)) = members.get("tags") else { return Ok(()) };
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    if tags.len() > 50 {
        return bad("TooManyTags", format!("The request has {} tags; at most 50 are allowed.", tags.len()));
    }
    for (key, value) in tags {
        let Some(value) = value.as_str() else {
            return Err(error::invalid_content(&format!(
                "Error reading string. Unexpected token: {}. Path 'tags.{key}', line 1, position 1.",
                token_of(value)
            )));
        };
        if key.chars().any(|character| "<>%&\\?/".contains(character)) {
            return bad(
                "InvalidTagNameCharacters",
                format!("The tag name '{key}' has reserved characters '<,>,%,&,\\,?,/' or control characters."),
            );
        }
        if key.chars().count() > 512 {
            return bad("TagNameTooLong", format!("The tag name '{key}' exceeds the maximum length of '512'."));
        }
        if value.chars().count() > 256 {
            return bad("TagValueTooLong", format!("The value of the tag '{key}' exceeds the maximum length of '256'."));
        }
    }
    Ok(())
}

fn same_name(request: &Request<'_>, members: &Map<String, Value>) -> Result<(), Error> {
    let Some(given) = members.get("name").and_then(Value::as_str) else { return Ok(()) };
    let name = request.target.name();
    if given.is_empty()
        || given.eq_ignore_ascii_case(name)
        || given.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(name))
    {
        return Ok(());
    }
    let message = format!("The provided resource name '{given}' did not match the name in the Url '{name}'.");
    Err(Error::gateway(StatusCode::BAD_REQUEST, "MismatchingResourceName", message))
}

fn location(request: &Request<'_>, members: &Map<String, Value>) -> Result<(), Error> {
    if *request.method != Method::PUT {
        return Ok(());
    }
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    let Some(written) = members.get("location").and_then(Value::as_str).filter(|written| !written.trim().is_empty()) else {
        return bad("LocationRequired", "The location property is required for this definition.".into());
    };
    let regions = || catalog::locations().iter().map(|region| region.name.as_str()).collect::<Vec<_>>().join(",");
    let of_group = request.known.kind.name == "subscriptions/resourceGroups";
    if catalog::location(written).is_none() {
        return if of_group {
            let message = format!(
                "The provided location '{written}' is not available for resource group. List of available regions is '{}'.",
                regions()
            );
            bad("LocationNotAvailableForResourceGroup", message)
        } else {
            let message = format!(
                "The provided location '{written}' is not available for resource type '{}'. List of available regions for the resource \
                 type is '{}'.",
                request.known.full_type(),
                regions()
            );
            bad("LocationNotAvailableForResourceType", message)
        };
    }
    let normal = catalog::normal_location(written);
    if of_group {
        return match request.world.arm.group(&request.target.id) {
            Some(group) if group.location != normal => Err(Error::gateway(
                StatusCode::CONFLICT,
                "InvalidResourceGroupLocation",
                format!(
                    "Invalid resource group location '{written}'. The Resource group already exists in location '{}'.",
                    group.location
                ),
            )),
            _ => Ok(()),
        };
    }
    let existing = request.world.arm.resource(&request.target.id);
    let Some(old) = existing.as_ref().and_then(|existing| existing.location.as_deref()).filter(|old| *old != normal) else {
        return Ok(());
    };
    let message = format!(
        "The resource '{}' already exists in location '{old}' in resource group '{}'. A resource with the same name cannot be created in \
         location '{written}'. Please select a new resource name.",
        request.target.name(),
        request.target.id.group().unwrap_or_default()
    );
    Err(Error::gateway(StatusCode::CONFLICT, "InvalidResourceLocation", message))
}
