//! Bodies of requests: JSON, YAML or protobuf, read as an object of a kind (`apiserver/pkg/endpoints/handlers/create.go`, with the
//! strict field validation of `handlers/rest.go`).

use serde_json::Value;

use super::error::Error;
use super::kinds::{self, Kind};
use super::request::Query;
use super::{custom, protobuf, types};

/// Larger bodies are refused.
pub const LIMIT: usize = 3 * 1024 * 1024;

/// What to do about unknown fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValidation {
    /// Nothing.
    Ignore,
    /// Tell.
    Warn,
    /// Refuse.
    Strict,
}

impl FieldValidation {
    /// Reads `fieldValidation`.
    pub fn of(query: &Query) -> Result<Self, Error> {
        match query.get("fieldValidation") {
            None | Some("Warn") => Ok(Self::Warn),
            Some("Ignore") => Ok(Self::Ignore),
            Some("Strict") => Ok(Self::Strict),
            Some(other) => Err(Error::bad_request(format!(
                "fieldValidation: Unsupported value: \"{other}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
            ))),
        }
    }
}

/// The media type of a `Content-Type`, without parameters, in lower case.
pub fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Reads a body as any value.
pub fn read_value(content_type: &str, body: &[u8], expected: &str) -> Result<Value, Error> {
    match media_type(content_type).as_str() {
        "" | "application/json" | "*/*" => parse_json(body).map_err(|why| unrecognized(body, expected, &why)),
        "application/yaml" => parse_yaml(body).map_err(|why| unrecognized(body, expected, &why)),
        "application/vnd.kubernetes.protobuf" => protobuf::decode_object(body).map_err(|why| unrecognized(body, expected, &why)),
        _ => Err(Error::unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
        )),
    }
}

fn unrecognized(body: &[u8], expected: &str, why: &str) -> Error {
    Error::bad_request(format!("the object provided is unrecognized (must be of type {expected}): {why} ({})", summary(body)))
}

/// The beginning of a body, as text if it looks like JSON and in hexadecimal digits if not.
fn summary(body: &[u8]) -> String {
    let (head, tail) = if body.len() > 30 { (&body[..30], " ...") } else { (body, "") };
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{tail}", String::from_utf8_lossy(head)),
        Some(_) => format!("{}{tail}", head.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

/// Reads JSON; the error is that of Go's decoder.
pub fn parse_json(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("couldn't get version/kind; json parse error: {}", go_syntax_error(body, &error)))
}

/// What Go's `encoding/json` says where serde_json stumbles.
pub(super) fn go_syntax_error(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() || body.is_empty() {
        return "unexpected end of JSON input".into();
    }
    let line_start =
        body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1)).map(<[u8]>::len).sum::<usize>();
    let at = (line_start + error.column().saturating_sub(1)).min(body.len() - 1);
    let text = error.to_string();
    let place = if text.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if text.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if text.starts_with("expected `,` or `]`") {
        "after array element"
    } else if text.starts_with("expected `:`") {
        "after object key"
    } else if text.starts_with("trailing characters") {
        "after top-level value"
    } else {
        "looking for beginning of value"
    };
    format!("invalid character '{}' {place}", char::from(body[at]))
}

/// Reads any YAML document.
pub fn yaml_document(body: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|_| "yaml: invalid leading UTF-8 octet".to_owned())?;
    serde_saphyr::from_str(text).map_err(|error| format!("error converting YAML to JSON: yaml: {error}"))
}

/// Reads YAML that must be an object.
pub fn parse_yaml(body: &[u8]) -> Result<Value, String> {
    let value = yaml_document(body)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("couldn't get version/kind; json parse error: the document is no object".into())
    }
}

/// Takes a value as an object of a kind: its kind must fit, unknown fields are told or refused.
pub fn take_object(kind: &Kind, value: Value, validation: FieldValidation, warnings: &mut Vec<String>) -> Result<Value, Error> {
    take_as(kind.custom.as_ref(), (&kind.group, &kind.version, &kind.kind), value, validation, warnings)
}

/// As [`take_object`], for what is no kind of the table (`Scale`, `DeleteOptions`).
pub fn take_typed(
    group: &str,
    version: &str,
    kind: &str,
    value: Value,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Error> {
    take_as(None, (group, version, kind), value, validation, warnings)
}

fn take_as(
    custom: Option<&custom::Version>,
    (group, version, kind): (&str, &str, &str),
    value: Value,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Error> {
    let expected = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    if !value.is_object() {
        return Err(Error::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {}",
            "json: cannot unmarshal into Go value of type struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }"
        )));
    }
    let api_version = value["apiVersion"].as_str().filter(|text| !text.is_empty()).unwrap_or(&expected).to_owned();
    let has = value["kind"].as_str().filter(|text| !text.is_empty()).unwrap_or(kind).to_owned();
    if api_version != expected {
        let message = format!("the API version in the data ({api_version}) does not match the expected API version ({expected})");
        return Err(Error::bad_request(message));
    }
    let cannot = |why: String| Error::bad_request(format!("{has} in version \"{version}\" cannot be handled as a {kind}: {why}"));
    if has != kind {
        let known = kinds::by_api_version(&api_version, &has).is_some();
        return Err(cannot(if known {
            format!("the object is a {has}, and this is the place of a {kind}")
        } else {
            format!("no kind \"{has}\" is registered for version \"{api_version}\"")
        }));
    }
    let mut findings = types::Findings::default();
    let mut object = match custom {
        Some(version) => custom::take(version, value, &mut findings.warnings).map_err(cannot)?,
        None => {
            let type_name = kinds::by_api_version(&expected, kind).map_or(kind, kinds::Kind::type_name);
            types::conform(type_name, value, &mut findings).map_err(cannot)?
        }
    };
    if validation == FieldValidation::Strict && !findings.warnings.is_empty() {
        return Err(cannot(format!("strict decoding error: {}", findings.warnings.join(", "))));
    }
    if validation == FieldValidation::Warn {
        warnings.append(&mut findings.warnings);
    }
    object["kind"] = kind.into();
    object["apiVersion"] = expected.into();
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_json_is_told_as_go_tells_it() {
        let error = read_value("application/json", b"{bad", "ConfigMap").unwrap_err();
        assert_eq!(
            error.message,
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: \
             invalid character 'b' looking for beginning of object key string ({bad)"
        );
        assert!(parse_json(b"{").unwrap_err().ends_with("unexpected end of JSON input"));
        assert_eq!(read_value("text/html", b"", "Pod").unwrap_err().code, 415);
        assert_eq!(read_value("application/yaml", b"- a", "Pod").unwrap_err().code, 400);
    }

    #[test]
    fn unknown_fields_are_told_or_refused() {
        let value = serde_json::json!({"kind": "ConfigMap", "apiVersion": "v1", "datax": {}});
        let mut warnings = Vec::new();
        take_object(&kinds::CONFIG_MAPS, value.clone(), FieldValidation::Warn, &mut warnings).unwrap();
        assert_eq!(warnings, ["unknown field \"datax\""]);
        let error = take_object(&kinds::CONFIG_MAPS, value, FieldValidation::Strict, &mut warnings).unwrap_err();
        assert_eq!(
            error.message,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"datax\""
        );
    }
}
