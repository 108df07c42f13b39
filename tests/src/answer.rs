//! An answer in the form that snapshots show: status, headers, body; tokens decoded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::{Value, json};

/// Headers that a snapshot leaves out: they say nothing, or the same in every answer. [`Answer::golden_with`] shows them.
const UNINTERESTING: [&str; 29] = [
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-length",
    "date",
    "docker-distribution-api-version",
    "expires",
    "keep-alive",
    "odata-version",
    "p3p",
    "pragma",
    "request-id",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-cache",
    "x-content-type-options",
    "x-frame-options",
    "x-ms-ags-diagnostic",
    "x-ms-client-request-id",
    "x-ms-clitelem",
    "x-ms-correlation-request-id",
    "x-ms-ests-server",
    "x-ms-request-id",
    "x-ms-resource-unit",
    "x-ms-routing-request-id",
    "x-ms-srs",
    "x-msedge-ref",
];

/// Headers that a snapshot shows. One that is in neither list fails the test: nothing new goes unseen.
const SHOWN: [&str; 40] = [
    "accept-ranges",
    "api-supported-versions",
    "audit-id",
    "access-control-allow-origin",
    "allow",
    "azure-asyncoperation",
    "client-request-id",
    "content-disposition",
    "content-range",
    "content-type",
    "docker-content-digest",
    "docker-upload-uuid",
    "etag",
    "last-modified",
    "link",
    "location",
    "oci-chunk-min-length",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "retry-after",
    "set-cookie",
    "warning",
    "www-authenticate",
    "x-azure-origin",
    "x-ms-failure-cause",
    "x-ms-int-docker-content-digest",
    "x-ms-operation-identifier",
    "x-ms-ratelimit-remaining-calls-per-second",
    "x-ms-ratelimit-remaining-subscription-deletes",
    "x-ms-ratelimit-remaining-subscription-global-deletes",
    "x-ms-ratelimit-remaining-subscription-global-reads",
    "x-ms-ratelimit-remaining-subscription-global-writes",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-ratelimit-remaining-subscription-writes",
    "x-ms-ratelimit-remaining-tenant-deletes",
    "x-ms-ratelimit-remaining-tenant-reads",
    "x-ms-ratelimit-remaining-tenant-writes",
    "x-ms-original-request-ids",
];

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("the body arrives whole").to_vec();
        Self { status, headers, body }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The error's code in the shape of any of the services; empty if there is none.
    pub fn error_code(&self) -> String {
        let body = self.json();
        let places = ["/error/code", "/errors/0/code", "/code", "/reason", "/error"];
        places.iter().find_map(|place| body.pointer(place)?.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// A refusal in ARM's shape in one line: status, code and message.
    pub fn refusal(&self) -> String {
        let body = self.json();
        let text = |member: &str| body["error"][member].as_str().unwrap_or("-").to_owned();
        format!("{} {}: {}", self.status(), text("code"), text("message"))
    }

    /// Status, interesting headers and body.
    pub fn golden(&self) -> String {
        self.golden_with(&[])
    }

    /// As [`Answer::golden`], with these of the uninteresting headers as well.
    pub fn golden_with(&self, also: &[&str]) -> String {
        let mut lines = vec![self.status.to_string()];
        for (name, value) in &self.headers {
            if self.is_shown(name, also) {
                lines.push(format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())));
            }
        }
        if !self.body.is_empty() {
            lines.push(String::new());
            lines.push(self.shown_body());
        }
        numbered(&lines.join("\n"))
    }

    fn is_shown(&self, name: &HeaderName, also: &[&str]) -> bool {
        let name = name.as_str();
        // Counters differ with every request that came before; only a test about them asks for them.
        let shown = SHOWN.contains(&name) && !name.starts_with("x-ms-ratelimit") && name != "x-ms-operation-identifier";
        assert!(
            UNINTERESTING.contains(&name) || SHOWN.contains(&name),
            "the header {name} is in no list of the harness: is it right to send it?"
        );
        shown || also.contains(&name)
    }

    fn shown_body(&self) -> String {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(mut body) => {
                decode_tokens(&mut body);
                serde_json::to_string_pretty(&body).expect("JSON can be written")
            }
            Err(_) => match std::str::from_utf8(&self.body) {
                Ok(text) => text.to_owned(),
                Err(_) => format!("<{} bytes>", self.body.len()),
            },
        }
    }
}

/// Replaces every GUID that is not the seed world's by its number in the order of appearance, and every long hexadecimal text by its
/// length: they follow from how many identifiers were made before, which no golden test is about.
fn numbered(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let run = &rest[start..];
        let length = run.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(run.len());
        let (word, behind) = run.split_at(length.max(1));
        shown.push_str(&rest[..start]);
        shown.push_str(&replaced(word, &mut known));
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

fn replaced(word: &str, known: &mut Vec<String>) -> String {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups: Vec<&str> = word.split('-').collect();
    // A GUID may stand behind a prefix, as in `registries-{guid}`.
    if let [prefix @ .., a, b, c, d, e] = groups.as_slice()
        && [a, b, c, d, e].iter().all(|group| is_hex(group))
        && [a.len(), b.len(), c.len(), d.len(), e.len()] == [8, 4, 4, 4, 12]
        && !["0a210000", "00000000"].contains(a)
        && b.as_bytes() != b"0000"
    {
        let guid = [*a, *b, *c, *d, *e].join("-");
        let number = known.iter().position(|other| *other == guid).unwrap_or_else(|| {
            known.push(guid);
            known.len() - 1
        });
        let prefix: String = prefix.iter().map(|part| format!("{part}-")).collect();
        return format!("{prefix}<guid {}>", number + 1);
    }
    if (24..=40).contains(&word.len()) && is_hex(word) {
        return format!("<{} hexadecimal digits>", word.len());
    }
    word.to_owned()
}

/// Replaces every JSON Web Token by its header and claims: its signature differs with the key.
fn decode_tokens(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(decoded) = decoded_token(text) {
                *value = decoded;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(decode_tokens),
        Value::Object(members) => members.values_mut().for_each(decode_tokens),
        _ => {}
    }
}

/// Claims that mean nothing to anyone but Entra, and differ from run to run.
const OPAQUE: [&str; 4] = ["aio", "puid", "rh", "uti"];

fn decoded_token(text: &str) -> Option<Value> {
    // A refresh token is a token in a wrapping.
    if let Some(wrapped) = text.strip_prefix("1.A")
        && let Ok(inner) = URL_SAFE_NO_PAD.decode(wrapped)
    {
        return Some(json!({ "wrapped": decoded_token(std::str::from_utf8(&inner).ok()?)? }));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, _signature] = parts.as_slice() else { return None };
    let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let (mut header, mut claims) = (json(header)?, json(claims)?);
    for name in OPAQUE {
        if claims.get(name).is_some() {
            claims[name] = json!("<opaque>");
        }
    }
    for name in ["kid", "x5t"] {
        if header.get(name).is_some() {
            header[name] = json!("<key>");
        }
    }
    Some(json!({ "token": { "header": header, "claims": claims } }))
}
