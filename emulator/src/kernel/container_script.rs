//! What a container does, told by data: `azlet.dev/containers` of a pod, the world's and azlet's own lists by image. The format is
//! described in `docs/CONTAINERS.md`; it is azlet's own, in the spirit of kwok's stages.

use jiff::SignedDuration;
use serde_json::{Map, Value};

/// The longest time that a script may name.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);
const MOST_RUNS: usize = 100;
const MOST_ENTRIES: usize = 1000;

/// What is wrong with a script, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {why}")]
pub struct Fault {
    /// `app.log[2].at`.
    pub at: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// A container's runs: the first start does the first, and so on; the last one repeats.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script(Vec<Run>);

impl Script {
    /// What the start of this number does (0 is the first).
    pub fn run(&self, number: i64) -> Option<&Run> {
        usize::try_from(number).ok().and_then(|number| self.0.get(number)).or(self.0.last())
    }

    /// Reads a run, or a list of runs.
    pub fn read(value: &Value, at: &str) -> Result<Self, Fault> {
        match value {
            Value::Array(runs) if runs.is_empty() => Err(fault(at, "is an empty list; give at least one run")),
            Value::Array(runs) if runs.len() > MOST_RUNS => Err(fault(at, &format!("has more than {MOST_RUNS} runs"))),
            Value::Array(runs) => {
                let runs = runs.iter().enumerate().map(|(index, run)| Run::read(run, &format!("{at}[{index}]")));
                runs.collect::<Result<_, _>>().map(Self)
            }
            run => Ok(Self(vec![Run::read(run, at)?])),
        }
    }
}

/// The scripts of a pod's containers by name; `*` stands for every container that is not named.
pub fn read_pod(text: &str) -> Result<Vec<(String, Script)>, Fault> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| fault("", &format!("is no JSON ({error}); write {{\"container\": {{…}}}}")))?;
    let Value::Object(scripts) = value else {
        return Err(fault("", "must be an object with a member per container, such as {\"app\": {\"exit\": 1}}"));
    };
    scripts.iter().map(|(name, script)| Ok((name.clone(), Script::read(script, name)?))).collect()
}

/// One life of a container. What is not told is decided otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// How long it takes to be created.
    pub start_delay: Option<SignedDuration>,
    /// Why it cannot be started.
    pub start_error: Option<String>,
    /// What it writes.
    pub log: Option<Vec<Entry>>,
    /// When and how it ends by itself.
    pub exit: Option<Exit>,
    /// How its probes end.
    pub readiness: Option<Vec<Outcome>>,
    /// The same of the liveness probe.
    pub liveness: Option<Vec<Outcome>>,
    /// The same of the startup probe.
    pub startup: Option<Vec<Outcome>>,
    /// What its hook after the start does.
    pub post_start: Option<Hook>,
    /// What its hook before the end does.
    pub pre_stop: Option<Hook>,
    /// What it does when it is asked to end.
    pub stop: Option<Stop>,
}

/// Something that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// How long after the start.
    pub at: SignedDuration,
    /// Again and again after this time.
    pub every: Option<SignedDuration>,
    /// How often in all.
    pub times: Option<u64>,
    /// The lines.
    pub text: String,
    /// Whether to the standard error.
    pub error: bool,
}

/// An end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exit {
    /// How long after the start.
    pub after: SignedDuration,
    /// The exit code.
    pub code: i32,
    /// Whether the kernel ended it for its memory.
    pub oom: bool,
    /// What it leaves as its termination message.
    pub message: String,
}

/// How a probe ends from some time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// From when on, after the start.
    pub at: SignedDuration,
    /// Whether it succeeds.
    pub passes: bool,
    /// What it says.
    pub output: Option<String>,
}

/// A hook.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hook {
    /// How long it takes.
    pub takes: SignedDuration,
    /// Why it fails.
    pub error: Option<String>,
}

/// What a container does when it is asked to end; it may also never heed it.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Ends.
    Ends {
        /// After this time.
        after: SignedDuration,
        /// With this code.
        code: i32,
    },
    /// Goes on until it is killed.
    Ignored,
}

