//! The schemas of tools, as every protocol sends them.

use std::borrow::Cow;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::Warning;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::json::{empty_object, object_of};
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

#[cfg(test)]
mod tests {
    use super::*;

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
