//! The tools of one server.

use rmcp::model::{JsonObject, PaginatedRequestParams, Tool};
use rmcp::service::{Peer, RoleClient, ServiceError};
use serde_json::{Map, Value};

use chatmesh_proto::agent::v1 as pb;

use super::name;

/// How many tools are taken, of one server and of all.
pub(super) const MAX_TOOLS: usize = 500;
/// How many pages a server may spread them over.
const MAX_PAGES: usize = 100;
/// The longest description in bytes; longer ones are cut.
const MAX_DESCRIPTION_BYTES: usize = 8 * 1024;
/// The longest schema in bytes; a tool with a longer one is left out.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;

/// The tools of one server.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    /// Sorted by name.
    pub(super) tools: Vec<pb::McpTool>,
    /// What was left out.
    pub(super) warnings: Vec<String>,
}

/// Asks a server for its tools; the caller bounds the time.
pub(super) async fn list(server: &str, peer: &Peer<RoleClient>) -> Result<Catalog, ServiceError> {
    let mut catalog = Catalog::default();
    let mut cursor = None;
    for _ in 0..MAX_PAGES {
        let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
        let page = peer.list_tools(params).await?;
        catalog.add(server, page.tools);
        cursor = page.next_cursor;
        if cursor.is_none() || catalog.tools.len() >= MAX_TOOLS {
            break;
        }
    }
    if cursor.is_some() || catalog.tools.len() > MAX_TOOLS {
        catalog.tools.truncate(MAX_TOOLS);
        catalog.warnings.push(format!("server `{server}` has more tools than the {MAX_TOOLS} that are listed"));
    }
    catalog.tools.sort_by(|a, b| a.name.cmp(&b.name));
    catalog.tools.dedup_by(|a, b| a.name == b.name);
    Ok(catalog)
}

impl Catalog {
    fn add(&mut self, server: &str, tools: Vec<Tool>) {
        for tool in tools {
            match convert(server, tool) {
                Ok(tool) => self.tools.push(tool),
                Err(warning) if self.warnings.len() < 10 => self.warnings.push(warning),
                Err(_) => {}
            }
        }
    }
}

fn convert(server: &str, tool: Tool) -> Result<pb::McpTool, String> {
    let name = name::join(server, &tool.name);
    if tool.name.is_empty() || name.len() > name::MAX_BYTES {
        let bound = name::MAX_BYTES;
        return Err(format!(
            "server `{server}` has a tool whose name is empty or too long: `server__tool` may have {bound} bytes"
        ));
    }
    let schema = complete(tool.input_schema.as_ref().clone());
    let required = required(&schema);
    let input_schema_json = Value::Object(schema).to_string();
    if input_schema_json.len() > MAX_SCHEMA_BYTES {
        return Err(format!("tool `{name}` was left out: its schema has more than {MAX_SCHEMA_BYTES} bytes"));
    }
    let mut description = tool.description.unwrap_or_default().into_owned();
    description.truncate(description.floor_char_boundary(MAX_DESCRIPTION_BYTES));
    Ok(pb::McpTool { server_name: server.to_owned(), name, description, input_schema_json, required })
}

/// Model providers want an object with properties, even where it has none: `null` or nothing in
/// their place makes them refuse the whole request.
fn complete(mut schema: JsonObject) -> JsonObject {
    schema.entry("type").or_insert_with(|| "object".into());
    let properties = schema.entry("properties").or_insert(Value::Null);
    if !properties.is_object() {
        *properties = Value::Object(Map::new());
    }
    if schema.get("required").is_some_and(|required| !required.is_array()) {
        schema.remove("required");
    }
    schema
}

fn required(schema: &JsonObject) -> Vec<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn tool(name: &str, schema: Value) -> Tool {
        let Value::Object(schema) = schema else { panic!("an object") };
        Tool::new(name.to_owned(), "does it", Arc::new(schema))
    }

    fn schema(given: Value) -> Value {
        let tool = convert("s", tool("t", given)).expect("a tool");
        serde_json::from_str(&tool.input_schema_json).expect("JSON")
    }

    /// M01: empty `properties` are kept, and made where a server has none.
    #[test]
    fn m01_empty_properties_are_kept() {
        let empty = json!({"type": "object", "properties": {}});
        for given in [
            empty.clone(),
            json!({}),
            json!({"type": "object", "properties": null}),
            json!({"type": "object", "required": null}),
        ] {
            assert_eq!(schema(given), empty);
        }
        let full = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "x": [null]});
        assert_eq!(schema(full.clone()), full);
    }

    #[test]
    fn required_arguments_are_listed() {
        let given = json!({"properties": {"a": {}, "b": {}}, "required": ["b", "a", 1]});
        assert_eq!(convert("s", tool("t", given)).expect("a tool").required, ["b", "a"]);
    }

    #[test]
    fn what_is_too_large_is_left_out_or_cut() {
        assert!(convert("s", tool(&"t".repeat(125), json!({}))).is_ok());
        assert!(convert("s", tool(&"t".repeat(126), json!({}))).is_err());
        assert!(convert("s", tool("", json!({}))).is_err());
        let large = json!({"properties": {"a": {"description": "x".repeat(70_000)}}});
        assert!(convert("s", tool("t", large)).expect_err("left out").contains("`s__t`"));
        let mut wordy = tool("t", json!({}));
        wordy.description = Some("é".repeat(10_000).into());
        assert_eq!(convert("s", wordy).expect("a tool").description.len(), MAX_DESCRIPTION_BYTES);
    }
}
