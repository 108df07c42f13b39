//! What ARM checks about a body before a provider sees it: media type, JSON, the members that every tracked resource has, the
//! location. Source: the ARM resource provider contract; messages that users have reported, inferred ones marked.

mod position;

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::error::{self, Error};
use super::{Raw, Request, catalog, media_type};
use crate::kernel::resource_id::ResourceId;
use position::{Read, position};

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
pub(super) fn body<'a>(request: &Request<'_>, raw: &'a Raw) -> Result<(Value, &'a str), Error> {
    let Some(bytes) = &raw.body else { return Err(error::content_too_large()) };
    let expected = matches!(*request.method, Method::PUT | Method::PATCH | Method::POST);
    if bytes.is_empty() || !expected {
        return Ok((Value::Null, ""));
    }
    let given = media_type(&raw.headers);
    if given.as_deref() != Some("application/json") {
        return Err(error::unsupported_media_type(given.as_deref()));
    }
    let authorization = request.known.provider.namespace == "Microsoft.Authorization";
    let text = std::str::from_utf8(bytes).map_err(|_| error::invalid_content("Unable to translate bytes to Unicode."))?;
    let text = text.trim_start_matches('\u{feff}');
    match serde_json::from_str(text) {
        Ok(body) => Ok((body, text)),
        Err(_) if authorization => Err(error::bad_request_format()),
        Err(fault) => Err(error::invalid_content(&parse_fault(text, &fault))),
    }
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

/// Whether a request's body is a definition that ARM looks at: of a tracked resource or a group.
fn has_envelope(request: &Request<'_>) -> bool {
    let tracked = request.known.kind.tracked || request.known.kind.name == "subscriptions/resourceGroups";
    let writes = *request.method == Method::PUT || *request.method == Method::PATCH;
    tracked && writes && request.target.is_item()
}

/// Checks the members that ARM itself knows, and spells them as it does: their case does not count.
pub(super) fn envelope(request: &mut Request<'_>) -> Result<(), Error> {
    if !has_envelope(request) {
        return Ok(());
    }
    let members = match std::mem::take(&mut request.body) {
        Value::Object(members) => members,
        Value::Null if request.text.is_empty() => Map::new(),
        other => {
            let token = token_of(&other);
            return Err(error::invalid_content(&format!(
                "Error converting value to type 'ResourceDefinition'. Unexpected token: {token}. Path '', line 1, position 1."
            )));
        }
    };
    let mut definition = Map::with_capacity(members.len());
    for (member, value) in members {
        let Some(known) = MEMBERS.iter().find(|known| known.eq_ignore_ascii_case(&member)) else {
            let (line, position) = position(request.text, &[&member], Read::Name);
            return Err(error::invalid_content(&format!(
                "Could not find member '{member}' on object of type 'ResourceDefinition'. Path '{member}', line {line}, position {position}."
            )));
        };
        expect_type(request.text, &member, &value)?;
        if let Some(tags) = value.as_object().filter(|_| *known == "tags") {
            self::tags(request.text, &[&member], tags)?;
        }
        definition.insert((*known).to_owned(), value);
    }
    same_names(request, &definition)?;
    request.body = Value::Object(definition);
    Ok(())
}

/// A value that is none of those that there are, in Json.NET's words. `path` is where it stands in the text.
pub(super) fn not_a(kind: &str, given: &str, text: &str, path: &[&str]) -> Error {
    let (line, position) = position(text, path, Read::Value);
    let path = path.join(".");
    let why = format!("Error converting value \"{given}\" to type '{kind}'. Path '{path}', line {line}, position {position}.");
    error::invalid_content(&why)
}

/// A member that must be there and is not, in Json.NET's words. `path` is where the object stands that lacks it.
pub(super) fn required(member: &str, text: &str, path: &[&str]) -> Error {
    let (line, position) = position(text, path, Read::Value);
    let path = path.join(".");
    error::invalid_content(&format!(
        "Required property '{member}' not found in JSON. Path '{path}', line {line}, position {position}."
    ))
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

fn expect_type(text: &str, member: &str, value: &Value) -> Result<(), Error> {
    let fits = match member.to_ascii_lowercase().as_str() {
        "location" | "name" | "id" | "type" | "kind" | "managedby" => value.is_string() || value.is_null(),
        "tags" | "properties" | "sku" | "identity" | "plan" => value.is_object() || value.is_null(),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    let (line, position) = position(text, &[member], Read::Value);
    Err(error::invalid_content(&format!(
        "Error reading {member}. Unexpected token: {}. Path '{member}', line {line}, position {position}.",
        token_of(value)
    )))
}

/// Tags: texts only (Json.NET's message), and the documented limits (codes and texts of a breach are inferred). `path` is where
/// they stand in the text.
pub(super) fn tags(text: &str, path: &[&str], tags: &Map<String, Value>) -> Result<(), Error> {
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    for (key, value) in tags {
        let Some(value) = value.as_str() else {
            let place = [path, &[key.as_str()]].concat();
            let (line, position) = position(text, &place, Read::Value);
            return Err(error::invalid_content(&format!(
                "Error reading string. Unexpected token: {}. Path '{}', line {line}, position {position}.",
                token_of(value),
                place.join(".")
            )));
        };
        if key.chars().any(|character| "<>%&\\?/".contains(character) || character.is_control()) {
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
    number_of_tags(tags)
}

/// How many tags there may be. Names that differ only by case are one name, given twice (code and text are inferred).
pub(super) fn number_of_tags(tags: &Map<String, Value>) -> Result<(), Error> {
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    if tags.len() > 50 {
        return bad("TooManyTags", format!("The request has {} tags; at most 50 are allowed.", tags.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    match tags.keys().find(|key| !seen.insert(key.to_lowercase())) {
        Some(twice) => bad("DuplicateTagName", format!("The tag name '{twice}' is given more than once; case does not count.")),
        None => Ok(()),
    }
}

/// What a body repeats of its URL must be the same; the URL decides. That id and type are refused like the name is inferred.
fn same_names(request: &Request<'_>, members: &Map<String, Value>) -> Result<(), Error> {
    let given = |key: &str| members.get(key).and_then(Value::as_str).filter(|given| !given.is_empty());
    let bad = |code, what: &str, given: &str, url: &str| {
        let message = format!("The provided resource {what} '{given}' did not match the {what} in the Url '{url}'.");
        Err(Error::gateway(StatusCode::BAD_REQUEST, code, message))
    };
    let name = request.target.name();
    if let Some(given) = given("name") {
        let last = given.rsplit('/').next().unwrap_or_default();
        if !last.eq_ignore_ascii_case(name) {
            return bad("MismatchingResourceName", "name", given, name);
        }
    }
    if let Some(given) = given("id")
        && ResourceId::new(given) != request.target.id
    {
        return bad("MismatchingResourceId", "id", given, request.target.id.as_str());
    }
    // A group calls its type by a shorter name than its actions do.
    let (long, short) = (request.known.full_type(), request.known.full_type().replace("subscriptions/", ""));
    if let Some(given) = given("type")
        && ![&long, &short].iter().any(|known| known.eq_ignore_ascii_case(given))
    {
        return bad("MismatchingResourceType", "type", given, &short);
    }
    Ok(())
}

/// Checks the location of a PUT: it is there, it is a region, and it is where the resource or group already lies.
pub(super) fn location(request: &Request<'_>) -> Result<(), Error> {
    if *request.method != Method::PUT || !has_envelope(request) {
        return Ok(());
    }
    let bad = |code, message: String| Err(Error::gateway(StatusCode::BAD_REQUEST, code, message));
    let Some(written) = request.body.get("location").and_then(Value::as_str).filter(|written| !written.trim().is_empty()) else {
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
