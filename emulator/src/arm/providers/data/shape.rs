//! How a type without behaviour of its own is described: the `data` of its entry in `fixtures/providers/*.json`.
//! What the fields mean for who writes such a file is in `docs/PROVIDERS.md`.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::super::super::error::Voice;

/// A type, described.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Shape {
    /// Who speaks: `provider`, `registry` or `cluster`.
    pub voice: Speaker,
    /// Whether ids are written with `resourcegroups` in lower case, or the provider's part too.
    pub ids: Spelling,
    /// What names are allowed.
    pub name: NameRule,
    /// The top-level members of an answer, in their order.
    pub body: Vec<String>,
    /// The rules of the top-level members that are not the envelope's: `properties`, `sku`, `kind`.
    pub members: IndexMap<String, Member>,
    /// Whether answers have an etag, and in which form.
    pub etag: Etag,
    /// PUT.
    pub put: Operation,
    /// PATCH.
    pub patch: Operation,
    /// The top-level members that PATCH changes; all if there is none.
    pub patchable: Vec<String>,
    /// DELETE.
    pub delete: Operation,
    /// Arrays of the body whose elements are resources of a child type.
    pub embeds: Vec<Embed>,
    /// Codes and texts that are not the usual ones, by fault: `name`, `required`, `type`, `value`, `length`, `range`, `pattern`,
    /// `immutable`, `unknown`, `etag`.
    pub faults: IndexMap<String, Fault>,
    /// Whether errors have an empty list of `details`.
    pub details: bool,
    /// The answer to a POST or a GET that computes something: templates.
    pub answer: Option<Value>,
    /// That this type is where operations are polled: with a body that says the state, or by their status.
    pub poll: Option<Poll>,
    /// The members that a polling answer has besides `status`.
    pub poll_members: Vec<String>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Speaker {
    /// In ARM's shape.
    #[default]
    Provider,
    /// Container Registry's provider.
    Registry,
    /// Container Service's provider.
    Cluster,
    /// A code and a message without a wrapper.
    Bare,
}

impl Speaker {
    /// The voice.
    pub fn voice(self) -> Voice {
        match self {
            Self::Provider => Voice::Provider,
            Self::Registry => Voice::Registry,
            Self::Cluster => Voice::Cluster,
            Self::Bare => Voice::Bare,
        }
    }
}

/// How ids are spelt.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Spelling {
    /// `resourceGroups`, and types as the provider writes them.
    #[default]
    Canonical,
    /// `resourcegroups`, and types as the provider writes them.
    LowerGroups,
    /// As the request wrote it.
    AsWritten,
    /// Of an extension: all in lower case but its own type and name, as Microsoft.Insights writes them.
    LowerScope,
}

/// What names are allowed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NameRule {
    /// The pattern that all of it must match.
    pub pattern: String,
    /// The shortest.
    pub min: usize,
    /// The longest.
    pub max: usize,
    /// The only name there is.
    pub only: Vec<String>,
}

impl Default for NameRule {
    fn default() -> Self {
        Self { pattern: String::new(), min: 1, max: 260, only: Vec::new() }
    }
}

/// The form of an etag.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Etag {
    /// None.
    #[default]
    None,
    /// `W/"{guid}"`.
    Weak,
    /// `"{guid}"`.
    Quoted,
}

/// How a write goes on.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Style {
    /// It is done with the answer.
    #[default]
    Done,
    /// Only the body's `provisioningState` says so.
    State,
    /// `Azure-AsyncOperation` names a URL that says the state.
    Async,
    /// `Location` names a URL that answers 202 until it is done.
    Location,
    /// Both.
    Both,
}

