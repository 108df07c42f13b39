//! Reading of protobuf bodies: the envelope `k8s\0` with apimachinery's `runtime.Unknown`, then the object by the field numbers of
//! the table of types. Only reading: every client takes JSON answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::kinds;
use super::types::{self, Field, Shape, Type, is_empty, leaves_out};
use crate::kernel::clock::rfc3339_seconds;

const MAGIC: &[u8] = b"k8s\0";
const MAX_DEPTH: usize = 64;

/// One field on the wire.
#[derive(Clone, Copy, Debug)]
enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Reads the fields of a message one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or("unexpected EOF")?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("proto: integer overflow".into())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("unexpected EOF")?;
        self.0 = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let wire = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| "unexpected EOF")?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| "proto: integer overflow")?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| "unexpected EOF")?)),
            other => return Err(format!("proto: illegal wireType {other}")),
        };
        Ok(Some((tag >> 3, wire)))
    }
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "proto: invalid UTF-8 in a string".to_owned())
}

/// Reads a body with its envelope; the type is the one that the envelope names.
pub fn decode_object(body: &[u8]) -> Result<Value, String> {
    let rest = body
        .strip_prefix(MAGIC)
        .ok_or("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    let mut reader = Reader(rest);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Bytes(meta)) => {
                let mut reader = Reader(meta);
                while let Some((number, wire)) = reader.next()? {
                    match (number, wire) {
                        (1, Wire::Bytes(bytes)) => api_version = text(bytes)?,
                        (2, Wire::Bytes(bytes)) => kind = text(bytes)?,
                        _ => {}
                    }
                }
            }
            (2, Wire::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let type_name = kinds::by_api_version(&api_version, &kind).map_or(kind.as_str(), kinds::Kind::type_name);
    let known =
        types::by_name(type_name).ok_or_else(|| format!("no kind \"{kind}\" is registered for version \"{api_version}\""))?;
    let mut object = Map::new();
    object.insert("kind".into(), kind.into());
    object.insert("apiVersion".into(), api_version.into());
    object.append(&mut message(known, raw, 0)?);
    Ok(Value::Object(object))
}

/// Reads a message as the JSON of its type.
pub fn message(known: &Type, bytes: &[u8], depth: usize) -> Result<Map<String, Value>, String> {
    if depth > MAX_DEPTH {
        return Err("proto: exceeded max depth".into());
    }
    let mut out = Map::new();
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        let Some(field) = known.fields.iter().find(|field| u64::from(field.number) == number) else { continue };
        add(field, wire, &mut out, depth)?;
    }
    Ok(out)
}

fn add(field: &Field, wire: Wire<'_>, out: &mut Map<String, Value>, depth: usize) -> Result<(), String> {
    match &field.shape {
        Shape::Message(_) if field.inline => {
            if let Value::Object(mut fields) = value(&field.shape, wire, depth)? {
                out.append(&mut fields);
            }
        }
        Shape::List(inner) => {
            let item = value(inner, wire, depth)?;
            if let Value::Array(items) = out.entry(field.name.clone()).or_insert_with(|| json!([])) {
                items.push(item);
            }
        }
        Shape::Map(inner) => {
            let Wire::Bytes(bytes) = wire else { return Err(wrong_wire(field)) };
            let (key, item) = entry(inner, bytes, depth)?;
            if let Value::Object(fields) = out.entry(field.name.clone()).or_insert_with(|| json!({})) {
                fields.insert(key, item);
            }
        }
        shape => {
            let item = value(shape, wire, depth).map_err(|why| format!("{}: {why}", field.name))?;
            if !(item.is_null() || (leaves_out(field) && is_empty(&item))) {
                out.insert(field.name.clone(), item);
            }
        }
    }
    Ok(())
}

fn wrong_wire(field: &Field) -> String {
    format!("proto: wrong wireType for field {}", field.name)
}

fn entry(inner: &Shape, bytes: &[u8], depth: usize) -> Result<(String, Value), String> {
    let (mut key, mut item) = (String::new(), None);
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => key = text(bytes)?,
            (2, wire) => item = Some(value(inner, wire, depth)?),
            _ => {}
        }
    }
    Ok((key, item.unwrap_or_else(|| Value::String(String::new()))))
}

/// A list that stands where protobuf has no lists, in a map: a message whose first field is the list.
fn list_in_a_message(inner: &Shape, bytes: &[u8], depth: usize) -> Result<Value, String> {
    let mut items = Vec::new();
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        if number == 1 {
            items.push(value(inner, wire, depth)?);
        }
    }
    Ok(items.into())
}

fn value(shape: &Shape, wire: Wire<'_>, depth: usize) -> Result<Value, String> {
    Ok(match (shape, wire) {
        (Shape::String, Wire::Bytes(bytes)) => text(bytes)?.into(),
        (Shape::Number, Wire::Fixed64(number)) => f64::from_bits(number).into(),
        (Shape::List(inner), Wire::Bytes(bytes)) => list_in_a_message(inner, bytes, depth)?,
        (Shape::Bytes, Wire::Bytes(bytes)) => STANDARD.encode(bytes).into(),
        (Shape::Bool, Wire::Varint(number)) => (number != 0).into(),
        (Shape::Int32 | Shape::Int64, Wire::Varint(number)) => number.cast_signed().into(),
        (Shape::Int32, Wire::Fixed32(number)) => number.cast_signed().into(),
        (Shape::Int64, Wire::Fixed64(number)) => number.cast_signed().into(),
        (Shape::Time | Shape::MicroTime, Wire::Bytes(bytes)) => time(shape, bytes)?,
        (Shape::Quantity, Wire::Bytes(bytes)) => match Reader(bytes).next()? {
            Some((1, Wire::Bytes(bytes))) => text(bytes)?.into(),
            _ => "0".into(),
        },
        (Shape::IntOrString, Wire::Bytes(bytes)) => int_or_string(bytes)?,
        (Shape::Raw, Wire::Bytes(bytes)) => match Reader(bytes).next()? {
            Some((1, Wire::Bytes(bytes))) => serde_json::from_slice(bytes).unwrap_or(Value::Null),
            _ => Value::Null,
        },
        (Shape::Message(name), Wire::Bytes(bytes)) => {
            let known = types::by_name(name).ok_or_else(|| format!("no type {name}"))?;
            Value::Object(message(known, bytes, depth + 1)?)
        }
        (_, _) => return Err("proto: wrong wireType".into()),
    })
}

