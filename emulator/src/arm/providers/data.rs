//! Types without behaviour of their own: everything that ARM and its providers do with any resource, from the description in
//! `fixtures/providers/*.json` (`docs/PROVIDERS.md` says what can be described). A provider with some behaviour adds it by [`Hooks`].
//! Sources: the ARM resource provider contract; each description follows its provider's specification.

mod accept;
mod embed;
mod etag;
mod fault;
mod operation;
mod render;
pub mod shape;
mod template;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::http::{Method, StatusCode};
use parking_lot::RwLock;
use regex_lite::Regex;
use serde_json::Value;

use super::super::Request;
use super::super::catalog::{self, Known, Type};
use super::super::error::{self, Error};
use super::super::headers::Answer;
use super::super::store::{Ending, Resource};
use super::unimplemented;
use crate::kernel::resource_id::ResourceId;
use crate::world::World;
use fault::Faults;
use shape::{Member, NameRule, Shape, Spelling, Style};
use template::Scope;

pub(super) use write::Write;

/// What a provider adds to its described types.
pub(super) trait Hooks: Sync {
    /// Before a PUT or PATCH is stored: it may be changed or refused.
    fn before_write(&self, _request: &Request<'_>, _write: &mut Write) -> Result<(), Error> {
        Ok(())
    }

    /// After a PUT or PATCH was stored.
    fn after_write(&self, _request: &Request<'_>, _resource: &Resource) {}

    /// Before a DELETE: it may be refused.
    fn before_delete(&self, _request: &Request<'_>, _resource: &Resource) -> Result<(), Error> {
        Ok(())
    }

    /// It was taken away, by its own DELETE or with what it lay in.
    fn removed(&self, _world: &World, _resource: &Resource) {}

    /// The answer to an action or a computed list that no template can say.
    fn answer(&self, _request: &Request<'_>) -> Option<Result<Answer, Error>> {
        None
    }

    /// A change to what is shown.
    fn render(&self, _request: &Request<'_>, _resource: &Resource, _body: &mut Value) {}
}

/// No behaviour.
pub(super) struct Plain;

impl Hooks for Plain {}

/// A described type.
#[derive(Clone)]
pub(super) struct Part {
    pub kind: &'static Type,
    pub shape: &'static Shape,
    /// The full type, as its provider writes it.
    pub full_type: String,
}

impl Part {
    fn of(known: &Known) -> Option<Self> {
        Some(Self { kind: known.kind, shape: known.kind.data.as_ref()?, full_type: known.full_type() })
    }

    /// A described type by its full name.
    fn of_type(full_type: &str) -> Option<Self> {
        let (namespace, path) = full_type.split_once('/')?;
        let provider = catalog::provider(namespace)?;
        let kind = provider.types.iter().find(|kind| kind.name.eq_ignore_ascii_case(path))?;
        Self::of(&Known { provider, kind })
    }
}

/// The answer to a request for a described type.
pub(super) fn answer(request: &Request<'_>, hooks: &dyn Hooks) -> Result<Answer, Error> {
    let part = Part::of(&request.known).ok_or_else(|| unimplemented(request))?;
    if let Some(answer) = hooks.answer(request) {
        return answer;
    }
    if let Some(poll) = part.shape.poll {
        return operation::poll(request, &part, poll);
    }
    if part.shape.answer.is_some() {
        return computed(request, &part);
    }
    if !request.target.is_item() {
        return list(request, &part, hooks);
    }
    let existing = request.world.arm.resource(&request.target.id);
    etag::check(request, &part, existing.as_deref())?;
    match (request.method, existing) {
        (&Method::PUT | &Method::PATCH, existing) => write::write(request, &part, hooks, existing),
        (&Method::DELETE, existing) => delete(request, &part, hooks, existing),
        (_, Some(resource)) => {
            let answer = shown(request, &part, hooks, StatusCode::OK, &resource, resource.state(request.now));
            Ok(match etag::of(request, &resource) {
                Some(etag) => answer.header("etag", etag),
                None => answer,
            })
        }
        (_, None) => Err(absent(request, &part)),
    }
}

/// An absent resource: ARM itself says so of tracked ones and of the parents of others.
fn absent(request: &Request<'_>, part: &Part) -> Error {
    if let Err(missing) = parent(request, part) {
        return missing;
    }
    if part.kind.tracked {
        return error::resource_not_found(&request.target.id);
    }
    Faults { shape: part.shape, name: request.target.name() }.raise_absent(&canonical(request, part))
}

/// The resource that the target lies in or extends, if it is one that is kept here.
fn parent(request: &Request<'_>, part: &Part) -> Result<Option<Arc<Resource>>, Error> {
    let id = if request.target.is_item() { request.target.id.parent() } else { Some(request.target.owner()) };
    let nested = part.kind.name.contains('/') || part.kind.extension;
    let Some(id) = id.filter(|id| nested && id.key().contains("/providers/")) else { return Ok(None) };
    match request.world.arm.resource(&id) {
        Some(resource) => Ok(Some(resource)),
        None => Err(error::resource_not_found(&id)),
    }
}

/// The target's id as its provider writes it.
fn canonical(request: &Request<'_>, part: &Part) -> ResourceId {
    let groups = match part.shape.ids {
        Spelling::AsWritten => return request.target.id.clone(),
        Spelling::LowerGroups => "resourcegroups",
        Spelling::LowerScope => {
            let types = part.kind.name.split('/').zip(&request.target.names);
            let path: String = types.map(|(kind, name)| format!("/{kind}/{name}")).collect();
            let namespace = request.known.provider.namespace.to_lowercase();
            return ResourceId::new(&format!("{}/providers/{namespace}{path}", request.target.scope.key()));
        }
        Spelling::Canonical => "resourceGroups",
    };
    if !part.kind.extension {
        return request.canonical_id(groups);
    }
    let scope =
        request.world.arm.resource(&request.target.scope).map_or_else(|| request.target.scope.clone(), |on| on.id.clone());
    let types = part.kind.name.split('/').zip(&request.target.names);
    let path: String = types.map(|(kind, name)| format!("/{kind}/{name}")).collect();
    ResourceId::new(&format!("{scope}/providers/{}{path}", request.known.provider.namespace))
}

/// What templates speak of, for a stored resource.
fn scope<'a>(request: &'a Request<'a>, resource: &'a Resource, parent: Option<&'a Resource>, state: &'a str) -> Scope<'a> {
    let location = resource.location.as_deref().or_else(|| parent.and_then(|parent| parent.location.as_deref()));
    let location = location.unwrap_or_default();
    Scope { request, id: &resource.id, location, resource: Some(resource), parent, state, operation: "" }
}

