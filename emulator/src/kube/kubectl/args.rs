//! A command line in kubectl's manner: a verb, words, and flags before, between and behind them.

/// Flags that take a value, with their short forms.
const VALUED: [(&str, &str); 24] = [
    ("namespace", "n"),
    ("output", "o"),
    ("selector", "l"),
    ("filename", "f"),
    ("container", "c"),
    ("field-selector", ""),
    ("replicas", ""),
    ("image", ""),
    ("tail", ""),
    ("since-time", ""),
    ("limit-bytes", ""),
    ("port", ""),
    ("from-literal", ""),
    ("timeout", ""),
    ("for", ""),
    ("context", ""),
    ("kubeconfig", ""),
    ("cluster", ""),
    ("user", ""),
    ("restart", ""),
    ("labels", ""),
    ("env", ""),
    ("grace-period", ""),
    ("request-timeout", ""),
];

/// Flags that are there or not, or say `true` or `false`.
const SWITCHES: [(&str, &str); 23] = [
    ("all-namespaces", "A"),
    ("no-headers", ""),
    ("show-labels", ""),
    ("show-managed-fields", ""),
    ("all", ""),
    ("watch", "w"),
    ("previous", "p"),
    ("follow", "f"),
    ("timestamps", ""),
    ("ignore-not-found", ""),
    ("force", ""),
    ("wait", ""),
    ("now", ""),
    ("recursive", "R"),
    ("overwrite", ""),
    ("validate", ""),
    ("server-side", ""),
    ("client", ""),
    ("short", ""),
    ("all-containers", ""),
    ("show-kind", ""),
    ("save-config", ""),
    ("record", ""),
];

/// A command line, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args {
    pub(super) verb: String,
    pub(super) words: Vec<String>,
    flags: Vec<(String, String)>,
}

impl Args {
    /// Reads words; the error is what kubectl prints.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut args = Self::default();
        let mut rest = words.iter();
        let mut only_words = false;
        while let Some(word) = rest.next() {
            if word == "--" {
                only_words = true;
            } else if let Some(flag) = word.strip_prefix("--").filter(|_| !only_words) {
                let (name, given) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value.to_owned())));
                args.flag_named(name, given, &mut rest).map_err(|()| format!("error: unknown flag: --{name}"))?;
            } else if let Some(short) = word.strip_prefix('-').filter(|short| !only_words && !short.is_empty()) {
                args.short(short, &mut rest)?;
            } else if args.verb.is_empty() {
                args.verb = word.clone();
            } else {
                args.words.push(word.clone());
            }
        }
        Ok(args)
    }

    fn flag_named<'a>(
        &mut self,
        name: &str,
        given: Option<String>,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), ()> {
        if VALUED.iter().any(|(known, _)| *known == name) {
            let value = given.or_else(|| rest.next().cloned()).ok_or(())?;
            self.flags.push((name.to_owned(), value));
        } else if SWITCHES.iter().any(|(known, _)| *known == name) {
            self.flags.push((name.to_owned(), given.unwrap_or_else(|| "true".into())));
        } else {
            return Err(());
        }
        Ok(())
    }

    /// `-n x`, `-nx`, `-n=x`, `-A`, `-Aw`.
    fn short<'a>(&mut self, short: &str, rest: &mut impl Iterator<Item = &'a String>) -> Result<(), String> {
        let mut letters = short.chars();
        while let Some(letter) = letters.next() {
            let text = letter.to_string();
            // `-f` follows a log and names a file everywhere else.
            let follows = letter == 'f' && matches!(self.verb.as_str(), "logs" | "log");
            let valued = VALUED.iter().find(|(_, known)| *known == text).filter(|_| !follows);
            if let Some((name, _)) = valued {
                let attached = letters.as_str().trim_start_matches('=');
                let value = if attached.is_empty() { rest.next().cloned() } else { Some(attached.to_owned()) };
                let value = value.ok_or_else(|| format!("error: flag needs an argument: '{letter}' in -{short}"))?;
                self.flags.push(((*name).to_owned(), value));
                return Ok(());
            }
            let switch = SWITCHES.iter().find(|(_, known)| *known == text);
            let (name, _) = switch.ok_or_else(|| format!("error: unknown shorthand flag: '{letter}' in -{short}"))?;
            self.flags.push(((*name).to_owned(), "true".into()));
        }
        Ok(())
    }

    /// The last value of a flag.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a flag.
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.flags.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_stand_anywhere_and_in_any_form() {
        let args = parse("-n kube-system get pods -owide --selector=a=b -A x").expect("a command");
        assert_eq!((args.verb.as_str(), args.words.as_slice()), ("get", ["pods".to_owned(), "x".to_owned()].as_slice()));
        assert_eq!(
            (args.value("namespace"), args.value("output"), args.value("selector")),
            (Some("kube-system"), Some("wide"), Some("a=b"))
        );
        assert!(args.flag("all-namespaces") && !args.flag("watch"));
        assert!(parse("logs -f x").expect("a command").flag("follow"));
        assert_eq!(parse("apply -f x").expect("a command").value("filename"), Some("x"));
        assert_eq!(parse("get pods --nope"), Err("error: unknown flag: --nope".into()));
        assert_eq!(parse("get -Z"), Err("error: unknown shorthand flag: 'Z' in -Z".into()));
    }
}