/// A time; an empty message is the zero time, which is nothing.
fn time(shape: &Shape, bytes: &[u8]) -> Result<Value, String> {
    let (mut seconds, mut nanoseconds, mut any) = (0_i64, 0_i32, false);
    let mut reader = Reader(bytes);
    while let Some((number, wire)) = reader.next()? {
        match (number, wire) {
            (1, Wire::Varint(number)) => (seconds, any) = (number.cast_signed(), true),
            (2, Wire::Varint(number)) => nanoseconds = i32::try_from(number).unwrap_or(0),
            _ => {}
        }
    }
    if !any {
        return Ok(Value::Null);
    }
    let at = Timestamp::new(seconds, nanoseconds).map_err(|_| "proto: time out of range".to_owned())?;
    Ok(match shape {
        Shape::MicroTime => at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
        _ => rfc3339_seconds(at),
    }
    .into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut is_text, mut number, mut string) = (false, 0_i64, String::new());
    let mut reader = Reader(bytes);
    while let Some((field, wire)) = reader.next()? {
        match (field, wire) {
            (1, Wire::Varint(kind)) => is_text = kind == 1,
            (2, Wire::Varint(value)) => number = value.cast_signed(),
            (3, Wire::Bytes(bytes)) => string = text(bytes)?,
            _ => {}
        }
    }
    Ok(if is_text { string.into() } else { number.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }

    fn block(number: u64, content: &[u8]) -> Vec<u8> {
        [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
    }

    fn plain(number: u64, value: u64) -> Vec<u8> {
        [varint(number << 3), varint(value)].concat()
    }

    fn envelope(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [block(1, api_version.as_bytes()), block(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), block(1, &meta), block(2, raw), block(3, b""), block(4, b"")].concat()
    }

    #[test]
    fn a_deployment_is_read_as_its_json() {
        let selector = block(1, &[block(1, b"app"), block(2, b"x")].concat());
        let limits = block(1, &[block(1, b"cpu"), block(2, &block(1, b"200m"))].concat());
        let container = [block(1, b"nginx"), block(2, b"r/nginx:v1"), block(8, &limits), plain(16, 0)].concat();
        let template = [block(1, &block(8, b"")), block(2, &[block(2, &container), plain(21, 0)].concat())].concat();
        let surge = [plain(1, 1), plain(2, 0), block(3, b"25%")].concat();
        let strategy = [block(1, b"RollingUpdate"), block(2, &[block(1, &plain(2, 3)), block(2, &surge)].concat())].concat();
        let spec = [plain(1, 0), block(2, &selector), block(3, &template), block(4, &strategy), plain(5, 0)].concat();
        let metadata = [block(1, b"d"), block(2, b""), block(8, b"")].concat();
        let object = decode_object(&envelope("apps/v1", "Deployment", &[block(1, &metadata), block(2, &spec)].concat())).unwrap();
        let expected = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "d"}, "spec": {
            "replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {}, "spec": {
                "containers": [{"name": "nginx", "image": "r/nginx:v1", "resources": {"limits": {"cpu": "200m"}}}],
                "automountServiceAccountToken": false}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 3, "maxSurge": "25%"}}}});
        assert_eq!(object, expected);
    }

    #[test]
    fn special_messages_have_their_own_json() {
        let data = block(2, &[block(1, b"key"), block(2, b"\x00\xff")].concat());
        let time = [plain(1, 1_793_606_400), plain(2, 0)].concat();
        let metadata = [block(1, b"s"), block(8, &time)].concat();
        let secret =
            decode_object(&envelope("v1", "Secret", &[block(1, &metadata), data, block(3, b"Opaque")].concat())).unwrap();
        assert_eq!(secret["data"], json!({"key": "AP8="}));
        assert_eq!(secret["metadata"]["creationTimestamp"], "2026-11-02T08:00:00Z");
        let volume = [block(1, b"v"), block(2, &block(2, b""))].concat();
        let pod = decode_object(&envelope("v1", "Pod", &block(2, &block(1, &volume)))).unwrap();
        assert_eq!(pod["spec"]["volumes"], json!([{"name": "v", "emptyDir": {}}]));
    }

    #[test]
    fn broken_bytes_are_refused() {
        for bytes in [&b"k8s\0\x0a\x7f"[..], b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"{}", b"", b"k8s\0\x0b"] {
            assert!(decode_object(bytes).is_err(), "{bytes:?}");
        }
        assert!(decode_object(&envelope("v1", "Nope", b"")).unwrap_err().contains("no kind \"Nope\""));
        assert!(decode_object(&envelope("v1", "Pod", &plain(1, 3))).is_err());
    }
}