/// A resource as the answer to a request.
fn shown(request: &Request<'_>, part: &Part, hooks: &dyn Hooks, status: StatusCode, resource: &Resource, state: &str) -> Answer {
    let parent = resource.id.parent().and_then(|id| request.world.arm.resource(&id));
    let scope = scope(request, resource, parent.as_deref(), state);
    let mut body = render::body(part.shape, &scope, resource);
    hooks.render(request, resource, &mut body);
    Answer::json(part.shape.voice.voice(), status, body)
}

fn list(request: &Request<'_>, part: &Part, hooks: &dyn Hooks) -> Result<Answer, Error> {
    let parent = parent(request, part)?;
    let owner = request.target.owner();
    let window = request.window(&owner)?;
    // An extension of something is not one of what lies below it.
    let own = |resource: &Resource| {
        let here = !part.kind.extension || resource.id.parent().is_some_and(|on| on == owner);
        here && request.shows(&part.full_type, &resource.id)
    };
    let page = request.world.arm.page_of_type(&part.full_type, &owner, &window, own);
    let body = request.paged(page, |resource: &Resource| {
        let scope = scope(request, resource, parent.as_deref(), resource.state(request.now));
        let mut body = render::body(part.shape, &scope, resource);
        hooks.render(request, resource, &mut body);
        body
    });
    Ok(Answer::json(part.shape.voice.voice(), StatusCode::OK, body))
}

fn delete(request: &Request<'_>, part: &Part, hooks: &dyn Hooks, existing: Option<Arc<Resource>>) -> Result<Answer, Error> {
    let rule = &part.shape.delete;
    let Some(old) = existing else {
        parent(request, part)?;
        let status = operation::status(rule.absent, 204);
        return Ok(Answer::empty(error::Voice::Gateway, status));
    };
    hooks.before_delete(request, &old)?;
    let parent = old.id.parent().and_then(|id| request.world.arm.resource(&id));
    let answer = Answer::empty(part.shape.voice.voice(), operation::status(rule.created, 200));
    if matches!(rule.style, Style::Done | Style::State) {
        super::remove(request.world, &old);
        return Ok(answer);
    }
    idle(request, part)?;
    let deleting = Resource { changing: "Deleting", settled_at: request.settles_at(), ..(*old).clone() };
    let old = request.world.arm.put_resource(deleting);
    let scope = scope(request, &old, parent.as_deref(), "Deleting");
    Ok(operation::begin(request, rule, scope, answer, Ending::Remove))
}

