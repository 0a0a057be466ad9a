//! What went on in a workspace, and who asks.

use chatmesh_proto::agent::v1::LogLevel;
use chatmesh_proto::identity::v1::GetMeRequest;
use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{GetBuildRequest, ListAgentLogsRequest, ListBuildLogsRequest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::lifecycle::answer;
use super::name::Place;
use crate::forward::with_assertion;

/// How many lines are returned at once.
const PAGE_SIZE: i32 = 200;

#[derive(Debug, Deserialize)]
struct BuildLogs {
    workspace: String,
    build_id: Option<String>,
    #[serde(default)]
    page_token: String,
}

/// Returns the log of a build, and how far that is.
pub(super) async fn build_logs(call: &Call<'_>) -> Result<Value, String> {
    let BuildLogs { workspace, build_id, page_token } = call.parse()?;
    let workspace = call.workspace(&workspace).await?;
    let latest = workspace.latest_build.map(|build| build.id).unwrap_or_default();
    let build_id = build_id.filter(|id| !id.is_empty()).unwrap_or(latest);
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let message = GetBuildRequest { workspace_id: workspace.id.clone(), build_id: build_id.clone() };
    let build = answer(workspaces.get_build(with_assertion(&call.headers, message))).await?;
    let build = build.build.unwrap_or_default();
    let message = ListBuildLogsRequest { workspace_id: workspace.id, build_id, page_size: PAGE_SIZE, page_token };
    let page = answer(workspaces.list_build_logs(with_assertion(&call.headers, message))).await?;
    let lines: Vec<Value> = page
        .lines
        .iter()
        .map(|line| json!({"stage": line.stage, "level": level(line.level()), "text": line.text}))
        .collect();
    Ok(json!({
        "build_id": build.id,
        "transition": build.transition().as_str_name(),
        "status": build.status().as_str_name(),
        "error": build.error,
        "lines": lines,
        "next_page_token": page.next_page_token,
    }))
}

#[derive(Debug, Deserialize)]
struct AgentLogs {
    workspace: String,
    #[serde(default)]
    page_token: String,
}

/// Returns what the scripts of an agent printed.
pub(super) async fn agent_logs(call: &Call<'_>) -> Result<Value, String> {
    let AgentLogs { workspace: name, page_token } = call.parse()?;
    let Place { workspace, agent } = call.place(&name).await?;
    let found = match agent.as_str() {
        "" => workspace.agent,
        agent => workspace.agents.into_iter().find(|other| other.name == agent),
    };
    let agent = found.ok_or_else(|| format!("workspace `{}` has no agent: it does not run", workspace.name))?;
    let message =
        ListAgentLogsRequest { workspace_id: workspace.id, agent_id: agent.id, page_size: PAGE_SIZE, page_token };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let page = answer(workspaces.list_agent_logs(with_assertion(&call.headers, message))).await?;
    let lines: Vec<Value> = page
        .lines
        .iter()
        .map(|line| json!({"script": line.script_name, "level": level(line.level()), "text": line.text}))
        .collect();
    Ok(json!({"agent": agent.name, "lines": lines, "next_page_token": page.next_page_token}))
}

/// A level as people read it, like `warn`.
fn level(level: LogLevel) -> String {
    let name = level.as_str_name();
    name.strip_prefix("LOG_LEVEL_").unwrap_or(name).to_lowercase()
}

/// Returns the caller.
pub(super) async fn authenticated_user(call: &Call<'_>) -> Result<Value, String> {
    let mut identity = IdentityServiceClient::new(call.mcp.identity.clone());
    let me = answer(identity.get_me(with_assertion(&call.headers, GetMeRequest {}))).await?;
    let me = me.user.unwrap_or_default();
    Ok(json!({"id": me.id, "name": me.name, "role": me.role().as_str_name()}))
}
