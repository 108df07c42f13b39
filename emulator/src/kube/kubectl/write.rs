//! The commands of kubectl that change something: apply, create, run, delete, scale, set image, label and annotate.

use http::Method;
use serde_json::{Map, Value, json};

use super::manifest::Manifest;
use super::{Failure, Output, Session, qualified};
use crate::kube::kinds::{self, Kind};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// Where `kubectl apply` keeps what was applied last.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

impl Session<'_> {
    pub(super) fn apply(&self) -> Result<Output, Failure> {
        if self.args.flag("server-side") {
            return Err(Output::failed("error: azlet does not implement server-side apply"));
        }
        if self.args.value("filename").is_none() {
            return Err(Output::failed("error: must specify one of -f and -k"));
        }
        self.each_manifest(|session, manifest| session.apply_one(manifest))
    }

    /// Does something with each object of the files; what fails does not keep the others from being done.
    fn each_manifest(&self, act: impl Fn(&Self, &Manifest) -> Result<Output, Failure>) -> Result<Output, Failure> {
        let mut output = Output::default();
        for manifest in self.manifests()? {
            output.then(act(self, &manifest).unwrap_or_else(|failure| failure));
        }
        Ok(output)
    }

    fn apply_one(&self, manifest: &Manifest) -> Result<Output, Failure> {
        let Manifest { kind, namespace, name, object } = manifest;
        let mut wanted = object.clone();
        if !wanted["metadata"]["annotations"].is_object() {
            wanted["metadata"]["annotations"] = json!({});
        }
        wanted["metadata"]["annotations"][LAST_APPLIED] = json!(format!("{object}\n"));
        if kind.namespaced {
            wanted["metadata"]["namespace"] = json!(namespace);
        }
        let path = self.path(kind, Some(namespace), name);
        let current = self.client.get(&path, JSON);
        if current.status == 404 {
            self.good(self.client.send(Method::POST, &self.path(kind, Some(namespace), ""), JSON, &wanted))?;
            return Ok(Output::ok(format!("{} created", qualified(kind, name))));
        }
        let current = self.good(current)?;
        let before = current["metadata"]["annotations"][LAST_APPLIED].as_str().and_then(|text| serde_json::from_str(text).ok());
        let mut patch = wanted.clone();
        forget(&before.unwrap_or(Value::Null), object, &mut patch);
        let after = self.good(self.client.send(Method::PATCH, &path, STRATEGIC, &patch))?;
        let same = after["metadata"]["resourceVersion"] == current["metadata"]["resourceVersion"];
        Ok(Output::ok(format!("{} {}", qualified(kind, name), if same { "unchanged" } else { "configured" })))
    }

    pub(super) fn create(&self) -> Result<Output, Failure> {
        if self.args.value("filename").is_some() {
            return self.each_manifest(|session, manifest| {
                session.make(manifest.kind, &manifest.namespace, &manifest.name, manifest.object.clone())
            });
        }
        let words: Vec<&str> = self.args.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["namespace" | "ns", name] => self.make(&kinds::NAMESPACES, "", name, json!({ "metadata": { "name": name } })),
            ["deployment" | "deploy", name] => self.make(&kinds::DEPLOYMENTS, self.namespace(), name, self.deployment(name)?),
            ["configmap" | "cm", name] => {
                let body = json!({ "metadata": { "name": name }, "data": self.literals()? });
                self.make(&kinds::CONFIG_MAPS, self.namespace(), name, body)
            }
            ["secret", "generic", name] => {
                let body = json!({ "metadata": { "name": name }, "type": "Opaque", "stringData": self.literals()? });
                self.make(&kinds::SECRETS, self.namespace(), name, body)
            }
            ["serviceaccount" | "sa", name] => {
                self.make(&kinds::SERVICE_ACCOUNTS, self.namespace(), name, json!({ "metadata": { "name": name } }))
            }
            [] => Err(Output::failed("error: must specify one of -f and -k")),
            other => Err(Output::failed(format!(
                "error: azlet's run command cannot \"kubectl create {}\"; it can create from files (-f), and a namespace, deployment, \
                 configmap, secret generic and serviceaccount by name",
                other.join(" ")
            ))),
        }
    }

    fn make(&self, kind: &Kind, namespace: &str, name: &str, mut object: Value) -> Result<Output, Failure> {
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.kind);
        self.good(self.client.send(Method::POST, &self.path(kind, Some(namespace), ""), JSON, &object))?;
        Ok(Output::ok(format!("{} created", qualified(kind, name))))
    }

    fn image(&self) -> Result<&str, Failure> {
        self.args.value("image").ok_or_else(|| Output::failed("error: required flag(s) \"image\" not set"))
    }

    fn number(&self, flag: &str) -> Result<Option<u32>, Failure> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Output::failed(format!("error: invalid argument \"{text}\" for \"--{flag}\" flag: strconv.ParseInt: parsing \"{text}\": invalid syntax"))
            })
        };
        self.args.value(flag).map(parse).transpose()
    }

    /// A container as `create deployment` and `run` name it: after the image's last part.
    fn container(&self, name: &str) -> Result<Value, Failure> {
        let mut container = json!({ "name": name, "image": self.image()? });
        if let Some(port) = self.number("port")? {
            container["ports"] = json!([{ "containerPort": port }]);
        }
        Ok(container)
    }

    fn deployment(&self, name: &str) -> Result<Value, Failure> {
        let image = self.image()?;
        let last = image.rsplit('/').next().unwrap_or(image);
        let container = self.container(last.split([':', '@']).next().unwrap_or(last))?;
        let labels = json!({ "app": name });
        Ok(json!({
            "metadata": { "name": name, "labels": labels },
            "spec": {
                "replicas": self.number("replicas")?.unwrap_or(1),
                "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": { "containers": [container] } },
            },
        }))
    }

    fn literals(&self) -> Result<Map<String, Value>, Failure> {
        let read = |text: &str| {
            let pair = text.split_once('=').map(|(key, value)| (key.to_owned(), json!(value)));
            pair.ok_or_else(|| Output::failed(format!("error: invalid literal source {text}, expected key=value")))
        };
        self.args.values("from-literal").map(read).collect()
    }

    pub(super) fn run_pod(&self) -> Result<Output, Failure> {
        let Some(name) = self.args.words.first() else {
            return Err(Output::failed("error: NAME is required for run"));
        };
        let mut body = json!({
            "metadata": { "name": name, "labels": { "run": name } },
            "spec": { "containers": [self.container(name)?], "restartPolicy": self.args.value("restart").unwrap_or("Always") },
        });
        if let [_, arguments @ ..] = self.args.words.as_slice()
            && !arguments.is_empty()
        {
            body["spec"]["containers"][0]["args"] = json!(arguments);
        }
        self.make(&kinds::PODS, self.namespace(), name, body)
    }

    pub(super) fn delete(&self) -> Result<Output, Failure> {
        if self.args.value("filename").is_some() {
            return self.each_manifest(|session, manifest| session.remove(manifest.kind, &manifest.namespace, &manifest.name));
        }
        let mut output = Output::default();
        for (kind, mut names) in self.objects(&self.args.words)? {
            if names.is_empty() {
                names = self.selected(kind)?;
            }
            for name in names {
                output.then(self.remove(kind, self.namespace(), &name).unwrap_or_else(|failure| failure));
            }
        }
        Ok(if output == Output::default() { Output::ok("No resources found") } else { output })
    }

    /// The names that a selector or `--all` means.
    fn selected(&self, kind: &Kind) -> Result<Vec<String>, Failure> {
        let selector = self.args.value("selector");
        if selector.is_none() && !self.args.flag("all") {
            return Err(Output::failed("error: resource(s) were provided, but no name was specified"));
        }
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("labelSelector", selector.unwrap_or("")).finish();
        let list = self.client.get(&format!("{}?{query}", self.path(kind, Some(self.namespace()), "")), JSON);
        let list = self.good(list)?;
        let items = list["items"].as_array().into_iter().flatten();
        Ok(items.filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned)).collect())
    }

    fn remove(&self, kind: &Kind, namespace: &str, name: &str) -> Result<Output, Failure> {
        let mut options = json!({ "propagationPolicy": "Background" });
        if self.args.flag("force") || self.args.flag("now") {
            options["gracePeriodSeconds"] = json!(0);
        }
        let reply = self.client.send(Method::DELETE, &self.path(kind, Some(namespace), name), JSON, &options);
        if reply.status == 404 && self.args.flag("ignore-not-found") {
            return Ok(Output::default());
        }
        self.good(reply)?;
        Ok(Output::ok(format!("{} \"{name}\" deleted", kinds::qualified(&kind.singular(), &kind.group))))
    }

    pub(super) fn scale(&self) -> Result<Output, Failure> {
        let replicas = self.number("replicas")?;
        let replicas = replicas.ok_or_else(|| Output::failed("error: required flag(s) \"replicas\" not set"))?;
        let mut output = Output::default();
        for (kind, names) in self.objects(&self.args.words)? {
            for name in names {
                if kind.subresource("scale").is_none() {
                    return Err(Output::failed(format!(
                        "error: no matches for kind \"Scale\": {} cannot be scaled",
                        qualified(kind, &name)
                    )));
                }
                let path = format!("{}/scale", self.path(kind, Some(self.namespace()), &name));
                self.good(self.client.send(Method::PATCH, &path, MERGE, &json!({ "spec": { "replicas": replicas } })))?;
                output.then(Output::ok(format!("{} scaled", qualified(kind, &name))));
            }
        }
        Ok(output)
    }

    /// `kubectl set image deployment/x container=image`; `*` means every container.
    pub(super) fn set(&self) -> Result<Output, Failure> {
        let [what, target, rest @ ..] = self.args.words.as_slice() else {
            return Err(Output::failed(
                "error: azlet's run command has of \"kubectl set\" only \"set image TYPE/NAME CONTAINER=IMAGE\"",
            ));
        };
        if what != "image" {
            return Err(Output::failed(format!(
                "error: azlet's run command has no \"kubectl set {what}\", only \"kubectl set image\""
            )));
        }
        let named: Vec<String> = match target.split_once('/') {
            Some(_) => vec![target.clone()],
            None => vec![target.clone(), rest.first().cloned().unwrap_or_default()],
        };
        let images: Vec<(&str, &str)> = rest.iter().filter_map(|word| word.split_once('=')).collect();
        let (kind, names) = self.objects(&named)?.swap_remove(0);
        let name = names.first().cloned().unwrap_or_default();
        let object = self.read(kind, self.namespace(), &name)?;
        let path = if kind.index == kinds::PODS.index { "/spec/containers" } else { "/spec/template/spec/containers" };
        let containers = object.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut changed = Vec::new();
        for (container, image) in images {
            let matching =
                containers.iter().filter_map(|each| each["name"].as_str()).filter(|name| container == "*" || *name == container);
            let matching: Vec<Value> = matching.map(|name| json!({ "name": name, "image": image })).collect();
            if matching.is_empty() {
                return Err(Output::failed(format!("error: unable to find container named \"{container}\"")));
            }
            changed.extend(matching);
        }
        let mut patch = json!({ "containers": changed });
        for segment in path.trim_end_matches("/containers").split('/').rev().filter(|segment| !segment.is_empty()) {
            patch = json!({ segment: patch });
        }
        self.good(self.client.send(Method::PATCH, &self.path(kind, Some(self.namespace()), &name), STRATEGIC, &patch))?;
        Ok(Output::ok(format!("{} image updated", qualified(kind, &name))))
    }

    /// `kubectl label|annotate TYPE NAME key=value key-`.
    pub(super) fn mark(&self) -> Result<Output, Failure> {
        let is_pair = |word: &&String| word.contains('=') || word.ends_with('-');
        let named: Vec<String> = self.args.words.iter().filter(|word| !is_pair(word)).cloned().collect();
        let mut marks = Map::new();
        for word in self.args.words.iter().filter(is_pair) {
            match word.split_once('=') {
                Some((key, value)) => marks.insert(key.to_owned(), json!(value)),
                None => marks.insert(word.trim_end_matches('-').to_owned(), Value::Null),
            };
        }
        let (member, done) = if self.args.verb == "label" { ("labels", "labeled") } else { ("annotations", "annotated") };
        let mut output = Output::default();
        for (kind, names) in self.objects(&named)? {
            for name in names {
                let path = self.path(kind, Some(self.namespace()), &name);
                self.good(self.client.send(Method::PATCH, &path, MERGE, &json!({ "metadata": { member: marks } })))?;
                output.then(Output::ok(format!("{} {done}", qualified(kind, &name))));
            }
        }
        Ok(output)
    }
}

/// Marks for deletion what was applied before and is not any more.
fn forget(before: &Value, now: &Value, patch: &mut Value) {
    let (Some(before), Some(now), Some(patch)) = (before.as_object(), now.as_object(), patch.as_object_mut()) else { return };
    for (key, value) in before {
        match now.get(key) {
            None => {
                patch.insert(key.clone(), Value::Null);
            }
            Some(still) => {
                if let Some(patch) = patch.get_mut(key) {
                    forget(value, still, patch);
                }
            }
        }
    }
}
