//! How refusals write rules: parts that differ by their verbs only as one (`pkg/registry/rbac/validation/policy_compact.go`).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Rule;

/// Lists as Go's `%q` writes them.
pub(super) fn quoted(list: &[String]) -> String {
    let quoted: Vec<String> = list.iter().map(|text| format!("{text:?}")).collect();
    format!("[{}]", quoted.join(" "))
}

/// What is missing, a line each, in alphabetic order.
pub(super) fn described(missing: Vec<Rule>) -> String {
    let mut compacted: Vec<Rule> = Vec::new();
    for rule in missing {
        let same = |known: &&mut Rule| {
            known.non_resource_urls.is_empty()
                && rule.non_resource_urls.is_empty()
                && known.api_groups == rule.api_groups
                && known.resources == rule.resources
                && known.resource_names == rule.resource_names
        };
        match compacted.iter_mut().find(same) {
            Some(known) => known.verbs.extend(rule.verbs),
            None => compacted.push(rule),
        }
    }
    let lines: BTreeSet<String> = compacted.iter().map(line).collect();
    lines.into_iter().collect::<Vec<_>>().join("\n")
}

fn line(rule: &Rule) -> String {
    let mut text = String::new();
    for (name, list) in [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ] {
        if !list.is_empty() {
            let comma = if text.is_empty() { "" } else { ", " };
            let _ = write!(text, "{comma}{name}:{}", quoted(list));
        }
    }
    format!("{{{text}}}")
}
