//! The tools of servers as the model sees them. Servers are programs of somebody else: what they say of themselves is
//! not trusted to fit a prompt.

use chatmesh_proto::agent::v1::McpTool;
use chatmesh_proto::common::v1::ToolDefinition;
use tracing::debug;

use super::alias::alias;
use super::{Found, Room, is_name, schema};
use crate::context::clean;

/// What of a server's tools is offered: ordered by name, without those that no provider would take, and as many as
/// there is room for.
pub(super) fn offered(tools: Vec<McpTool>, is_complete: bool) -> Found {
    let mut found = Found { is_complete, ..Found::default() };
    let mut tools: Vec<(String, McpTool)> = tools.into_iter().map(|tool| (alias(&tool.name), tool)).collect();
    tools.sort_by(|a, b| a.0.cmp(&b.0));
    tools.dedup_by(|a, b| a.0 == b.0);
    let mut room = Room::default();
    for (name, tool) in tools {
        if name != tool.name {
            // Also where it is not offered: an earlier turn may have asked for it.
            found.originals.insert(name.clone(), tool.name.clone());
        }
        let Some(definition) = definition(name, &tool) else {
            debug!(tool = %tool.name, "a tool is not offered: no provider would take its name or its schema");
            found.left_out += 1;
            continue;
        };
        if room.take(&definition) {
            found.tools.push(definition);
        } else {
            found.left_out += 1;
        }
    }
    found
}

fn definition(name: String, tool: &McpTool) -> Option<ToolDefinition> {
    let input_schema = schema::usable(&tool.input_schema_json)?;
    let description = clean(&tool.description);
    is_name(&tool.name).then(|| ToolDefinition { name, description, input_schema, ..ToolDefinition::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::room::{MAX_BYTES, MAX_TOOLS};

    const SCHEMA: &str = r#"{"type":"object","properties":{}}"#;

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
        let tools = vec![
            tool("b__y", SCHEMA),
            tool("a__z", SCHEMA),
            tool("execute", SCHEMA),
            tool("c__schema", "[]"),
            tool("d__schema", "{"),
            tool("b__y", SCHEMA),
        ];
        let found = offered(tools, true);
        let names: Vec<&str> = found.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!((names, found.left_out), (vec!["a__z", "b__y"], 3));
        assert_eq!((found.tools[0].description.as_str(), found.tools[0].input_schema.as_str()), ("It does.", SCHEMA));
        assert!(found.originals.is_empty());
    }

    /// M14: the same tools have the same names in whatever order a server lists them, and are found again.
    #[test]
    fn m14_tools_that_would_be_called_the_same_are_told_apart() {
        let names = ["my srv__a.b", "my.srv__a b", "my_srv__a_b"];
        let mut tools: Vec<McpTool> = names.iter().map(|name| tool(name, SCHEMA)).collect();
        let found = offered(tools.clone(), true);
        tools.reverse();
        assert_eq!(offered(tools, true), found);
        let original = |tool: &ToolDefinition| found.originals.get(&tool.name).unwrap_or(&tool.name).clone();
        let mut originals: Vec<String> = found.tools.iter().map(original).collect();
        originals.sort_unstable();
        assert_eq!(originals, names);
    }

    #[test]
    fn all_of_them_together_are_bounded_and_the_rest_is_counted() {
        let many = (0..130).map(|number| tool(&format!("s__{number:03}"), SCHEMA)).collect();
        let found = offered(many, true);
        assert_eq!((found.tools.len(), found.left_out), (MAX_TOOLS, 30));
        let schema = format!(r#"{{"type":"object","properties":{{}},"description":"{}"}}"#, "x".repeat(60_000));
        let found = offered((0..10).map(|number| tool(&format!("s__{number:02}"), &schema)).collect(), true);
        assert_eq!(found.tools.len(), MAX_BYTES / (schema.len() + 5 + "It does.".len()));
        assert_eq!(found.tools.len() + found.left_out, 10);
        assert!(found.tools.is_sorted_by_key(|tool| tool.name.clone()));
    }
}