impl Run {
    /// What is told here, and else what is told there.
    pub fn or(self, other: &Self) -> Self {
        Self {
            start_delay: self.start_delay.or(other.start_delay),
            start_error: self.start_error.or_else(|| other.start_error.clone()),
            log: self.log.or_else(|| other.log.clone()),
            exit: self.exit.or_else(|| other.exit.clone()),
            readiness: self.readiness.or_else(|| other.readiness.clone()),
            liveness: self.liveness.or_else(|| other.liveness.clone()),
            startup: self.startup.or_else(|| other.startup.clone()),
            post_start: self.post_start.or_else(|| other.post_start.clone()),
            pre_stop: self.pre_stop.or_else(|| other.pre_stop.clone()),
            stop: self.stop.or_else(|| other.stop.clone()),
        }
    }

    fn read(value: &Value, at: &str) -> Result<Self, Fault> {
        let members = object(
            value,
            at,
            &["startDelay", "startError", "log", "exit", "readiness", "liveness", "startup", "postStart", "preStop", "stop"],
        )?;
        let field = |name: &str| members.get(name).map(|value| (value, format!("{at}.{name}")));
        let optional = |name: &str| field(name);
        Ok(Self {
            start_delay: optional("startDelay").map(|(value, at)| duration(value, &at)).transpose()?,
            start_error: optional("startError").map(|(value, at)| text(value, &at)).transpose()?,
            log: optional("log").map(|(value, at)| log(value, &at)).transpose()?,
            exit: optional("exit").map(|(value, at)| exit(value, &at)).transpose()?,
            readiness: optional("readiness").map(|(value, at)| outcomes(value, &at)).transpose()?,
            liveness: optional("liveness").map(|(value, at)| outcomes(value, &at)).transpose()?,
            startup: optional("startup").map(|(value, at)| outcomes(value, &at)).transpose()?,
            post_start: optional("postStart").map(|(value, at)| hook(value, &at)).transpose()?,
            pre_stop: optional("preStop").map(|(value, at)| hook(value, &at)).transpose()?,
            stop: optional("stop").map(|(value, at)| stop(value, &at)).transpose()?,
        })
    }
}

fn fault(at: &str, why: &str) -> Fault {
    Fault { at: if at.is_empty() { "the value".into() } else { at.to_owned() }, why: why.to_owned() }
}

/// The members of an object that may have only these.
fn object<'a>(value: &'a Value, at: &str, known: &[&str]) -> Result<&'a Map<String, Value>, Fault> {
    let Value::Object(members) = value else {
        return Err(fault(at, &format!("is {}, but must be an object with some of: {}", shown(value), known.join(", "))));
    };
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(fault(at, &format!("has the unknown member {unknown:?}; known are: {}", known.join(", ")))),
        None => Ok(members),
    }
}

/// A value as far as a message needs it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn text(value: &Value, at: &str) -> Result<String, Fault> {
    value.as_str().map(str::to_owned).ok_or_else(|| fault(at, &format!("is {}, but must be a text", shown(value))))
}

fn duration(value: &Value, at: &str) -> Result<SignedDuration, Fault> {
    let wrong = || fault(at, &format!("is {}, but must be a duration such as \"500ms\", \"30s\" or \"1h30m\"", shown(value)));
    let parsed: SignedDuration = value.as_str().ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
    match parsed {
        parsed if parsed.is_negative() => Err(fault(at, &format!("is {}, but time only goes forward", shown(value)))),
        parsed if parsed > LONGEST => Err(fault(at, &format!("is {}, but at most a year can be waited for", shown(value)))),
        parsed => Ok(parsed),
    }
}

fn flag(members: &Map<String, Value>, name: &str, at: &str) -> Result<Option<bool>, Fault> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let wrong = || fault(&format!("{at}.{name}"), &format!("is {}, but must be true or false", shown(value)));
    value.as_bool().map(Some).ok_or_else(wrong)
}

