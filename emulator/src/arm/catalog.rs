//! What ARM knows about types: their api-versions, verbs, regions (`fixtures/providers/*.json`). A type without behaviour of its
//! own needs an entry there and nothing else to be named, versioned and authorized.

use std::collections::HashMap;
use std::sync::OnceLock;

use axum::http::Method;
use include_dir::{Dir, File, include_dir};
use serde::Deserialize;

use super::error::{self, Error};
use super::providers::data::flaw;
use super::providers::data::shape::{Example, Shape};
use super::request::{RESOURCES, Target};
use crate::kernel::resource_id::ResourceId;

/// One provider a file: who adds a file adds a provider.
static PROVIDERS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../fixtures/providers");
/// The type that lists what can be done with a provider's types.
pub const OPERATIONS: &str = "operations";
const LOCATIONS: &str = include_str!("../../../fixtures/locations.json");

/// A provider's namespace and its types.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Provider {
    /// The namespace, as the provider writes it.
    pub namespace: String,
    /// Whether ARM serves the types itself.
    #[serde(default)]
    pub arm_owned: bool,
    api_versions: Vec<String>,
    /// The types.
    pub types: Vec<Type>,
}

/// A type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Type {
    /// The type without its namespace, as the provider writes it.
    pub name: String,
    /// The verbs of one object.
    #[serde(default)]
    item: String,
    /// The verbs of the collection; of an action, its verb.
    #[serde(default)]
    collection: String,
    /// The action that RBAC is asked for, if it is not the usual one; `-` where being somebody is enough.
    pub action: Option<String>,
    /// Whether it is an ARM resource with a location and tags.
    #[serde(default)]
    pub tracked: bool,
    /// Whether it is offered in regions.
    #[serde(default)]
    pub located: bool,
    /// Whether it stands at any scope.
    #[serde(default)]
    pub extension: bool,
    /// Whether its resources can be moved to another group or subscription.
    #[serde(default)]
    pub movable: bool,
    /// Whether its list shows, to who may not read all of it, what they may read; lists of tracked resources do without saying so.
    #[serde(default)]
    readable_only: bool,
    #[serde(default)]
    api_versions: Vec<String>,
    /// What it is, if it has no behaviour of its own.
    pub data: Option<Shape>,
    /// Bodies with which it can be shown.
    pub example: Option<Example>,
}

/// A region.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    /// `eastus`.
    pub name: String,
    /// `East US`.
    pub display_name: String,
    /// The country or area.
    pub geography: String,
    /// The continent or large area.
    pub geography_group: String,
    /// Degrees, as text.
    pub longitude: String,
    /// Degrees, as text.
    pub latitude: String,
    /// The place.
    pub physical_location: String,
    /// The paired region's name, or nothing.
    pub paired: String,
    /// Whether it has availability zones.
    pub zones: bool,
}

/// A type with the provider that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The provider.
    pub provider: &'static Provider,
    /// The type.
    pub kind: &'static Type,
}

/// All providers.
pub fn providers() -> &'static [Provider] {
    static CATALOG: OnceLock<Vec<Provider>> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let read = |file: &File<'_>| {
            let mut provider: Provider = serde_json::from_slice(file.contents())
                .unwrap_or_else(|fault| panic!("{} is no provider: {fault}", file.path().display()));
            // Every provider lists its operations.
            if !provider.types.iter().any(|kind| kind.name == OPERATIONS) {
                provider.types.push(Type::operations());
            }
            provider
        };
        let mut all: Vec<Provider> = PROVIDERS.files().map(read).collect();
        for text in ADDED.get().into_iter().flatten() {
            // It was read once already, by `add`.
            if let Ok(provider) = serde_json::from_str(text) {
                join(&mut all, provider);
            }
        }
        all
    })
}

/// Provider files of the user's own, as texts.
static ADDED: OnceLock<Vec<String>> = OnceLock::new();

/// Adds providers, or types to those there are, before the first request. The error says what is no provider, and why.
pub fn add(files: Vec<(String, String)>) -> Result<(), String> {
    for (name, text) in &files {
        read(name, text)?;
    }
    let texts = files.into_iter().map(|(_, text)| text).collect();
    ADDED.set(texts).map_err(|_| "providers can be added once, at the start".to_owned())
}

/// Reads a provider's file. The error says what is no provider, and why.
pub fn read(name: &str, text: &str) -> Result<Provider, String> {
    let provider: Provider = serde_json::from_str(text).map_err(|fault| format!("{name} is no provider: {fault}"))?;
    if provider.api_versions.is_empty() && provider.types.iter().any(|kind| kind.api_versions.is_empty()) {
        return Err(format!("{name}: a type without apiVersions needs some of its provider"));
    }
    for kind in &provider.types {
        if let Some(flaw) = kind.data.as_ref().and_then(|shape| flaw(shape, kind, &provider.types)) {
            return Err(format!("{name}: {}: {flaw}", kind.name));
        }
    }
    Ok(provider)
}

