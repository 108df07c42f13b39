//! Apply and update against the simplest model of them: a flat map of values, and for each manager the keys that it owns.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::managers::Managers;
use super::set::Set;
use super::{Config, Writer, created, updated};
use crate::kube::kinds;

type Data = BTreeMap<String, String>;

/// What one manager does.
#[derive(Clone, Debug)]
enum Deed {
    Apply { manager: &'static str, data: Data, force: bool },
    Update { manager: &'static str, data: Data },
}

/// The model.
#[derive(Clone, Debug, Default)]
struct Model {
    data: Data,
    /// By manager and whether it applies.
    owned: BTreeMap<(String, bool), BTreeSet<String>>,
}

impl Model {
    fn lose(&mut self, except: &(String, bool), key: &str) {
        for (who, keys) in &mut self.owned {
            if who != except {
                keys.remove(key);
            }
        }
    }

    /// Whether the configuration was taken.
    fn apply(&mut self, manager: &str, config: &Data, force: bool) -> bool {
        let who = (manager.to_owned(), true);
        let changed: Vec<&String> = config.keys().filter(|key| self.data.get(*key) != config.get(*key)).collect();
        let others = |key: &String| self.owned.iter().any(|(other, keys)| *other != who && keys.contains(key));
        if !force && changed.iter().any(|key| others(key)) {
            return false;
        }
        for key in changed {
            self.lose(&who, key);
        }
        let before = self.owned.insert(who.clone(), config.keys().cloned().collect()).unwrap_or_default();
        self.data.extend(config.clone());
        for key in before {
            if !self.owned.values().any(|keys| keys.contains(&key)) {
                self.data.remove(&key);
            }
        }
        true
    }

    fn update(&mut self, manager: &str, data: &Data) {
        let who = (manager.to_owned(), false);
        let old = std::mem::replace(&mut self.data, data.clone());
        let keys: BTreeSet<&String> = old.keys().chain(data.keys()).collect();
        for key in keys.into_iter().filter(|key| old.get(*key) != data.get(*key)) {
            self.owned.values_mut().for_each(|owned| {
                owned.remove(key);
            });
            if data.contains_key(key) {
                self.owned.entry(who.clone()).or_default().insert(key.clone());
            }
        }
    }

    fn owners(&self) -> BTreeMap<(String, bool), BTreeSet<String>> {
        self.owned.iter().filter(|(_, keys)| !keys.is_empty()).map(|(who, keys)| (who.clone(), keys.clone())).collect()
    }
}

/// The same out of an object.
fn owners_of(object: &Value) -> BTreeMap<(String, bool), BTreeSet<String>> {
    let mut out = BTreeMap::new();
    for mut entry in Managers::of(object).expect("readable").0 {
        let keys: BTreeSet<String> =
            entry.set().paths().iter().filter_map(|path| Some(path.strip_prefix(".data.")?.to_owned())).collect();
        if !keys.is_empty() {
            out.insert((entry.manager.clone(), entry.applied), keys);
        }
    }
    out
}

fn data_of(object: &Value) -> Data {
    serde_json::from_value(object["data"].clone()).unwrap_or_default()
}

fn config_map(data: &Data) -> Value {
    json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c", "uid": "1"}, "data": data})
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let data = || prop::collection::btree_map("[abc]", "[12]", 0..4);
    let manager = || prop::sample::select(vec!["one", "two", "three"]);
    let apply = (manager(), data(), any::<bool>()).prop_map(|(manager, data, force)| Deed::Apply { manager, data, force });
    let update = (manager(), data()).prop_map(|(manager, data)| Deed::Update { manager, data });
    prop::collection::vec(prop_oneof![3 => apply, 1 => update], 1..8)
}

mod tests {
    use super::*;

    proptest! {
        #[test]
        fn deeds_lead_where_the_model_leads(first in prop::collection::btree_map("[abc]", "[12]", 1..3), deeds in deeds()) {
            let (kind, now) = (*kinds::CONFIG_MAPS, Timestamp::UNIX_EPOCH);
            let maker = Writer { manager: "maker", subresource: "" };
            let mut object = config_map(&first);
            created(kind, &mut object, maker, now);
            let mut model = Model::default();
            model.update("maker", &first);
            for deed in deeds {
                match &deed {
                    Deed::Apply { manager, data, force } => {
                        let mut config = config_map(data);
                        config["metadata"] = json!({"name": "c"});
                        let writer = Writer { manager, subresource: "" };
                        let outcome = Config { object: &config, writer, force: *force }.apply(kind, &object, now);
                        prop_assert_eq!(outcome.is_ok(), model.apply(manager, data, *force), "{:?} on {}", deed, object);
                        if let Ok(mut applied) = outcome {
                            let mut new = applied.object.take();
                            applied.finish(&mut new);
                            object = new;
                        }
                    }
                    Deed::Update { manager, data } => {
                        let mut new = object.clone();
                        new["data"] = json!(data);
                        updated(kind, &object, &mut new, Writer { manager, subresource: "" }, now);
                        model.update(manager, data);
                        object = new;
                    }
                }
                prop_assert_eq!(data_of(&object), model.data.clone(), "after {:?}", deed);
                if model.owners().is_empty() {
                    // Of what nobody owns, nobody begins to own by an update, but what was there before the first apply.
                    break;
                }
                prop_assert_eq!(owners_of(&object), model.owners(), "after {:?}: {}", deed, object);
            }
        }

        #[test]
        fn sets_are_read_as_they_were_written(paths in prop::collection::vec(prop::collection::vec(0_usize..5, 1..4), 0..8)) {
            let names = ["f:a", "f:b.c", "k:{\"name\":\"x\"}", "v:\"y\"", "k:{\"port\":80}"];
            let mut set = Set::default();
            for path in paths {
                let mut text = String::from("{}");
                for name in path.iter().rev() {
                    text = format!("{{{}:{text}}}", Value::from(names[*name]));
                }
                set.union(&Set::parse(&text).expect("a set"));
            }
            prop_assert_eq!(Set::parse(&set.text()), Some(set.clone()));
            let mut nothing = set.clone();
            nothing.subtract(&set);
            prop_assert!(nothing.is_empty());
            prop_assert_eq!(set.intersection(&set), set);
        }

        #[test]
        fn no_set_makes_it_panic(text in r#"[{}":.fkvi,a0-9\\\[\]]{0,40}"#) {
            let _ = Set::parse(&text);
        }
    }

    #[test]
    fn paths_are_written_as_messages_have_them() {
        let text = r#"{"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{}}}},"f:finalizers":{"v:\"x\"":{}}}}"#;
        let set = Set::parse(text).unwrap();
        assert_eq!(
            set.paths(),
            [
                ".spec.containers[name=\"a\"]",
                ".spec.containers[name=\"a\"].ports[containerPort=80,protocol=\"TCP\"]",
                ".spec.finalizers[=\"x\"]"
            ]
        );
        assert_eq!(set.text(), text);
    }
}
