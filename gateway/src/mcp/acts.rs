//! Tools for files and commands: those that chats have, carried out by the same service.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::tools::v1::CallWorkspaceToolRequest;
use chatmesh_proto::tools::v1::workspace_tool_service_client::WorkspaceToolServiceClient;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::failure::sentence;
use super::name::Place;
use crate::forward::with_assertion;

#[derive(Debug, Deserialize)]
struct Workspace {
    workspace: String,
}

/// Passes the other arguments on as they are.
pub(super) async fn pass(call: &Call<'_>, tool: &str) -> Result<Value, String> {
    let Workspace { workspace } = call.parse()?;
    let Place { workspace, agent } = call.place(&workspace).await?;
    let message = CallWorkspaceToolRequest {
        workspace_id: workspace.id,
        name: tool.to_owned(),
        args: arguments(call).to_string(),
        idempotency_key: key(),
        agent,
        ..CallWorkspaceToolRequest::default()
    };
    send(call, message).await
}

/// What the tool of a chat is given: everything but the workspace, which chats need not name.
pub(super) fn arguments(call: &Call<'_>) -> Value {
    let mut arguments = call.arguments.clone();
    if let Some(arguments) = arguments.as_object_mut() {
        arguments.remove("workspace");
    }
    arguments
}

/// Names the effects of one call.
pub(super) fn key() -> String {
    format!("mcp/{}", SystemIds.next())
}

/// Has a tool run. A failure that has fields is a result.
pub(super) async fn send(call: &Call<'_>, message: CallWorkspaceToolRequest) -> Result<Value, String> {
    let mut tools = WorkspaceToolServiceClient::new(call.mcp.tools.clone())
        .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
    let called = tools.call_workspace_tool(with_assertion(&call.headers, message)).await;
    let called = called.map_err(|status| sentence(&status))?.into_inner();
    let result: Value = serde_json::from_str(&called.result).unwrap_or_else(|_| json!({}));
    match result.get("error").and_then(Value::as_str) {
        Some(error) if called.is_error => Err(error.to_owned()),
        _ => Ok(result),
    }
}
