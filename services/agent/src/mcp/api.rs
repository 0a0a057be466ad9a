//! `McpService`.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::mcp_service_server::McpService;
use rmcp::model::JsonObject;
use tonic::{Request, Response, Status};

use super::error::Error;
use super::manager::Manager;

/// The largest arguments.
const MAX_ARGUMENTS_BYTES: usize = 1024 * 1024;
/// The longest id of a call.
const MAX_CALL_ID_BYTES: usize = 256;

/// Serves `McpService`.
#[derive(Debug)]
pub(crate) struct McpApi {
    manager: Manager,
}

impl McpApi {
    pub(crate) fn new(manager: Manager) -> Self {
        Self { manager }
    }
}

#[tonic::async_trait]
impl McpService for McpApi {
    async fn list_mcp_tools(
        &self,
        request: Request<pb::ListMcpToolsRequest>,
    ) -> Result<Response<pb::ListMcpToolsResponse>, Status> {
        let pb::ListMcpToolsRequest { refresh, wait_ms } = request.into_inner();
        let wait = wait_ms.map(|wait_ms| Duration::from_millis(wait_ms.into()));
        Ok(Response::new(self.manager.list(refresh, wait).await?))
    }

    async fn call_mcp_tool(
        &self,
        request: Request<pb::CallMcpToolRequest>,
    ) -> Result<Response<pb::CallMcpToolResponse>, Status> {
        let pb::CallMcpToolRequest { name, arguments_json, tool_call_id } = request.into_inner();
        if tool_call_id.len() > MAX_CALL_ID_BYTES {
            return Err(Error::Invalid(format!("`tool_call_id` must have {MAX_CALL_ID_BYTES} bytes at most")).into());
        }
        let arguments = arguments(&arguments_json)?;
        Ok(Response::new(self.manager.call(&name, arguments, &tool_call_id).await?))
    }
}

fn arguments(json: &str) -> Result<JsonObject, Error> {
    if json.len() > MAX_ARGUMENTS_BYTES {
        return Err(Error::Invalid(format!("`arguments_json` must have {MAX_ARGUMENTS_BYTES} bytes at most")));
    }
    if json.trim().is_empty() {
        return Ok(JsonObject::new());
    }
    serde_json::from_str(json).map_err(|_| Error::Invalid("`arguments_json` must be a JSON object".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_or_nothing() {
        for (json, count) in [("", 0), ("  ", 0), ("{}", 0), (r#"{"a":null,"b":[1]}"#, 2)] {
            assert_eq!(arguments(json).expect(json).len(), count);
        }
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ARGUMENTS_BYTES));
        for json in ["null", "[]", "1", "\"a\"", "{", "{}{}", &long] {
            assert!(matches!(arguments(json), Err(Error::Invalid(_))), "{}", &json[..json.len().min(20)]);
        }
    }
}
