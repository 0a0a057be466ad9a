//! Workspaces and templates.

use std::collections::HashMap;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::workspaces::v1::template_service_client::TemplateServiceClient;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{
    CreateWorkspaceRequest, DeleteWorkspaceRequest, GetTemplateRequest, GetTemplateVersionRequest,
    ListTemplatesRequest, StartWorkspaceRequest, StopWorkspaceRequest, Workspace,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tonic::{Response, Status};

use super::call::Call;
use super::failure::sentence;
use crate::forward::{in_time, with_assertion};

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    page_token: String,
}

/// Lists the caller's workspaces.
pub(super) async fn list_workspaces(call: &Call<'_>) -> Result<Value, String> {
    let Page { page_token } = call.parse()?;
    let page = call.page(0, page_token).await?;
    let workspaces: Vec<Value> = page.workspaces.iter().map(shown).collect();
    Ok(json!({"workspaces": workspaces, "next_page_token": page.next_page_token}))
}

#[derive(Debug, Deserialize)]
struct Named {
    workspace: String,
}

/// Returns a workspace.
pub(super) async fn get_workspace(call: &Call<'_>) -> Result<Value, String> {
    let Named { workspace } = call.parse()?;
    Ok(shown(&call.workspace(&workspace).await?))
}

#[derive(Debug, Deserialize)]
struct Create {
    template: String,
    name: String,
    #[serde(default)]
    parameters: HashMap<String, String>,
    #[serde(default)]
    preset: String,
}

/// Creates a workspace, and does not wait for it.
pub(super) async fn create_workspace(call: &Call<'_>) -> Result<Value, String> {
    let Create { template, name, parameters, preset } = call.parse()?;
    let request_id = SystemIds.next().to_string();
    let message =
        CreateWorkspaceRequest { template, name, parameters, preset, request_id, ..CreateWorkspaceRequest::default() };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let created = answer(workspaces.create_workspace(with_assertion(&call.headers, message))).await?;
    Ok(shown(&created.workspace.unwrap_or_default()))
}

#[derive(Debug, Deserialize)]
struct Start {
    workspace: String,
    #[serde(default)]
    parameters: HashMap<String, String>,
}

/// Starts a workspace, and does not wait for it.
pub(super) async fn start_workspace(call: &Call<'_>) -> Result<Value, String> {
    let Start { workspace, parameters } = call.parse()?;
    let workspace = call.workspace(&workspace).await?;
    let message = StartWorkspaceRequest {
        workspace_id: workspace.id,
        request_id: SystemIds.next().to_string(),
        parameters,
        ..StartWorkspaceRequest::default()
    };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let started = answer(workspaces.start_workspace(with_assertion(&call.headers, message))).await?;
    Ok(json!({"workspace": workspace.name, "build_id": started.build.unwrap_or_default().id}))
}

/// Stops a workspace, and does not wait for it.
pub(super) async fn stop_workspace(call: &Call<'_>) -> Result<Value, String> {
    let Named { workspace } = call.parse()?;
    let workspace = call.workspace(&workspace).await?;
    let request_id = SystemIds.next().to_string();
    let message = StopWorkspaceRequest { workspace_id: workspace.id, request_id };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let stopped = answer(workspaces.stop_workspace(with_assertion(&call.headers, message))).await?;
    Ok(json!({"workspace": workspace.name, "build_id": stopped.build.unwrap_or_default().id}))
}

/// Deletes a workspace, and does not wait for it.
pub(super) async fn delete_workspace(call: &Call<'_>) -> Result<Value, String> {
    let Named { workspace } = call.parse()?;
    let workspace = call.workspace(&workspace).await?;
    let message = DeleteWorkspaceRequest { workspace_id: workspace.id };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let deleted = answer(workspaces.delete_workspace(with_assertion(&call.headers, message))).await?;
    Ok(json!({"workspace": workspace.name, "build_id": deleted.build.unwrap_or_default().id}))
}

/// Lists the templates.
pub(super) async fn list_templates(call: &Call<'_>) -> Result<Value, String> {
    let Page { page_token } = call.parse()?;
    let message = ListTemplatesRequest { page_token, ..ListTemplatesRequest::default() };
    let mut workspaces = WorkspaceServiceClient::new(call.mcp.workspaces.clone());
    let page = answer(workspaces.list_templates(with_assertion(&call.headers, message))).await?;
    let template = |template: &chatmesh_proto::workspaces::v1::Template| {
        json!({
            "name": template.name,
            "display_name": template.display_name,
            "description": template.description,
            "deprecation": template.deprecation,
        })
    };
    let templates: Vec<Value> = page.templates.iter().map(template).collect();
    Ok(json!({"templates": templates, "next_page_token": page.next_page_token}))
}

#[derive(Debug, Deserialize)]
struct Template {
    template: String,
}

/// Returns a template with what may be chosen for its workspaces.
pub(super) async fn get_template(call: &Call<'_>) -> Result<Value, String> {
    let Template { template } = call.parse()?;
    let mut templates = TemplateServiceClient::new(call.mcp.workspaces.clone());
    let message = GetTemplateRequest { template: template.clone() };
    let found = answer(templates.get_template(with_assertion(&call.headers, message))).await?;
    let found = found.template.unwrap_or_default();
    let message = GetTemplateVersionRequest { template, version: found.active_version_id.clone() };
    let version = answer(templates.get_template_version(with_assertion(&call.headers, message))).await?;
    let mut version = version.version.unwrap_or_default();
    // For administrators, who have it elsewhere.
    version.manifest.clear();
    let choices = serde_json::to_value(&version).map_err(|error| error.to_string())?;
    Ok(json!({
        "name": found.name,
        "description": found.description,
        "deprecation": found.deprecation,
        "parameters": choices["parameters"],
        "presets": choices["presets"],
        "readme": version.readme,
    }))
}

/// What a service answers, as far as it does.
pub(super) async fn answer<M>(call: impl Future<Output = Result<Response<M>, Status>>) -> Result<M, String> {
    in_time(call).await.map(Response::into_inner).map_err(|status| sentence(&status))
}

/// What a client needs to know of a workspace.
fn shown(workspace: &Workspace) -> Value {
    let agents: Vec<Value> = workspace
        .agents
        .iter()
        .map(|agent| json!({"name": agent.name, "status": agent.status().as_str_name()}))
        .collect();
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "template": workspace.template,
        "status": workspace.status().as_str_name(),
        "agents": agents,
    })
}