/// A type that is described again replaces the one there was; it keeps the api-versions of its own file.
fn join(all: &mut Vec<Provider>, added: Provider) {
    let Some(known) = all.iter_mut().find(|known| known.namespace.eq_ignore_ascii_case(&added.namespace)) else {
        all.push(added);
        return;
    };
    for mut kind in added.types {
        if kind.api_versions.is_empty() {
            kind.api_versions.clone_from(&added.api_versions);
        }
        known.types.retain(|old| !old.name.eq_ignore_ascii_case(&kind.name));
        known.types.push(kind);
    }
}

/// The types by their full names in lower case.
fn types() -> &'static HashMap<String, Known> {
    static INDEX: OnceLock<HashMap<String, Known>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let all = providers().iter().flat_map(|provider| provider.types.iter().map(move |kind| Known { provider, kind }));
        all.map(|known| (known.full_type().to_ascii_lowercase(), known)).collect()
    })
}

/// A type by its full name, in any case.
pub fn known(full_type: &str) -> Option<Known> {
    types().get(&full_type.to_ascii_lowercase()).copied()
}

/// Refuses a path that has no subscription and does not need one either: only some providers have types at the tenant's level.
pub fn reachable(target: &Target) -> Result<(), Error> {
    if target.namespace == RESOURCES || target.scope != ResourceId::root() {
        return Ok(());
    }
    let path = target.type_path();
    let reachable = provider(&target.namespace).is_some_and(|provider| {
        let above_subscriptions = provider.arm_owned || provider.types.iter().any(|kind| kind.extension);
        let kind = provider.types.iter().find(|kind| kind.name.eq_ignore_ascii_case(&path));
        kind.map_or(above_subscriptions, |kind| kind.name == OPERATIONS || above_subscriptions && !kind.tracked)
    });
    if reachable { Ok(()) } else { Err(error::missing_subscription()) }
}

/// All regions.
pub fn locations() -> &'static [Location] {
    static LIST: OnceLock<Vec<Location>> = OnceLock::new();
    LIST.get_or_init(|| serde_json::from_str(LOCATIONS).expect("locations.json holds regions: a test reads it"))
}

/// A region's normal name for what was written: white space and case do not count.
pub fn location(written: &str) -> Option<&'static Location> {
    let normal = normal_location(written);
    locations().iter().find(|location| location.name == normal)
}

/// A region's name without white space and in lower case.
pub fn normal_location(written: &str) -> String {
    written.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_lowercase()
}

/// A provider by its namespace, in any case.
pub fn provider(namespace: &str) -> Option<&'static Provider> {
    providers().iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace))
}

impl Provider {
    /// The versions of one of its types, the newest first.
    pub fn versions<'a>(&'a self, kind: &'a Type) -> &'a [String] {
        if kind.api_versions.is_empty() { &self.api_versions } else { &kind.api_versions }
    }

    /// Whether an extension type is named, with more behind it.
    fn has_extension(&self, types: &[String]) -> bool {
        types.len() > 1 && self.types.iter().any(|kind| kind.extension && kind.name.eq_ignore_ascii_case(&types[0]))
    }

    /// Whether a subscription must be registered for it before it can be used.
    pub fn needs_registration(&self) -> bool {
        !self.arm_owned && self.namespace != "Microsoft.Authorization"
    }
}

impl Type {
    fn operations() -> Self {
        Self {
            name: OPERATIONS.into(),
            item: String::new(),
            collection: "GET".into(),
            // Who asks must be somebody (inferred).
            action: Some("-".into()),
            tracked: false,
            located: false,
            extension: false,
            movable: false,
            readable_only: false,
            api_versions: Vec::new(),
            data: None,
            example: None,
        }
    }

    /// The verbs of one object.
    pub fn item_verbs(&self) -> impl Iterator<Item = &str> {
        self.item.split(' ').filter(|verb| !verb.is_empty())
    }

    /// The verbs of the collection, or of an action.
    pub fn collection_verbs(&self) -> impl Iterator<Item = &str> {
        self.collection.split(' ').filter(|verb| !verb.is_empty())
    }
}

