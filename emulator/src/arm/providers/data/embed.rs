//! Arrays of a body whose elements are resources of a child type: a PUT of the whole makes, changes and removes them.
//! That an array that a PUT leaves out removes what it held is what users of Azure's networks have reported.

use serde_json::Value;

use super::super::super::Request;
use super::super::super::error::Error;
use super::super::super::store::Resource;
use super::accept::named;
use super::fault::{Fault, Faults};
use super::shape::{Embed, Member};
use super::write::{Write, draft};
use super::{Part, name_fits};

/// The children that a body asks for, and those that it removes.
pub(super) fn children(request: &Request<'_>, part: &Part, body: &Value, write: &mut Write, whole: bool) -> Result<(), Error> {
    for embed in &part.shape.embeds {
        let given = body.get("properties").and_then(Value::as_object).and_then(|given| named(given, &embed.member));
        let kind = format!("{}/{}", part.full_type, embed.kind);
        let Some(child) = Part::of_type(&kind) else { continue };
        let items = match given {
            Some(Value::Array(items)) => items.as_slice(),
            Some(Value::Null) | None if whole => &[],
            Some(Value::Null) | None => continue,
            Some(other) => return Err(wrong_type(part, write, embed, other)),
        };
        let mut kept = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let made = element(request, part, &child, embed, item, at, &write.resource)?;
            kept.push(made.resource.id.key().to_owned());
            write.children.push(made);
        }
        let before = request.world.arm.resources_of_type(&kind, &write.resource.id);
        write.removed.extend(before.into_iter().filter(|old| !kept.iter().any(|key| key == old.id.key())));
    }
    Ok(())
}

fn wrong_type(part: &Part, write: &Write, embed: &Embed, given: &Value) -> Error {
    let rule = Member { kind: super::shape::Kind::Array, ..Member::default() };
    let faults = Faults { shape: part.shape, name: write.resource.name() };
    faults.raise(Fault::Type, &format!("properties.{}", embed.member), Some(given), &rule)
}

fn element(
    request: &Request<'_>,
    part: &Part,
    child: &Part,
    embed: &Embed,
    item: &Value,
    at: usize,
    parent: &Resource,
) -> Result<Write, Error> {
    let faults = Faults { shape: part.shape, name: parent.name() };
    let Some(name) = item.as_object().and_then(|item| named(item, "name")).and_then(Value::as_str) else {
        let path = format!("properties.{}[{at}].name", embed.member);
        return Err(faults.raise(Fault::Required, &path, None, &Member::default()));
    };
    if !name_fits(&child.shape.name, name) {
        return Err(Faults { shape: child.shape, name }.raise_name());
    }
    let id = parent.id.join(&format!("{}/{name}", embed.kind));
    let old = request.world.arm.resource(&id);
    draft(request, child, id, item, old, Some(parent), true)
}