/// Refuses a write while another one runs on the same resource, if the provider does.
fn idle(request: &Request<'_>, part: &Part) -> Result<(), Error> {
    let id = &request.target.id;
    let running = request.world.arm.running(id, request.now);
    match running.iter().find(|operation| operation.resource == *id) {
        Some(operation) if part.shape.faults.contains_key("busy") => {
            Err(Faults { shape: part.shape, name: request.target.name() }.raise_busy(id, &operation.name))
        }
        _ => Ok(()),
    }
}

/// An answer that is made from a template about the resource that is asked.
fn computed(request: &Request<'_>, part: &Part) -> Result<Answer, Error> {
    let id = request.target.owner();
    let resource = request.world.arm.resource(&id);
    if resource.is_none() && id.key().contains("/providers/") {
        return Err(error::resource_not_found(&id));
    }
    let parent = id.parent().and_then(|id| request.world.arm.resource(&id));
    let location = resource.as_ref().and_then(|resource| resource.location.clone()).unwrap_or_default();
    let scope = Scope {
        request,
        id: resource.as_ref().map_or(&id, |resource| &resource.id),
        location: &location,
        resource: resource.as_deref(),
        parent: parent.as_deref(),
        state: "Succeeded",
        operation: "",
    };
    let body = scope.fill(part.shape.answer.as_ref().unwrap_or(&Value::Null));
    Ok(Answer::json(part.shape.voice.voice(), StatusCode::OK, body))
}

/// Whether a name is one.
fn name_fits(rule: &NameRule, name: &str) -> bool {
    let length = name.chars().count();
    let only = rule.only.is_empty() || rule.only.iter().any(|only| only.eq_ignore_ascii_case(name));
    let fits = rule.pattern.is_empty() || matches(&rule.pattern, name);
    only && fits && (rule.min..=rule.max).contains(&length)
}

/// Whether all of a text matches a pattern. A pattern is compiled once; one that cannot be compiled, which a test finds, lets
/// everything pass.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: OnceLock<RwLock<HashMap<String, Option<Arc<Regex>>>>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(RwLock::default);
    if let Some(known) = compiled.read().get(pattern) {
        return known.as_ref().is_none_or(|known| known.is_match(text));
    }
    let fresh = compile(pattern).map(Arc::new);
    let fits = fresh.as_ref().is_none_or(|fresh| fresh.is_match(text));
    compiled.write().insert(pattern.to_owned(), fresh);
    fits
}

/// Anchored: what descriptions write always means all of the text.
fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

/// What is wrong with a description, if something is.
pub(in super::super) fn flaw(shape: &Shape, kind: &Type, siblings: &[Type]) -> Option<String> {
    let mut patterns = vec![shape.name.pattern.as_str()];
    shape.members.values().for_each(|member| collect_patterns(member, &mut patterns));
    if let Some(pattern) = patterns.into_iter().find(|pattern| compile(pattern).is_none()) {
        return Some(format!("the pattern {pattern} cannot be compiled"));
    }
    shape.embeds.iter().find_map(|embed| {
        let child = format!("{}/{}", kind.name, embed.kind);
        let known = siblings.iter().any(|other| other.name == child && other.data.is_some());
        (!known).then(|| format!("there is no described type {child}"))
    })
}

fn collect_patterns<'a>(member: &'a Member, found: &mut Vec<&'a str>) {
    found.push(&member.pattern);
    member.members.values().chain(member.items.as_deref()).for_each(|inner| collect_patterns(inner, found));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_sound() {
        for provider in catalog::providers() {
            for kind in &provider.types {
                let flaw = kind.data.as_ref().and_then(|shape| flaw(shape, kind, &provider.types));
                assert_eq!(flaw, None, "{}", kind.name);
            }
        }
    }

    #[test]
    fn a_pattern_means_all_of_the_text() {
        assert!(matches("[a-z]+", "abc"));
        assert!(!matches("[a-z]+", "abc1"));
        assert!(!matches("a|b", "ab"));
    }
}