impl Known {
    /// Finds the type of a target and settles its version. `location` is where the request is about, for the message.
    pub fn settle(target: &Target, version: &str, location: &str) -> Result<Self, Error> {
        let provider = provider(&target.namespace).ok_or_else(|| error::invalid_namespace(&target.namespace))?;
        let found = known(&format!("{}/{}", target.namespace, target.type_path()));
        let versions = found.map_or(provider.api_versions.as_slice(), |found| provider.versions(found.kind));
        let has_version = versions.iter().any(|known| known.eq_ignore_ascii_case(version));
        match found {
            Some(found) if has_version => Ok(found),
            // A malformed scope is taken for one of ARM's own types, whose versions the message names.
            None | Some(_) if provider.arm_owned && !has_version => Err(error::invalid_api_version(version, versions)),
            None if target.is_routed() => Err(error::not_routed(target.id.as_str())),
            None if provider.has_extension(&target.types) => {
                Err(error::unsupported_type(&format!("{}/{}", target.namespace, target.rest())))
            }
            None => Err(error::invalid_type(&target.namespace, version)),
            Some(Known { kind, .. }) if kind.extension => {
                Err(error::invalid_type_version(&provider.namespace, &kind.name, version, versions))
            }
            Some(Known { kind, .. }) => {
                let regions: Vec<String> = locations().iter().map(|region| region.name.clone()).collect();
                Err(error::no_registered_provider(location, version, &kind.name, versions, &regions))
            }
        }
    }

    /// Whether its list shows, to who may not read all of it, what they may read. That this holds of the lists of tracked resources, as
    /// of ARM's own, is inferred from lists that came back short or empty to callers with a role on a part (azure-sdk-for-go#14110).
    pub fn lists_what_is_readable(&self) -> bool {
        self.kind.readable_only || (self.kind.tracked && !self.kind.name.contains('/'))
    }

    /// Whether its resources lie in groups: those of a tracked type, and what belongs to them.
    pub fn lies_in_group(&self) -> bool {
        let root = self.kind.name.split('/').next().unwrap_or_default();
        self.provider.types.iter().any(|kind| kind.name == root && kind.tracked)
    }

    /// Whether the type has this verb, for an object or for its collection.
    pub fn allows(&self, method: &Method, item: bool) -> bool {
        let verbs = if item { &self.kind.item } else { &self.kind.collection };
        verbs.split(' ').any(|verb| verb == method.as_str())
    }

    /// The full type, as its provider writes it.
    pub fn full_type(&self) -> String {
        format!("{}/{}", self.provider.namespace, self.kind.name)
    }

    /// The action that RBAC is asked for; nothing where being somebody is enough.
    pub fn action(&self, method: &Method, item: bool) -> Option<String> {
        match self.kind.action.as_deref() {
            Some("-") => return None,
            Some(action) => return Some(action.to_owned()),
            None => {}
        }
        let full_type = self.full_type();
        Some(match *method {
            Method::GET | Method::HEAD => format!("{full_type}/read"),
            Method::DELETE => format!("{full_type}/delete"),
            Method::POST if !item => format!("{full_type}/action"),
            _ => format!("{full_type}/write"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixtures_can_be_read() {
        assert!(providers().iter().any(|provider| provider.namespace == "Microsoft.Resources"));
        for kind in providers().iter().flat_map(|provider| &provider.types) {
            assert!(!(kind.item.is_empty() && kind.collection.is_empty()), "{} has no verb", kind.name);
        }
        for region in locations() {
            assert!(region.paired.is_empty() || !region.paired.contains(' '), "{}", region.name);
        }
    }

    #[test]
    fn a_provider_of_the_users_own_is_joined_to_those_there_are() {
        let documents = include_str!("../../../docs/PROVIDERS.md");
        let (_, rest) = documents.split_once("```json").expect("an example");
        let example: Provider = serde_json::from_str(rest.split_once("```").expect("its end").0).expect("a provider");
        let own: Provider = serde_json::from_str(
            r#"{ "namespace": "contoso.WIDGETS", "apiVersions": ["2030-01-01"], "types": [{ "name": "Widgets", "item": "GET" }] }"#,
        )
        .expect("a provider");
        let mut all = Vec::new();
        join(&mut all, example);
        assert_eq!(all[0].types[0].item, "GET PUT PATCH DELETE");
        join(&mut all, own);
        assert_eq!((all.len(), all[0].types.len()), (1, 1));
        assert_eq!(
            (all[0].types[0].item.as_str(), all[0].types[0].api_versions.as_slice()),
            ("GET", &["2030-01-01".to_owned()][..])
        );
    }

    #[test]
    fn what_is_no_provider_is_refused() {
        let wrong = |text: &str| add(vec![("own.json".into(), text.into())]).expect_err("no provider");
        assert!(wrong("{").starts_with("own.json is no provider: "));
        assert!(wrong(r#"{ "namespace": "A.B", "apiVersions": [], "types": [{ "name": "c" }] }"#).contains("apiVersions"));
        let pattern =
            r#"{ "namespace": "A.B", "apiVersions": ["1"], "types": [{ "name": "c", "data": { "name": { "pattern": "(" } } }] }"#;
        assert_eq!(wrong(pattern), "own.json: c: the pattern ( cannot be compiled");
    }

    #[test]
    fn a_location_is_found_in_any_spelling() {
        assert_eq!(location("West US 2").map(|region| region.name.as_str()), Some("westus2"));
        assert!(location("None").is_none());
    }
}
