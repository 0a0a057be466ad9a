//! Tools that the client runs.

use std::collections::HashSet;

use chatmesh_core::Violations;
use chatmesh_proto::common::v1::ToolDefinition;

/// The most tools of a chat.
const MAX_TOOLS: usize = 250;
/// The longest name of a tool, as the providers have it.
const MAX_NAME: usize = 64;
/// The most bytes of all tools together.
const MAX_BYTES: usize = 256 * 1024;

/// Checks the client's tools: unique names that every provider takes, schemas that are JSON objects.
pub(crate) fn check_dynamic_tools(tools: Vec<ToolDefinition>, violations: &mut Violations) -> Vec<ToolDefinition> {
    violations.require(tools.len() <= MAX_TOOLS, "dynamic_tools", format!("must be at most {MAX_TOOLS}"));
    let bytes: usize =
        tools.iter().map(|tool| tool.name.len() + tool.description.len() + tool.input_schema.len()).sum();
    violations.require(bytes <= MAX_BYTES, "dynamic_tools", format!("must have at most {MAX_BYTES} bytes together"));
    let mut names = HashSet::new();
    for (index, tool) in tools.iter().enumerate().take(MAX_TOOLS) {
        let at = |field: &str| format!("dynamic_tools[{index}].{field}");
        let fits = (1..=MAX_NAME).contains(&tool.name.len())
            && tool.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        violations.require(fits, at("name"), "must have 1 to 64 letters, digits, `_` or `-`");
        violations.require(names.insert(tool.name.as_str()), at("name"), "must not be given twice");
        let schema = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&tool.input_schema);
        violations.require(schema.is_ok(), at("input_schema"), "must be a JSON Schema: a JSON object as text");
    }
    tools
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: &str) -> ToolDefinition {
        ToolDefinition {
            name: name.to_owned(),
            description: String::new(),
            input_schema: schema.to_owned(),
            ..ToolDefinition::default()
        }
    }

    #[test]
    fn names_are_unique_and_schemas_are_objects() {
        let cases = [
            (vec![tool("ask", "{}"), tool("tell", r#"{"type":"object"}"#)], true),
            (vec![tool("ask", "{}"), tool("ask", "{}")], false),
            (vec![tool("", "{}")], false),
            (vec![tool("a b", "{}")], false),
            (vec![tool("ask", "[]")], false),
            (vec![tool("ask", "")], false),
            ((0..251).map(|n| tool(&format!("t{n}"), "{}")).collect(), false),
        ];
        for (tools, fine) in cases {
            let mut violations = Violations::new();
            let count = tools.len();
            check_dynamic_tools(tools, &mut violations);
            assert_eq!(violations.finish(Some(())).is_ok(), fine, "{count} tools");
        }
    }
}
