//! The templates of `-o jsonpath=`: text with `{.a.b[0].c}`, `{[*]}`, `{"text"}`, `{range …}…{end}` and filters of the form
//! `[?(@.a=="b")]` (`k8s.io/client-go/util/jsonpath`). An absent member is nothing; the results of a path are joined by a blank.

use serde_json::Value;

/// So many parts of a template are written, ranges counted as often as they run: more is no question but a mistake.
const STEPS_AT_MOST: usize = 1_000_000;
/// A text that is longer is written no further.
const LONGEST: usize = 4 * 1024 * 1024;
/// Ranges may lie in one another so deep.
const DEEPEST: usize = 32;

/// What a template makes of an object.
pub fn render(template: &str, object: &Value) -> Result<String, String> {
    let template = template.trim_matches('\'');
    let parts = parts(template)?;
    let mut writer = Writer { parts: &parts, root: object, at: 0, steps: 0, depth: 0, text: String::new() };
    writer.write(object)?;
    Ok(writer.text)
}

/// The values that a path without braces finds, `.spec.a[0]`.
pub fn find<'a>(path: &str, object: &'a Value) -> Result<Vec<&'a Value>, String> {
    select(path, object, object)
}

enum Part {
    Text(String),
    Path(String),
    Range(String),
    End,
}

fn broken(what: &str) -> String {
    format!("error: error parsing jsonpath {what}")
}

fn parts(template: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        parts.push(Part::Text(rest[..start].to_owned()));
        let end = closing(&rest[start..]).ok_or_else(|| broken(&format!("{template}, unclosed action")))?;
        let action = rest[start + 1..start + end].trim();
        parts.push(if action == "end" {
            Part::End
        } else if let Some(path) = action.strip_prefix("range ") {
            Part::Range(path.trim().to_owned())
        } else if let Some(quoted) = action.strip_prefix('"').and_then(|quoted| quoted.strip_suffix('"')) {
            Part::Text(quoted.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\""))
        } else {
            Part::Path(action.to_owned())
        });
        rest = &rest[start + end + 1..];
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

/// Where the brace that begins the text closes; braces in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(index, character)| {
        quoted ^= character == '"';
        (character == '}' && !quoted).then_some(index)
    })
}

/// A template while it is written.
struct Writer<'a> {
    parts: &'a [Part],
    root: &'a Value,
    at: usize,
    /// Parts written so far, and ranges that are open.
    steps: usize,
    depth: usize,
    text: String,
}

impl<'a> Writer<'a> {
    /// Writes up to the end of the range, or of the template.
    fn write(&mut self, current: &'a Value) -> Result<(), String> {
        while let Some(part) = self.parts.get(self.at) {
            self.at += 1;
            self.steps += 1;
            if self.steps > STEPS_AT_MOST || self.text.len() > LONGEST {
                return Err(broken("template: azlet writes no more of it, its output is too long"));
            }
            match part {
                Part::Text(plain) => self.text.push_str(plain),
                Part::End => return Ok(()),
                Part::Path(path) => {
                    let found = select(path, self.root, current)?;
                    self.text.push_str(&found.into_iter().map(show).collect::<Vec<_>>().join(" "));
                }
                Part::Range(path) => self.range(path, current)?,
            }
        }
        Ok(())
    }

    fn range(&mut self, path: &str, current: &'a Value) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(broken(&format!("template: azlet takes ranges no more than {DEEPEST} deep")));
        }
        let body = self.at;
        let found = select(path, self.root, current)?;
        if found.is_empty() {
            // The body is passed over: written nowhere.
            let kept = self.text.len();
            self.write(&Value::Null)?;
            self.text.truncate(kept);
        }
        for item in found {
            self.at = body;
            self.write(item)?;
        }
        self.depth -= 1;
        Ok(())
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The values that a path finds.
fn select<'a>(path: &str, root: &'a Value, current: &'a Value) -> Result<Vec<&'a Value>, String> {
    let path = path.strip_prefix('@').unwrap_or(path);
    let (mut found, mut rest) = path.strip_prefix('$').map_or((vec![current], path), |rest| (vec![root], rest));
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').ok_or_else(|| broken("unterminated array"))?;
            found = subscript(&inner[..end], &found, root)?;
            rest = &inner[end + 1..];
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let (name, behind) = member(name);
            rest = behind;
            if name.is_empty() {
                continue;
            }
            found = if name == "*" { children(&found) } else { found.into_iter().filter_map(|value| value.get(&name)).collect() };
        }
    }
    Ok(found)
}

