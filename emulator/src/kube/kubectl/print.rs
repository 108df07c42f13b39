//! Output as kubectl prints it: tables in columns (`tabwriter` with a padding of three and a least width of six), JSON with four
//! blanks, YAML; keys in alphabetic order.

use serde_json::{Map, Value};

use super::jsonpath;

/// How a table is printed.
pub(super) struct Style<'a> {
    pub(super) wide: bool,
    pub(super) namespaces: bool,
    pub(super) headers: bool,
    pub(super) labels: bool,
    /// Before each name: `pod/`.
    pub(super) prefix: &'a str,
}

/// A `Table` of the server.
pub(super) fn table(table: &Value, style: &Style<'_>) -> String {
    let definitions = table["columnDefinitions"].as_array().cloned().unwrap_or_default();
    let shown: Vec<usize> =
        (0..definitions.len()).filter(|index| style.wide || definitions[*index]["priority"].as_i64().unwrap_or(0) == 0).collect();
    let mut lines: Vec<Vec<String>> = Vec::new();
    if style.headers {
        let mut header: Vec<String> = Vec::new();
        if style.namespaces {
            header.push("NAMESPACE".into());
        }
        header.extend(shown.iter().map(|index| definitions[*index]["name"].as_str().unwrap_or_default().to_uppercase()));
        if style.labels {
            header.push("LABELS".into());
        }
        lines.push(header);
    }
    for row in table["rows"].as_array().into_iter().flatten() {
        let metadata = &row["object"]["metadata"];
        let mut cells: Vec<String> = Vec::new();
        if style.namespaces {
            cells.push(metadata["namespace"].as_str().unwrap_or_default().to_owned());
        }
        for index in &shown {
            let text = cell(&row["cells"][*index]);
            cells.push(if definitions[*index]["name"] == "Name" { format!("{}{text}", style.prefix) } else { text });
        }
        if style.labels {
            cells.push(labels(&metadata["labels"]));
        }
        lines.push(cells);
    }
    columns(&lines)
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "<none>".into(),
        other => other.to_string(),
    }
}

fn labels(value: &Value) -> String {
    let pairs = value.as_object().into_iter().flatten();
    let mut pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    pairs.sort();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",") }
}

/// Lines in columns; the last cell of a line is not padded.
pub(super) fn columns(lines: &[Vec<String>]) -> String {
    let count = lines.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|index| lines.iter().filter_map(|line| line.get(index)).map(|text| text.chars().count()).max().unwrap_or_default())
        .collect();
    let mut text = String::new();
    for line in lines {
        for (index, cell) in line.iter().enumerate() {
            text.push_str(cell);
            if index + 1 < line.len() {
                let width = (widths[index] + 3).max(6);
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

/// `NAME:.metadata.name,IMAGE:.spec.containers[0].image`.
pub(super) fn custom_columns(specification: &str, object: &Value) -> Result<String, String> {
    let mut header = Vec::new();
    let mut paths = Vec::new();
    for part in specification.split(',') {
        let Some((name, path)) = part.split_once(':') else {
            return Err(format!("error: unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"));
        };
        header.push(name.to_owned());
        paths.push(format!("{{{}}}", path.trim_start_matches('{').trim_end_matches('}')));
    }
    let one = std::slice::from_ref(object);
    let items = if object["kind"] == "List" { object["items"].as_array().map_or(one, Vec::as_slice) } else { one };
    let mut lines = vec![header];
    for item in items {
        let cells = paths.iter().map(|path| {
            let text = jsonpath::render(path, item)?;
            Ok(if text.is_empty() { "<none>".to_owned() } else { text.replace(' ', ",") })
        });
        lines.push(cells.collect::<Result<_, String>>()?);
    }
    Ok(columns(&lines))
}

/// With keys in alphabetic order, as Go's maps are written.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut keys: Vec<&String> = members.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|key| (key.clone(), sorted(&members[key]))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// JSON with four blanks.
pub(super) fn json(value: &Value) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    match sorted(value).serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => value.to_string(),
    }
}

/// YAML.
pub(super) fn yaml(value: &Value) -> String {
    let sorted = sorted(value);
    serde_saphyr::to_string(&sorted).unwrap_or_else(|_| sorted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_kubectls() {
        let lines = [["NAME", "READY"], ["a", "1/1"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(columns(&lines), "NAME   READY\na      1/1\n");
        let lines = [["A", "B"], ["x", "y"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(columns(&lines), "A     B\nx     y\n", "a column is six wide at least");
    }

    #[test]
    fn objects_are_written_with_sorted_keys() {
        let value = json!({ "b": { "d": [1], "c": "x" }, "a": null });
        assert_eq!(
            json(&value),
            "{\n    \"a\": null,\n    \"b\": {\n        \"c\": \"x\",\n        \"d\": [\n            1\n        ]\n    }\n}"
        );
        assert!(yaml(&value).starts_with("a: null\nb:\n"));
    }
}
