//! Results in words, and pods in the columns of `kubectl get pods`.

use crate::attach::{Attached, Detached};
use crate::deploy::{Applied, Verb};
use crate::import::Imported;
use crate::verify::{Pod, Verdict};

/// Something that can be told to a person; as JSON it tells the same.
pub trait Report: serde::Serialize {
    /// In words, without an end of line.
    fn text(&self) -> String;
}

impl Report for Attached {
    fn text(&self) -> String {
        let Self { registry, principal_id, created } = self;
        let new = if *created { "can now" } else { "could already" };
        format!("attached: the identity {principal_id} {new} pull from {}", registry.login_server)
    }
}

impl Report for Detached {
    fn text(&self) -> String {
        let Self { registry, principal_id, removed } = self;
        if removed.is_empty() {
            return format!("detached: the identity {principal_id} had no AcrPull on {} itself", registry.login_server);
        }
        format!("detached: the identity {principal_id} no longer has AcrPull on {}", registry.login_server)
    }
}

impl Report for Imported {
    fn text(&self) -> String {
        format!("imported: {} as {}", self.source, self.image)
    }
}

impl Report for Vec<Applied> {
    fn text(&self) -> String {
        let line = |applied: &Applied| {
            let verb = match applied.verb {
                Verb::Created => "created",
                Verb::Configured => "configured",
                Verb::Unchanged => "unchanged",
            };
            format!("deployed: {} {} {verb}", applied.kind, applied.name)
        };
        self.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Report for Verdict {
    fn text(&self) -> String {
        let mut text = pods(&self.pods);
        for pod in &self.pods {
            if let Some(reason) = &pod.reason {
                text.push_str(&format!("\n{}: {reason}", pod.name));
            }
        }
        let Self { deployment, ready, wanted, .. } = self;
        let verdict = if self.healthy { "runs" } else { "does not run" };
        text.push_str(&format!("\nverified: deployment {deployment} {verdict}: {ready} of {wanted} pods are ready"));
        text
    }
}

/// Pods in columns, three blanks apart.
pub fn pods(pods: &[Pod]) -> String {
    let head = ["NAME", "READY", "STATUS", "RESTARTS", "AGE"];
    let rows = pods.iter().map(|pod| [&*pod.name, &*pod.ready, &*pod.status, &*pod.restarts, &*pod.age]);
    columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn columns<const N: usize>(rows: &[[&str; N]]) -> String {
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0) + 3;
    let line = |row: &[&str; N]| {
        let cells = row.iter().enumerate().map(|(at, cell)| format!("{cell:width$}", width = width(at)));
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(reason: Option<&str>) -> Pod {
        Pod {
            name: "nginx0-deployment-669dfc4d4b-x74kr".into(),
            ready: "1/1".into(),
            status: "Running".into(),
            restarts: "0".into(),
            age: "20s".into(),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn pods_stand_in_the_columns_of_kubectl() {
        let expected = "\
NAME                                 READY   STATUS    RESTARTS   AGE
nginx0-deployment-669dfc4d4b-x74kr   1/1     Running   0          20s";
        assert_eq!(pods(&[pod(None)]), expected);
    }

    #[test]
    fn a_verdict_ends_with_its_sum() {
        let verdict =
            Verdict { deployment: "d".into(), healthy: false, wanted: 2, ready: 1, pods: vec![pod(Some("no AcrPull"))] };
        let text = verdict.text();
        assert!(text.contains("\nnginx0-deployment-669dfc4d4b-x74kr: no AcrPull\n"), "{text}");
        assert!(text.ends_with("verified: deployment d does not run: 1 of 2 pods are ready"), "{text}");
    }
}
