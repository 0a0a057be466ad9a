//! A tool of a server as the model sees it. Servers are programs of somebody else: what they say of themselves is
//! not trusted to fit a prompt.

use chatmesh_proto::agent::v1::McpTool;
use chatmesh_proto::common::v1::ToolDefinition;
use serde_json::{Map, Value};

use super::is_name;
use crate::context::clean;

/// How many bytes the definitions of all tools may have together.
const MAX_BYTES: usize = 1024 * 1024;

/// The definitions of tools, ordered by name, without those that no provider would take.
pub(super) fn definitions(tools: Vec<McpTool>) -> Vec<ToolDefinition> {
    let mut definitions: Vec<ToolDefinition> = tools.into_iter().filter_map(definition).collect();
    definitions.sort_by(|a, b| a.name.cmp(&b.name));
    definitions.dedup_by(|a, b| a.name == b.name);
    let mut room = MAX_BYTES;
    definitions.retain(|tool| {
        let size = tool.name.len() + tool.description.len() + tool.input_schema.len();
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    });
    definitions
}

fn definition(tool: McpTool) -> Option<ToolDefinition> {
    let is_usable = is_name(&tool.name) && clean(&tool.name) == tool.name;
    let has_schema = serde_json::from_str::<Map<String, Value>>(&tool.input_schema_json).is_ok();
    (is_usable && has_schema).then(|| ToolDefinition {
        description: clean(&tool.description),
        name: tool.name,
        input_schema: tool.input_schema_json,
        ..ToolDefinition::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, schema: &str) -> McpTool {
        McpTool {
            name: name.to_owned(),
            description: "It\u{202E} does.".to_owned(),
            input_schema_json: schema.to_owned(),
            ..McpTool::default()
        }
    }

    #[test]
    fn tools_are_ordered_by_name_and_those_that_would_break_a_prompt_are_left_out() {
        const SCHEMA: &str = r#"{"type":"object","properties":{}}"#;
        let tools = vec![
            tool("b__y", SCHEMA),
            tool("a__z", SCHEMA),
            tool("execute", SCHEMA),
            tool("a__\u{200B}", SCHEMA),
            tool("c__schema", "[]"),
            tool("d__schema", "{"),
            tool("b__y", SCHEMA),
        ];
        let definitions = definitions(tools);
        let names: Vec<&str> = definitions.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(names, ["a__z", "b__y"]);
        assert_eq!((definitions[0].description.as_str(), definitions[0].input_schema.as_str()), ("It does.", SCHEMA));
    }

    #[test]
    fn all_of_them_together_are_bounded() {
        let schema = format!(r#"{{"type":"object","properties":{{}},"description":"{}"}}"#, "x".repeat(60_000));
        let tools = (0..100).map(|number| tool(&format!("s__{number:02}"), &schema)).collect();
        let definitions = definitions(tools);
        assert_eq!(definitions.len(), MAX_BYTES / (schema.len() + 5 + "It does.".len()));
        assert!(definitions.is_sorted_by_key(|tool| tool.name.clone()));
    }
}
