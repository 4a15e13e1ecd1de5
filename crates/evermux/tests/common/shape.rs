//! The shape of JSON: which keys, of which types. What docs/json.md promises is compared with what is printed.

use std::collections::BTreeMap;

use serde_json::Value;

/// Every path of a value with its type, `[]` for the elements of an array: `sessions[].name` to `string`.
///
/// `null` and an empty array say nothing about what could stand there, so they fit every type.
pub fn shape(value: &Value) -> BTreeMap<String, &'static str> {
    let mut paths = BTreeMap::new();
    walk("", value, &mut paths);
    paths
}

fn walk(path: &str, value: &Value, paths: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "any",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let seen = paths.entry(path.to_owned()).or_insert(kind);
    if *seen == "any" {
        *seen = kind;
    }
    if let Value::Array(elements) = value {
        for element in elements {
            walk(&format!("{path}[]"), element, paths);
        }
    }
    if let Value::Object(fields) = value {
        for (key, field) in fields {
            walk(&format!("{path}.{key}"), field, paths);
        }
    }
}

/// How what is printed differs from what is documented; empty if it does not.
pub fn differences(documented: &Value, printed: &Value) -> String {
    let (documented, printed) = (shape(documented), shape(printed));
    let mut differences = Vec::new();
    for (path, kind) in &printed {
        match documented.get(path) {
            None => differences.push(format!("{path} is printed ({kind}) and not documented")),
            Some(other) if kind != other && *kind != "any" && *other != "any" => {
                differences.push(format!("{path} is documented as {other} and printed as {kind}"));
            }
            Some(_) => {}
        }
    }
    let missing =
        documented.keys().filter(|path| !printed.contains_key(*path) && !below_nothing(path, &printed));
    differences.extend(missing.map(|path| format!("{path} is documented and not printed")));
    differences.join("\n")
}

/// Whether a path lies below an empty array or a null, where nothing can be printed.
fn below_nothing(path: &str, printed: &BTreeMap<String, &'static str>) -> bool {
    let ends = path.char_indices().filter(|(_, c)| matches!(c, '.' | '[')).map(|(at, _)| at);
    ends.map(|at| &path[..at]).any(|parent| match printed.get(parent) {
        Some(&"any") => true,
        Some(&"array") => !printed.contains_key(&format!("{parent}[]")),
        _ => false,
    })
}

#[test]
fn shapes_are_compared_both_ways() {
    let documented = serde_json::json!({"a": [{"b": 1}], "c": null, "d": "x"});
    assert_eq!(
        differences(&documented, &serde_json::json!({"a": [], "c": {"e": 1}, "d": "y"})),
        ".c.e is printed (number) and not documented"
    );
    assert_eq!(
        differences(&documented, &serde_json::json!({"a": [{"b": "1"}], "c": null})),
        ".a[].b is documented as number and printed as string\n.d is documented and not printed"
    );
    assert_eq!(differences(&documented, &documented), "");
}