/// One operation.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Operation {
    /// The status for something new; 201, and 200 for DELETE.
    pub created: Option<u16>,
    /// The status for something that was there: 200.
    pub changed: Option<u16>,
    /// The status for DELETE of nothing: 204.
    pub absent: Option<u16>,
    /// How it goes on.
    pub style: Style,
    /// The state while it runs, if it makes something new.
    pub creating: Option<String>,
    /// The state while it runs.
    pub running: Option<String>,
    /// Where its state is asked for: a template.
    pub status_path: String,
    /// Where its end is asked for: a template.
    pub result_path: String,
    /// `Retry-After`, if it is said.
    pub retry_after: Option<u32>,
    /// Whether the answer has no body.
    pub empty: bool,
    /// What the answer itself says of the state; by default what it is while it runs.
    pub answers: Option<String>,
}

/// Where an operation is polled.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Poll {
    /// 200 and a body with `status`.
    Status,
    /// 202 while it runs and then 200, or 204 without a result.
    Result,
}

/// An array whose elements are resources of a child type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Embed {
    /// The member of `properties`.
    pub member: String,
    /// The child's type below this one: `subnets`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A code and a text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// The status: 400.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// The text, a template over `name`, `member`, `leaf`, `value`, `allowed`, `min`, `max`, `pattern`, `id`, `type`.
    pub message: String,
    /// What says more about it.
    #[serde(default)]
    pub details: Vec<Self>,
}

/// The type of a member's value.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Anything.
    #[default]
    Any,
    /// A text.
    String,
    /// A number without decimals.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// An object, whose members may have rules.
    Object,
    /// An array, whose elements may have rules.
    Array,
    /// A managed identity, which is made or assigned.
    Identity,
}

/// When a computed member is computed.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Once, when the resource is made.
    #[default]
    Create,
    /// With every write.
    Write,
    /// When it is read.
    Read,
}

/// The rules of one member.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Member {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
    /// The values that are allowed, in any case; the spelling here is the one that is kept, unless `asWritten`.
    pub values: Vec<String>,
    /// Whether the spelling of an allowed value is kept as it was given.
    pub as_written: bool,
    /// The least number, length or count.
    pub min: Option<f64>,
    /// The greatest number, length or count.
    pub max: Option<f64>,
    /// What a text must match.
    pub pattern: String,
    /// Whether it cannot be changed once it is set.
    pub immutable: bool,
    /// Whether what a request says of it is ignored.
    pub read_only: bool,
    /// Whether it is never shown.
    pub secret: bool,
    /// Whether a PUT that does not name it leaves it as it was.
    pub sticky: bool,
    /// Whether it is written in lower case.
    pub lower: bool,
    /// Whether it is shown as null when there is none.
    pub nullable: bool,
    /// What it is computed from: a template.
    pub computed: Option<Value>,
    /// When.
    pub when: When,
    /// The first api-version that knows it.
    pub since: String,
    /// The last api-version that knows it.
    pub until: String,
    /// An object's members.
    pub members: IndexMap<String, Member>,
    /// An array's elements.
    pub items: Option<Box<Member>>,
    /// Whether an object keeps members that have no rule.
    pub open: bool,
}

impl Member {
    /// Whether an api-version knows it.
    pub fn known_in(&self, version: &str) -> bool {
        (self.since.is_empty() || version >= self.since.as_str()) && (self.until.is_empty() || version <= self.until.as_str())
    }

    /// Whether requests say nothing about it.
    pub fn is_ours(&self) -> bool {
        self.read_only || self.computed.is_some()
    }
}

/// Bodies with which a type can be shown: what its golden test sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Example {
    /// The name.
    pub name: String,
    /// The body of a PUT.
    pub body: Value,
    /// The body of a PATCH.
    #[serde(default)]
    pub patch: Option<Value>,
    /// The api-version; the newest if none.
    #[serde(default)]
    pub version: Option<String>,
    /// The path of what it extends, below the group, if it is an extension: `Microsoft.ContainerRegistry/registries/demo1`. What
    /// lies there is made from the example of its own type.
    #[serde(default)]
    pub on: Option<String>,
    /// The full types of other resources that must be there before: they are made from their examples.
    #[serde(default)]
    pub needs: Vec<String>,
}
