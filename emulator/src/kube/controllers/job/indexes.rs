//! The indexes of a Job with `completionMode: Indexed`: which are done, which are missing, and how a pod knows its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::object::*;
use super::tally::Tally;

const ANNOTATION: &str = "batch.kubernetes.io/job-completion-index";
/// The most indexes that a Job has.
const MOST_INDEXES: i64 = 100_000;
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

/// The index of a pod.
pub fn of(pod: &Value) -> Option<i64> {
    annotation(pod, ANNOTATION)?.parse().ok()
}

/// Indexes as text: `0-2,5`.
pub fn write(indexes: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    // Two neighbours are two numbers, as Kubernetes writes them.
    let written = ranges.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first},{last}"),
        _ => format!("{first}-{last}"),
    });
    written.collect::<Vec<_>>().join(",")
}

/// Indexes out of text.
pub fn read(text: &str) -> BTreeSet<i64> {
    let ranges = text.split(',').filter(|part| !part.is_empty()).filter_map(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
        (last.saturating_sub(first) < MOST_INDEXES).then_some(first..=last)
    });
    ranges.flatten().collect()
}

/// For each of the next pods, its index; without indexes, none.
pub fn missing(job: &Value, tally: &Tally, active: &[Arc<Value>], count: usize) -> Vec<Option<i64>> {
    if text(job, "/spec/completionMode") != "Indexed" {
        return vec![None; count];
    }
    let taken: BTreeSet<i64> = active.iter().filter_map(|pod| of(pod)).collect();
    let completions = number(job, "/spec/completions").unwrap_or(0);
    (0..completions).filter(|index| !tally.completed.contains(index) && !taken.contains(index)).take(count).map(Some).collect()
}

/// Tells a pod its index: by annotation, label, host name and a variable of each container.
pub fn tell(pod: &mut Value, job: &Value, index: i64) {
    annotate(pod, ANNOTATION, &index.to_string());
    map_at(pod, &["metadata", "labels"]).insert(ANNOTATION.into(), index.to_string().into());
    if text(pod, "/spec/hostname").is_empty() {
        map_at(pod, &["spec"]).insert("hostname".into(), format!("{}-{index}", name(job)).into());
    }
    let field = format!("metadata.labels['{ANNOTATION}']");
    let variable = json!({"name": VARIABLE, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": field}}});
    for list in ["initContainers", "containers"] {
        for container in pod["spec"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mut variables = items(container, "/env").to_vec();
            if !variables.iter().any(|known| known["name"] == VARIABLE) {
                variables.push(variable.clone());
                map_at(container, &[]).insert("env".into(), variables.into());
            }
        }
    }
}

/// The first rule of `successPolicy` that is met.
pub fn success_rule(job: &Value, tally: &Tally) -> Option<usize> {
    items(job, "/spec/successPolicy/rules").iter().position(|rule| {
        let wanted = rule["succeededIndexes"].as_str().map(read);
        let done = wanted.as_ref().map_or_else(|| tally.completed.len(), |wanted| wanted.intersection(&tally.completed).count());
        match (number(rule, "/succeededCount"), wanted) {
            (Some(count), _) => i64::try_from(done).is_ok_and(|done| done >= count),
            (None, Some(wanted)) => done == wanted.len(),
            (None, None) => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_in_ranges_and_read_back() {
        let indexes: BTreeSet<i64> = [0, 1, 2, 4, 6, 7].into();
        assert_eq!(write(&indexes), "0-2,4,6,7");
        assert_eq!(read("0-2,4,6,7"), indexes);
        assert_eq!(read("nonsense"), BTreeSet::new());
    }
}
