//! The part of JSON Schema that Gemini's `parameters` know.

use serde_json::{Map, Value, json};

/// How deep references may be nested; what is deeper refers to itself.
const MAX_DEPTH: usize = 32;

/// What is left out because the provider refuses it.
const UNKNOWN: &[&str] = &["additionalProperties", "$schema", "$id", "$defs", "definitions", "default", "strict"];

/// The schema in the provider's subset; `None` where it cannot be said there.
pub(super) fn subset(schema: &Value) -> Option<Value> {
    convert(schema, schema, 0)
}

fn convert(schema: &Value, root: &Value, depth: usize) -> Option<Value> {
    let fields = schema.as_object().filter(|_| depth < MAX_DEPTH)?;
    if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
        return convert(root.pointer(reference.strip_prefix('#')?)?, root, depth + 1);
    }
    let mut out = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            "properties" => {
                let properties = value.as_object()?.iter();
                let properties = properties.map(|(name, it)| Some((name.clone(), convert(it, root, depth + 1)?)));
                out.insert(key.clone(), Value::Object(properties.collect::<Option<_>>()?));
            }
            "items" => drop(out.insert(key.clone(), convert(value, root, depth + 1)?)),
            "allOf" => {
                for one in value.as_array()? {
                    let Value::Object(one) = convert(one, root, depth + 1)? else { return None };
                    one.into_iter().for_each(|(key, value)| merge(&mut out, key, value));
                }
            }
            "anyOf" | "oneOf" => {
                let (nulls, others): (Vec<_>, Vec<_>) = value.as_array()?.iter().partition(|it| it["type"] == "null");
                if !nulls.is_empty() {
                    out.insert("nullable".to_owned(), json!(true));
                }
                let mut others =
                    others.into_iter().map(|it| convert(it, root, depth + 1)).collect::<Option<Vec<_>>>()?;
                match others.pop() {
                    Some(Value::Object(only)) if others.is_empty() => out.extend(only),
                    Some(last) => {
                        others.push(last);
                        out.insert("anyOf".to_owned(), Value::Array(others));
                    }
                    None => {}
                }
            }
            "type" if value.is_array() => {
                let (nulls, others): (Vec<_>, Vec<_>) = value.as_array()?.iter().partition(|it| *it == "null");
                if !nulls.is_empty() {
                    out.insert("nullable".to_owned(), json!(true));
                }
                let [only] = others.as_slice() else { return None };
                out.insert(key.clone(), (*only).clone());
            }
            "const" if value.is_string() => drop(out.insert("enum".to_owned(), json!([value]))),
            "enum" => {
                let words: Vec<_> = value.as_array()?.iter().filter(|it| it.is_string()).collect();
                if !words.is_empty() {
                    out.insert(key.clone(), json!(words));
                }
            }
            "const" => {}
            unknown if UNKNOWN.contains(&unknown) => {}
            _ => drop(out.insert(key.clone(), value.clone())),
        }
    }
    if out.contains_key("enum") && !out.contains_key("type") {
        out.insert("type".to_owned(), json!("string"));
    }
    if out.get("type").is_some_and(|it| it == "array") && !out.contains_key("items") {
        out.insert("items".to_owned(), json!({ "type": "string" }));
    }
    Some(Value::Object(out))
}

/// Joins what several schemas say of one field.
fn merge(out: &mut Map<String, Value>, key: String, value: Value) {
    match (out.get_mut(&key), value) {
        (Some(Value::Object(own)), Value::Object(more)) => own.extend(more),
        (Some(Value::Array(own)), Value::Array(more)) => own.extend(more),
        (_, value) => drop(out.insert(key, value)),
    }
}
