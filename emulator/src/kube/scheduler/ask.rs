//! What a pod asks of a node: resources and ports (`component-helpers/resource`, `plugins/nodeports`). Init containers run before the
//! others: the larger of both counts; those that restart always run beside them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kube::controllers::object::*;
use crate::kube::quantity::thousandths;

/// A port on the node: protocol, address, number.
type Port = (String, String, i64);

/// What a pod asks for, or several together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Resources in thousandths.
    pub resources: BTreeMap<String, i128>,
    /// Ports of the node.
    pub ports: Vec<Port>,
}

type Resources = BTreeMap<String, i128>;

fn requests(resources: &Value) -> Resources {
    let mut found = Resources::new();
    // What is only limited is asked for in full.
    for section in ["limits", "requests"] {
        for (name, quantity) in resources[section].as_object().into_iter().flatten() {
            let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned);
            found.insert(name.clone(), thousandths(&text).unwrap_or(0));
        }
    }
    found
}

fn add(sum: &mut Resources, more: &Resources) {
    for (name, value) in more {
        let known = sum.entry(name.clone()).or_default();
        *known = known.saturating_add(*value);
    }
}

fn at_least(sum: &mut Resources, other: &Resources) {
    for (name, value) in other {
        let known = sum.entry(name.clone()).or_default();
        *known = (*known).max(*value);
    }
}

impl Ask {
    /// What a pod asks for.
    pub fn of(pod: &Value) -> Self {
        let mut resources = Resources::new();
        items(pod, "/spec/containers").iter().for_each(|container| add(&mut resources, &requests(&container["resources"])));
        let (mut beside, mut first) = (Resources::new(), Resources::new());
        for container in items(pod, "/spec/initContainers") {
            let mut needs = requests(&container["resources"]);
            if container["restartPolicy"] == "Always" {
                add(&mut beside, &needs);
                needs = beside.clone();
            } else {
                add(&mut needs, &beside);
            }
            at_least(&mut first, &needs);
        }
        add(&mut resources, &beside);
        at_least(&mut resources, &first);
        // What the pod as a whole asks for goes before what its containers do.
        resources.extend(requests(&pod["spec"]["resources"]));
        let overhead: Resources = requests(&serde_json::json!({ "requests": pod["spec"]["overhead"] }));
        add(&mut resources, &overhead);
        Self { resources, ports: ports(pod) }
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        add(&mut self.resources, &other.resources);
        self.ports.extend(other.ports.iter().cloned());
    }

    /// Takes another's off.
    pub fn take(&mut self, other: &Self) {
        for (name, value) in &other.resources {
            if let Some(known) = self.resources.get_mut(name) {
                *known = known.saturating_sub(*value);
            }
        }
        for port in &other.ports {
            if let Some(index) = self.ports.iter().position(|known| known == port) {
                self.ports.swap_remove(index);
            }
        }
    }

    /// Whether one of its ports is among another's.
    pub fn shares_a_port(&self, other: &Self) -> bool {
        let all = |address: &str| address == "0.0.0.0";
        self.ports.iter().any(|(protocol, address, number)| {
            other.ports.iter().any(|(its_protocol, its_address, its_number)| {
                number == its_number && protocol == its_protocol && (address == its_address || all(address) || all(its_address))
            })
        })
    }
}

fn ports(pod: &Value) -> Vec<Port> {
    let sidecar = |container: &&Value| container["restartPolicy"] == "Always";
    let containers = items(pod, "/spec/containers").iter().chain(items(pod, "/spec/initContainers").iter().filter(sidecar));
    let of_node = containers.flat_map(|container| items(container, "/ports")).filter_map(|port| {
        let number = number(port, "/hostPort").filter(|number| *number > 0)?;
        let or = |text: &str, usual: &str| (if text.is_empty() { usual } else { text }).to_owned();
        Some((or(text(port, "/protocol"), "TCP"), or(text(port, "/hostIP"), "0.0.0.0"), number))
    });
    of_node.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn init_containers_count_where_they_ask_for_more() {
        let container = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
        let mut sidecar = container("200m");
        sidecar["restartPolicy"] = json!("Always");
        let pod = json!({ "spec": {
            "containers": [container("100m"), { "resources": { "limits": { "memory": "1k" } } }],
            "initContainers": [sidecar, container("1")],
        } });
        let ask = Ask::of(&pod);
        assert_eq!(ask.resources.get("cpu"), Some(&1200), "the init container and the sidecar that runs beside it");
        assert_eq!(ask.resources.get("memory"), Some(&1_000_000), "what is limited is asked for");
    }

    #[test]
    fn ports_meet_by_number_protocol_and_address() {
        let port = |address: &str, protocol: &str| Ask { ports: vec![(protocol.into(), address.into(), 80)], ..Ask::default() };
        assert!(port("0.0.0.0", "TCP").shares_a_port(&port("10.0.0.1", "TCP")));
        assert!(!port("10.0.0.2", "TCP").shares_a_port(&port("10.0.0.1", "TCP")));
        assert!(!port("0.0.0.0", "UDP").shares_a_port(&port("0.0.0.0", "TCP")));
    }
}
