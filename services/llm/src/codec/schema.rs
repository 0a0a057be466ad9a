//! The schemas of tools, as every protocol sends them.

use std::borrow::Cow;

use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_proto::llm::v1::Warning;
use serde_json::value::RawValue;

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
        return Cow::Borrowed(schema);
    }
    if !tool.input_schema.trim().is_empty() {
        warnings.push(warning(INVALID_SCHEMA, format!("the schema of `{}` is not a JSON object", tool.name)));
    }
    object_of(OPEN_SCHEMA).map_or_else(empty_object, Cow::Borrowed)
}