/// A member's name and what comes behind it; `\.` is a dot of the name.
fn member(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[index..]),
            other => name.push(other),
        }
    }
    (name, "")
}

fn children<'a>(values: &[&'a Value]) -> Vec<&'a Value> {
    values
        .iter()
        .flat_map(|value| match value {
            Value::Array(items) => items.iter().collect::<Vec<_>>(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        })
        .collect()
}

fn subscript<'a>(inside: &str, values: &[&'a Value], root: &'a Value) -> Result<Vec<&'a Value>, String> {
    if inside == "*" {
        return Ok(children(values));
    }
    if let Some(condition) = inside.strip_prefix("?(").and_then(|condition| condition.strip_suffix(')')) {
        let mut kept = Vec::new();
        for item in children(values) {
            if holds(condition, root, item)? {
                kept.push(item);
            }
        }
        return Ok(kept);
    }
    if let Some(name) = ['\'', '"'].iter().find_map(|quote| inside.strip_prefix(*quote)?.strip_suffix(*quote)) {
        return Ok(values.iter().filter_map(|value| value.get(name)).collect());
    }
    let index: i64 = inside.parse().map_err(|_| broken(&format!("[{inside}], invalid array index {inside}")))?;
    let pick = |value: &&'a Value| {
        let items = value.as_array()?;
        let length = i64::try_from(items.len()).ok()?;
        items.get(usize::try_from(if index < 0 { length + index } else { index }).ok()?)
    };
    Ok(values.iter().filter_map(pick).collect())
}

/// `@.a=="b"`, `@.a!="b"`, or `@.a` for being there.
fn holds(condition: &str, root: &Value, item: &Value) -> Result<bool, String> {
    for (operator, wanted) in [("==", true), ("!=", false)] {
        if let Some((path, value)) = condition.split_once(operator) {
            let value = value.trim().trim_matches(['"', '\'']);
            let found = select(path.trim(), root, item)?;
            return Ok(found.first().map(|found| show(found)).is_some_and(|found| (found == value) == wanted));
        }
    }
    Ok(!select(condition.trim(), root, item)?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranges_that_multiply_are_stopped() {
        let object = json!({ "items": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
        let nested = |depth: usize| format!("{}x{}", "{range $.items[*]}".repeat(depth), "{end}".repeat(depth));
        assert_eq!(render(&nested(3), &object).map(|text| text.len()), Ok(1000));
        assert!(render(&nested(20), &object).is_err_and(|why| why.contains("too long")));
        assert!(render(&"{range $}".repeat(50_000), &object).is_err_and(|why| why.contains("32 deep")));
        assert!(render(&"{$}".repeat(900_000), &object).is_err_and(|why| why.contains("too long")));
    }

    #[test]
    fn templates_find_what_kubectls_find() {
        let object = json!({
            "items": [
                { "metadata": { "name": "a", "labels": { "x.y/z": "1" } }, "ready": true },
                { "metadata": { "name": "b" }, "ready": false },
            ],
        });
        for (template, expected) in [
            ("{.items[*].metadata.name}", "a b"),
            ("{.items[0].metadata.labels.x\\.y/z}", "1"),
            ("{.items[-1:].nope}", "error"),
            ("{.items[1].metadata['name']}!", "b!"),
            ("{range .items[*]}{.metadata.name}{\"\\t\"}{.ready}{\"\\n\"}{end}", "a\ttrue\nb\tfalse\n"),
            ("{.items[?(@.metadata.name==\"b\")].ready}", "false"),
            ("{$.items[0].none}", ""),
            ("{.items[0].metadata.name", "error"),
            ("'{.items[0].metadata.name}'", "a"),
        ] {
            let text = render(template, &object).unwrap_or_else(|_| "error".into());
            assert_eq!(text, expected, "{template}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_template_makes_it_panic(template in "[a-z{}\\[\\]\\.*?@()=\"'$\\\\ 0-9-]{0,40}") {
            let _ = render(&template, &json!({ "a": [{ "b": 1 }] }));
        }
    }
}
