//! `kubectl get`, in every form of output that it has but `go-template`.

use serde_json::{Value, json};

use super::{Failure, Output, Session, jsonpath, print, qualified};
use crate::kube::kinds::Kind;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

impl Session<'_> {
    pub(super) fn get(&self) -> Result<Output, Failure> {
        if self.args.flag("watch") {
            return Err(Output::failed("error: azlet's run command does not watch"));
        }
        let wanted = self.objects(&self.args.words)?;
        match self.args.value("output").unwrap_or_default() {
            "" | "wide" => self.tables(&wanted),
            other => self.whole(&wanted, other),
        }
    }

    /// The namespace to look in; nothing for all.
    fn place(&self) -> Option<&str> {
        if self.args.flag("all-namespaces") { None } else { Some(self.namespace()) }
    }

    fn collection(&self, kind: &Kind) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (flag, option) in [("selector", "labelSelector"), ("field-selector", "fieldSelector")] {
            if let Some(value) = self.args.value(flag) {
                query.append_pair(option, value);
            }
        }
        format!("{}?{}", self.path(kind, self.place(), ""), query.finish())
    }

    fn tables(&self, wanted: &[(&'static Kind, Vec<String>)]) -> Result<Output, Failure> {
        let many = wanted.len() > 1;
        let mut output = Output::default();
        let mut shown = 0;
        for (kind, names) in wanted {
            let mut replies = Vec::new();
            if names.is_empty() {
                replies.push(self.client.get(&self.collection(kind), TABLE));
            }
            replies.extend(names.iter().map(|name| self.client.get(&self.path(kind, Some(self.namespace()), name), TABLE)));
            let mut table = Value::Null;
            for reply in replies {
                if reply.status == 404 && self.args.flag("ignore-not-found") {
                    continue;
                }
                match self.good(reply) {
                    Ok(found) if table.is_null() => table = found,
                    Ok(found) => {
                        if let (Some(rows), Some(more)) = (table["rows"].as_array_mut(), found["rows"].as_array()) {
                            rows.extend(more.iter().cloned());
                        }
                    }
                    Err(failure) => output.then(failure),
                }
            }
            if table["rows"].as_array().is_none_or(Vec::is_empty) {
                continue;
            }
            if shown > 0 {
                output.text.push('\n');
            }
            shown += table["rows"].as_array().map_or(0, Vec::len);
            let prefix = if many || self.args.flag("show-kind") { qualified(kind, "") } else { String::new() };
            output.text.push_str(&print::table(
                &table,
                &print::Style {
                    wide: self.args.value("output") == Some("wide"),
                    namespaces: self.args.flag("all-namespaces") && kind.namespaced,
                    headers: !self.args.flag("no-headers"),
                    labels: self.args.flag("show-labels"),
                    prefix: &prefix,
                },
            ));
        }
        if shown == 0 && output.code == 0 && !self.args.flag("ignore-not-found") {
            let namespaced = wanted.iter().any(|(kind, _)| kind.namespaced);
            let place = self.place().filter(|_| namespaced).map_or(String::new(), |place| format!(" in {place} namespace."));
            return Ok(Output::ok(format!("No resources found{place}")));
        }
        Ok(output)
    }

    fn whole(&self, wanted: &[(&'static Kind, Vec<String>)], form: &str) -> Result<Output, Failure> {
        let mut output = Output::default();
        let mut items = Vec::new();
        let single = wanted.len() == 1 && wanted[0].1.len() == 1;
        for (kind, names) in wanted {
            if names.is_empty() {
                let list = self.good(self.client.get(&self.collection(kind), "application/json"))?;
                for item in list["items"].as_array().into_iter().flatten() {
                    // In a list the server leaves out what all its items are.
                    let mut item = item.clone();
                    item["apiVersion"] = json!(kind.api_version());
                    item["kind"] = json!(kind.kind);
                    items.push(item);
                }
            }
            for name in names {
                let reply = self.client.get(&self.path(kind, Some(self.namespace()), name), "application/json");
                if reply.status == 404 && self.args.flag("ignore-not-found") {
                    continue;
                }
                match self.good(reply) {
                    Ok(item) => items.push(item),
                    Err(failure) => output.then(failure),
                }
            }
        }
        if output.code != 0 && items.is_empty() || single && items.is_empty() {
            return Ok(output);
        }
        if form == "name" {
            let served = self.client.cluster.served();
            let names = items.iter().filter_map(|item| {
                let kind = served.by_api_version(item["apiVersion"].as_str()?, item["kind"].as_str()?)?;
                Some(format!("{}\n", qualified(kind, item["metadata"]["name"].as_str()?)))
            });
            output.text.insert_str(0, &names.collect::<String>());
            return Ok(output);
        }
        if !self.args.flag("show-managed-fields") && matches!(form, "json" | "yaml") {
            for item in &mut items {
                if let Some(metadata) = item.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.shift_remove("managedFields");
                }
            }
        }
        let object = match (single, items) {
            (true, mut items) => items.swap_remove(0),
            (false, items) => {
                json!({ "apiVersion": "v1", "items": items, "kind": "List", "metadata": { "resourceVersion": "" } })
            }
        };
        output.then(formatted(&object, form)?);
        Ok(output)
    }
}

fn formatted(object: &Value, form: &str) -> Result<Output, Failure> {
    if let Some(template) = form.strip_prefix("jsonpath=") {
        // kubectl ends without a new line here.
        return jsonpath::render(template, object).map(|text| Output { text, code: 0 }).map_err(Output::failed);
    }
    if let Some(columns) = form.strip_prefix("custom-columns=") {
        return print::custom_columns(columns, object).map(Output::ok).map_err(Output::failed);
    }
    match form {
        "json" => Ok(Output::ok(print::json(object))),
        "yaml" => Ok(Output::ok(print::yaml(object))),
        other => Err(Output::failed(format!(
            "error: unable to match a printer suitable for the output format \"{other}\", allowed formats are: \
             custom-columns,json,jsonpath,name,wide,yaml"
        ))),
    }
}
