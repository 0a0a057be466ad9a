//! The schemas of tools and of answers, as every protocol sends them.

use std::borrow::Cow;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::Warning;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::fields::{Fields, raw_of};
use super::json::{empty_object, object_of, string_of};
use super::settings::not_strict;
use super::warnings::{INVALID_SCHEMA, warning};

/// What stands for a schema that cannot be used.
const OPEN_SCHEMA: &str = r#"{"type":"object","properties":{}}"#;

/// Tools in the order of their names, so that the prompt's beginning stays the same from call to
/// call, whatever order the caller has.
pub(super) fn sorted(tools: &[ToolDefinition]) -> Vec<&ToolDefinition> {
    let mut tools: Vec<_> = tools.iter().collect();
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    tools
}

/// The schema as it was given, or one that allows any object.
pub(super) fn of<'a>(tool: &'a ToolDefinition, warnings: &mut Vec<Warning>) -> Cow<'a, RawValue> {
    if let Some(schema) = object_of(&tool.input_schema) {
        return repaired(schema).map_or(Cow::Borrowed(schema), Cow::Owned);
    }
    if !tool.input_schema.trim().is_empty() {
        warnings.push(warning(INVALID_SCHEMA, format!("the schema of `{}` is not a JSON object", tool.name)));
    }
    object_of(OPEN_SCHEMA).map_or_else(empty_object, Cow::Borrowed)
}

/// A schema with what providers refuse put right: one that does not say that it is an object, and
/// lists of required fields that are null, as some languages write empty ones. `None` where all is
/// well, which costs no more than a look.
fn repaired(schema: &RawValue) -> Option<Box<RawValue>> {
    let text = schema.get();
    if text.contains("\"type\"") && !text.contains("null") {
        return None;
    }
    let mut value: Value = serde_json::from_str(text).ok()?;
    let mut changes = drop_null_lists(&mut value);
    if let Some(fields) = value.as_object_mut()
        && !fields.contains_key("type")
    {
        fields.insert("type".to_owned(), json!("object"));
        changes += 1;
    }
    (changes > 0).then(|| to_raw_value(&value).ok()).flatten()
}

/// Returns how many there were.
fn drop_null_lists(value: &mut Value) -> usize {
    match value {
        Value::Object(fields) => {
            let is_null = fields.get("required").is_some_and(Value::is_null);
            if is_null {
                fields.remove("required");
            }
            usize::from(is_null) + fields.values_mut().map(drop_null_lists).sum::<usize>()
        }
        Value::Array(items) => items.iter_mut().map(drop_null_lists).sum(),
        _ => 0,
    }
}

/// Which properties an object must have where a provider holds the model to its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Required {
    /// Those that the schema names.
    Named,
    /// All.
    All,
}

/// The schema of a tool, and whether the provider is to hold the model to it.
pub(super) fn strict_of<'a>(
    tool: &'a ToolDefinition,
    required: Required,
    warnings: &mut Vec<Warning>,
) -> (Cow<'a, RawValue>, bool) {
    let schema = of(tool, warnings);
    if !tool.strict {
        return (schema, false);
    }
    match held(&schema, required) {
        Some(held) => (Cow::Owned(held), true),
        None => {
            warnings.push(not_strict(&format!("the tool `{}`", tool.name)));
            (schema, false)
        }
    }
}

/// A schema in the form that providers demand of one that they hold the model to: no object, at
/// any depth, has other properties than those that are named. `None` where the schema leaves open
/// which those are, because closing it would change what it says.
pub(super) fn held(schema: &RawValue, required: Required) -> Option<Box<RawValue>> {
    let Some(mut fields) = Fields::of(schema) else {
        // `true` allows anything.
        return (schema.get() != "true").then(|| schema.to_owned());
    };
    for (name, value) in fields.values_mut() {
        match name {
            "properties" | "$defs" | "definitions" => {
                let mut inner = Fields::of(value)?;
                for (_, schema) in inner.values_mut() {
                    *schema = held(schema, required)?;
                }
                *value = inner.to_raw();
            }
            "items" | "anyOf" | "oneOf" | "allOf" | "prefixItems" => *value = held_list(value, required)?,
            "patternProperties" => return None,
            "additionalProperties" if value.get() != "false" => return None,
            _ => {}
        }
    }
    if !describes_object(&fields) {
        return Some(fields.to_raw());
    }
    let properties = fields.get("properties").and_then(Fields::of)?;
    fields.set("additionalProperties", raw_of(&false));
    if required == Required::All {
        fields.set("required", all_required(&fields, &properties));
    }
    Some(fields.to_raw())
}

