//! Schemas of arguments, as every model provider takes them: one that is refused makes the whole request fail, in
//! every turn.

use serde_json::{Map, Value};

use crate::context::clean;

/// What providers do not take beside the properties of an object.
const VARIANTS: [&str; 3] = ["anyOf", "oneOf", "allOf"];
const OTHERS: [&str; 2] = ["enum", "not"];
/// The longest name of a property.
const MAX_PROPERTY_BYTES: usize = 64;

/// Makes a schema one that providers take: an object, in words that people see. `None` where that cannot be done.
pub(crate) fn usable(text: &str) -> Option<String> {
    let Ok(Value::Object(given)) = serde_json::from_str(text) else { return None };
    let mut schema = given.clone();
    schema.insert("type".to_owned(), "object".into());
    flatten(&mut schema);
    let properties = schema.entry("properties").or_insert(Value::Null);
    if !properties.is_object() {
        *properties = Value::Object(Map::new());
    }
    if !properties.as_object()?.keys().all(|name| is_property(name)) {
        return None;
    }
    if schema.get("required").is_some_and(|required| !required.is_array()) {
        schema.remove("required");
    }
    schema.values_mut().for_each(clean_texts);
    // What is fit as it is keeps its own form.
    if schema == given { Some(text.to_owned()) } else { Some(Value::Object(schema).to_string()) }
}

/// Takes the alternatives away that stand beside the properties; what they have of properties stays. The server
/// checks arguments by itself.
fn flatten(schema: &mut Map<String, Value>) {
    OTHERS.iter().for_each(|name| drop(schema.remove(*name)));
    let mut found = Map::new();
    for variant in VARIANTS.iter().filter_map(|name| schema.remove(*name)) {
        for properties in variant.as_array().into_iter().flatten().filter_map(|variant| variant.get("properties")) {
            for (name, property) in properties.as_object().into_iter().flatten() {
                found.entry(name.clone()).or_insert_with(|| property.clone());
            }
        }
    }
    if found.is_empty() {
        return;
    }
    if let Some(own) = schema.get("properties").and_then(Value::as_object) {
        found.extend(own.clone());
    }
    schema.insert("properties".to_owned(), Value::Object(found));
}

/// Leaves out what people do not see of a text. Names, and values to choose from, stay as the server knows them.
fn clean_texts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), &*value) {
                    ("description" | "title" | "$comment", Value::String(text)) => *value = clean(text).into(),
                    ("enum" | "const" | "default" | "examples" | "required", _) => {}
                    _ => clean_texts(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean_texts),
        _ => {}
    }
}

fn is_property(name: &str) -> bool {
    let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=MAX_PROPERTY_BYTES).contains(&name.len()) && name.bytes().all(is_taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(given: &Value) -> Value {
        serde_json::from_str(&usable(&given.to_string()).expect("a schema")).expect("JSON")
    }

    #[test]
    fn a_schema_that_is_fit_stays_as_it_is_written() {
        let text = r#"{ "type":"object", "properties": {"b":{"type":"string"},"a":{}}, "required": ["b"] }"#;
        assert_eq!(usable(text).as_deref(), Some(text));
    }

    #[test]
    fn whatever_else_a_schema_says_it_is_an_object() {
        let empty = json!({"type": "object", "properties": {}});
        for given in [
            json!({}),
            json!({"type": "array"}),
            json!({"type": null, "properties": null}),
            json!({"type": ["object", "null"], "required": null}),
            json!({"type": "object", "enum": [{}], "not": {}, "anyOf": null}),
        ] {
            assert_eq!(made(&given), empty, "{given}");
        }
        for text in ["", "{", "[]", "null", "\"object\"", "{}{}"] {
            assert_eq!(usable(text), None, "{text}");
        }
    }

    #[test]
    fn alternatives_are_put_together() {
        let given = json!({
            "properties": {"a": {"type": "string"}},
            "oneOf": [{"properties": {"a": {}, "b": {"type": "integer"}}, "required": ["b"]}, {"required": ["a"]}],
        });
        let expected = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}});
        assert_eq!(made(&given), expected);
    }

    #[test]
    fn a_property_that_no_provider_takes_makes_a_schema_unusable() {
        for name in ["", "$filter", "a b", "ü", &"x".repeat(65)] {
            assert_eq!(usable(&json!({"properties": {name: {}}}).to_string()), None, "{name}");
        }
        assert!(usable(&json!({"properties": {"a.b-c_1": {"properties": {"$inner": {}}}}}).to_string()).is_some());
    }

    #[test]
    fn what_nobody_sees_is_left_out_of_texts_and_of_nothing_else() {
        let given = json!({"properties": {
            "description": {"type": "string", "description": "a\u{E0069}b", "enum": ["x\u{200B}"], "title": "\u{202E}t"},
        }});
        let expected = json!({"type": "object", "properties": {
            "description": {"type": "string", "description": "ab", "enum": ["x\u{200B}"], "title": "t"},
        }});
        assert_eq!(made(&given), expected);
    }
}