fn time(members: &Map<String, Value>, name: &str, at: &str) -> Result<SignedDuration, Fault> {
    members.get(name).map_or(Ok(SignedDuration::ZERO), |value| duration(value, &format!("{at}.{name}")))
}

fn code(value: &Value, at: &str) -> Result<i32, Fault> {
    let found = value.as_i64().filter(|code| (0..=255).contains(code)).and_then(|code| i32::try_from(code).ok());
    found.ok_or_else(|| fault(at, &format!("is {}, but an exit code is a whole number from 0 to 255", shown(value))))
}

fn log(value: &Value, at: &str) -> Result<Vec<Entry>, Fault> {
    match value {
        Value::Array(entries) if entries.len() > MOST_ENTRIES => {
            Err(fault(at, &format!("has more than {MOST_ENTRIES} entries; let an entry repeat itself with \"every\"")))
        }
        Value::Array(entries) => {
            entries.iter().enumerate().map(|(index, entry)| log_entry(entry, &format!("{at}[{index}]"))).collect()
        }
        value => Ok(vec![log_entry(value, at)?]),
    }
}

fn log_entry(value: &Value, at: &str) -> Result<Entry, Fault> {
    if let Value::String(text) = value {
        return Ok(Entry { at: SignedDuration::ZERO, every: None, times: None, text: text.clone(), error: false });
    }
    let members = object(value, at, &["at", "text", "every", "times", "stream"])?;
    let line = members.get("text").ok_or_else(|| fault(at, "has no \"text\""))?;
    let every = members.get("every").map(|value| duration(value, &format!("{at}.every"))).transpose()?;
    if every.is_some_and(|every| every < SignedDuration::from_millis(1)) {
        return Err(fault(&format!("{at}.every"), "must be at least 1ms"));
    }
    let times = match members.get("times") {
        None => None,
        Some(value) => {
            let wrong = || fault(&format!("{at}.times"), &format!("is {}, but must be a whole number from 1 on", shown(value)));
            Some(value.as_u64().filter(|times| *times > 0).ok_or_else(wrong)?)
        }
    };
    if times.is_some() && every.is_none() {
        return Err(fault(at, "has \"times\" without \"every\""));
    }
    let error = match members.get("stream").map(|stream| (stream, stream.as_str())) {
        None | Some((_, Some("stdout"))) => false,
        Some((_, Some("stderr"))) => true,
        Some((other, _)) => {
            return Err(fault(&format!("{at}.stream"), &format!("is {}, but must be \"stdout\" or \"stderr\"", shown(other))));
        }
    };
    Ok(Entry { at: time(members, "at", at)?, every, times, text: text(line, &format!("{at}.text"))?, error })
}

fn exit(value: &Value, at: &str) -> Result<Exit, Fault> {
    if value.is_number() {
        return Ok(Exit { code: code(value, at)?, ..Exit::default() });
    }
    let members = object(value, at, &["after", "code", "oom", "message"])?;
    let oom = flag(members, "oom", at)?.unwrap_or(false);
    let given = members.get("code").map(|value| code(value, &format!("{at}.code"))).transpose()?;
    if oom && given.is_some_and(|code| code != 137) {
        return Err(fault(at, "has \"oom\" and another code than 137, with which the kernel's kill always ends"));
    }
    let message = members.get("message").map(|value| text(value, &format!("{at}.message"))).transpose()?.unwrap_or_default();
    let code = if oom { 137 } else { given.unwrap_or(0) };
    Ok(Exit { after: time(members, "after", at)?, code, oom, message })
}

fn outcomes(value: &Value, at: &str) -> Result<Vec<Outcome>, Fault> {
    let Value::Array(all) = value else { return Ok(vec![outcome(value, at)?]) };
    if all.len() > MOST_ENTRIES {
        return Err(fault(at, &format!("has more than {MOST_ENTRIES} entries")));
    }
    let all: Vec<Outcome> =
        all.iter().enumerate().map(|(index, value)| outcome(value, &format!("{at}[{index}]"))).collect::<Result<_, _>>()?;
    match all.windows(2).position(|pair| pair[0].at >= pair[1].at) {
        Some(index) => Err(fault(&format!("{at}[{}].at", index + 1), "is not later than the one before it")),
        None => Ok(all),
    }
}