/// The names of all properties, first those that were required already.
fn all_required(fields: &Fields, properties: &Fields) -> Box<RawValue> {
    let named = fields.get("required").and_then(|list| serde_json::from_str::<Vec<String>>(list.get()).ok());
    let mut all = named.unwrap_or_default();
    all.retain(|name| properties.get(name).is_some());
    for name in properties.names() {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    raw_of(&all)
}

fn held_list(value: &RawValue, required: Required) -> Option<Box<RawValue>> {
    if !value.get().starts_with('[') {
        return held(value, required);
    }
    let list: Vec<Box<RawValue>> = serde_json::from_str(value.get()).ok()?;
    let held: Option<Vec<_>> = list.iter().map(|schema| held(schema, required)).collect();
    Some(raw_of(&held?))
}

/// `"object"`, or a list with it.
fn describes_object(fields: &Fields) -> bool {
    let Some(kind) = fields.get("type") else { return fields.get("properties").is_some() };
    match string_of(kind) {
        Some(kind) => kind == "object",
        None => {
            serde_json::from_str::<Vec<String>>(kind.get()).is_ok_and(|kinds| kinds.iter().any(|kind| kind == "object"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_value(schema: &Value, required: Required) -> Option<String> {
        held(&RawValue::from_string(schema.to_string()).unwrap(), required).map(|held| held.get().to_owned())
    }

    #[test]
    fn a_schema_that_is_held_to_is_closed_at_every_depth() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a": {"type": ["object", "null"], "properties": {"x": {"type": "string"}}, "required": []},
                "list": {"type": "array", "items": {"type": "object", "properties": {"y": {"const": 1}}}},
                "either": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]},
            },
            "$defs": {"d": {"properties": {}, "additionalProperties": false}},
        });
        let closed = json!({
            "type": "object",
            "properties": {
                "a": {"type": ["object", "null"], "properties": {"x": {"type": "string"}}, "required": ["x"],
                    "additionalProperties": false},
                "list": {"type": "array", "items": {"type": "object", "properties": {"y": {"const": 1}},
                    "required": ["y"], "additionalProperties": false}},
                "either": {"anyOf": [{"$ref": "#/$defs/d"}, {"type": "null"}]},
            },
            "$defs": {"d": {"properties": {}, "additionalProperties": false, "required": []}},
            "required": ["a", "either", "list"],
            "additionalProperties": false,
        });
        let all = held_value(&schema, Required::All).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&all).unwrap(), closed);
        assert_eq!(held_value(&closed, Required::All), Some(serde_json::to_string(&closed).unwrap()), "nothing to do");
        let named: Value = serde_json::from_str(&held_value(&schema, Required::Named).unwrap()).unwrap();
        assert_eq!((&named["additionalProperties"], named.get("required")), (&json!(false), None));
        assert_eq!(named["properties"]["a"]["required"], json!([]));
    }

    #[test]
    fn what_was_required_stays_first() {
        let schema = json!({"type": "object", "required": ["z", "b"], "properties": {"a": {}, "b": {}}});
        let held: Value = serde_json::from_str(&held_value(&schema, Required::All).unwrap()).unwrap();
        assert_eq!(held["required"], json!(["b", "a"]));
    }

    #[test]
    fn the_order_of_properties_stays() {
        let schema = r#"{"type":"object","properties":{"z":{"type":"number"},"a":{"type":"string"}}}"#;
        let held = held(&RawValue::from_string(schema.to_owned()).unwrap(), Required::All).unwrap();
        assert_eq!(
            held.get(),
            r#"{"type":"object","properties":{"z":{"type":"number"},"a":{"type":"string"}},"additionalProperties":false,"required":["z","a"]}"#
        );
    }

    #[test]
    fn a_schema_that_leaves_open_what_there_is_cannot_be_held_to() {
        let open = [
            json!({"type": "object"}),
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": true}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"type": "object", "properties": {"a": {"items": [{"type": "object"}]}}}),
            json!({"type": "object", "properties": {}, "patternProperties": {"x": {}}}),
        ];
        for schema in open {
            assert_eq!(held_value(&schema, Required::All), None, "{schema}");
        }
    }

    fn sent(schema: &str) -> Value {
        let tool = ToolDefinition { name: "t".into(), input_schema: schema.into(), ..ToolDefinition::default() };
        let mut warnings = Vec::new();
        let schema = of(&tool, &mut warnings);
        assert!(warnings.is_empty(), "{warnings:?}");
        serde_json::from_str(schema.get()).unwrap()
    }

    #[test]
    fn what_providers_refuse_is_put_right_and_nothing_else_changes() {
        let inner = r#"{"type":"object","properties":{"a":{"type":"object","required":null},"b":{"default":null}}}"#;
        let expected = json!({"type": "object", "properties": {"a": {"type": "object"}, "b": {"default": null}}});
        assert_eq!(sent(inner), expected);
        assert_eq!(sent(r#"{"properties":{}}"#), json!({"type": "object", "properties": {}}));
        let fine = r#"{"type":"object","properties":{"x":{"enum":["a",null]}},"required":["x"]}"#;
        assert_eq!(sent(fine), serde_json::from_str::<Value>(fine).unwrap());
    }
}