fn outcome(value: &Value, at: &str) -> Result<Outcome, Fault> {
    match value {
        Value::Bool(passes) => Ok(Outcome { at: SignedDuration::ZERO, passes: *passes, output: None }),
        Value::String(output) => Ok(Outcome { at: SignedDuration::ZERO, passes: false, output: Some(output.clone()) }),
        value => {
            let members = object(value, at, &["at", "passes", "output"])?;
            let output = members.get("output").map(|value| text(value, &format!("{at}.output"))).transpose()?;
            let passes = flag(members, "passes", at)?.ok_or_else(|| fault(at, "has no \"passes\": true or false"))?;
            Ok(Outcome { at: time(members, "at", at)?, passes, output })
        }
    }
}

fn hook(value: &Value, at: &str) -> Result<Hook, Fault> {
    let members = object(value, at, &["takes", "error"])?;
    let error = members.get("error").map(|value| text(value, &format!("{at}.error"))).transpose()?;
    Ok(Hook { takes: time(members, "takes", at)?, error })
}

fn stop(value: &Value, at: &str) -> Result<Stop, Fault> {
    if value == "ignored" {
        return Ok(Stop::Ignored);
    }
    if value.is_string() {
        return Err(fault(at, &format!("is {}, but must be \"ignored\" or an object with after and code", shown(value))));
    }
    let members = object(value, at, &["after", "code"])?;
    let code = members.get("code").map(|value| code(value, &format!("{at}.code"))).transpose()?.unwrap_or(0);
    Ok(Stop::Ends { after: time(members, "after", at)?, code })
}

/// How a probe ends at some time after the start, and when that changes next. None of both if nothing is told.
pub fn outcome_at(outcomes: &[Outcome], at: SignedDuration) -> (Option<&Outcome>, Option<SignedDuration>) {
    let next = outcomes.iter().position(|outcome| outcome.at > at).unwrap_or(outcomes.len());
    (next.checked_sub(1).and_then(|index| outcomes.get(index)), outcomes.get(next).map(|outcome| outcome.at))
}

/// What containers of some images do.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageScript {
    /// Patterns of `host/repository:tag`, in which `*` stands for anything.
    pub images: Vec<String>,
    /// Or the content of an image that azlet made itself: its label `dev.azlet.content`.
    pub content: Option<String>,
    /// Whether also containers that name a command or arguments of their own do so.
    pub any_command: bool,
    /// What they do.
    pub does: Script,
}

impl ImageScript {
    /// Reads an entry of a list by image.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let members = object(value, "containers", &["images", "content", "anyCommand", "does"])?;
        let content = members.get("content").map(|value| text(value, "containers.content")).transpose()?;
        let images = match members.get("images") {
            None => Vec::new(),
            Some(Value::Array(images)) => {
                images.iter().map(|image| text(image, "containers.images")).collect::<Result<_, _>>()?
            }
            Some(other) => {
                return Err(fault("containers.images", &format!("is {}, but must be a list of patterns", shown(other))));
            }
        };
        if images.is_empty() && content.is_none() {
            return Err(fault("containers", "names no images; give patterns such as [\"docker.io/library/redis:*\"]"));
        }
        let does = members.get("does").ok_or_else(|| fault("containers", "has no \"does\""))?;
        let any_command = flag(members, "anyCommand", "containers")?.unwrap_or(false);
        Ok(Self { images, content, any_command, does: Script::read(does, "containers.does")? })
    }

    /// Whether it is about this image.
    pub fn is_for(&self, image: &str, content: Option<&str>) -> bool {
        self.images.iter().any(|pattern| matches(pattern, image)) || (content.is_some() && self.content.as_deref() == content)
    }
}

/// Whether a text is as a pattern says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(position) => rest = &rest[position + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
