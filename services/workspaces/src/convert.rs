//! Between the domain and the contract.

mod build;
mod lifecycle;
mod template;

use chatmesh_core::Timestamp;
use chatmesh_proto::agent::v1 as agents;
use chatmesh_proto::workspaces::v1 as pb;

pub(crate) use build::{build_line, build_lines, failure, transition};
pub(crate) use lifecycle::{log_line, reports, script_run};
pub(crate) use template::{template_version, version_info};

use crate::domain::{Agent, AgentStatus, BuildId, Script, WorkspaceDetails, WorkspaceStatus};

/// The workspace as it is at `now`.
pub(crate) fn workspace(details: WorkspaceDetails, now: Timestamp) -> pb::Workspace {
    let status = pb::WorkspaceStatus::from(details.status());
    let selected = details.agent().ok().map(|selected| agent(selected, now));
    let WorkspaceDetails { workspace, build, agents } = details;
    pb::Workspace {
        id: workspace.id.to_string(),
        owner_id: workspace.owner_id.to_string(),
        name: workspace.name,
        template: workspace.template,
        status: status.into(),
        latest_build: Some(build.into()),
        agent: selected,
        agents: agents.iter().map(|each| agent(each, now)).collect(),
        create_time: Some(workspace.created_at.into()),
        update_time: Some(workspace.updated_at.into()),
        ttl_seconds: workspace.ttl_seconds,
        last_use_time: workspace.last_used_at.map(Into::into),
    }
}

/// The agent as it is at `now`.
pub(crate) fn agent(agent: &Agent, now: Timestamp) -> pb::Agent {
    pb::Agent {
        id: agent.id.to_string(),
        workspace_id: agent.workspace_id.to_string(),
        build_id: agent.build_id.to_string(),
        status: pb::AgentStatus::from(agent.status(now)).into(),
        first_connect_time: agent.first_connected_at.map(Into::into),
        last_connect_time: agent.last_connected_at.map(Into::into),
        disconnect_time: agent.disconnect_time(now).map(Into::into),
        name: agent.name.clone(),
        display_order: agent.display_order,
        parent_id: agent.parent_id.map(|id| id.to_string()).unwrap_or_default(),
        lifecycle_state: agents::LifecycleState::from(agent.lifecycle.state).into(),
        lifecycle_change_time: agent.lifecycle.changed_at.map(Into::into),
        lifecycle_message: agent.lifecycle.message.clone(),
    }
}

/// What the workspace of a build runs.
pub(crate) fn manifest(build_id: BuildId, scripts: Vec<Script>) -> agents::Manifest {
    let scripts = scripts.into_iter().map(Into::into).collect();
    agents::Manifest { build_id: build_id.to_string(), scripts }
}

impl From<Script> for agents::Script {
    fn from(script: Script) -> Self {
        Self {
            id: script.id,
            display_name: script.display_name,
            script: script.script,
            run_on_start: script.run_on_start,
            run_on_stop: script.run_on_stop,
            cron: script.cron,
            timeout_seconds: script.timeout_seconds,
            log_path: script.log_path,
        }
    }
}

impl From<WorkspaceStatus> for pb::WorkspaceStatus {
    fn from(status: WorkspaceStatus) -> Self {
        match status {
            WorkspaceStatus::Pending => Self::Pending,
            WorkspaceStatus::Starting => Self::Starting,
            WorkspaceStatus::Running => Self::Running,
            WorkspaceStatus::Stopping => Self::Stopping,
            WorkspaceStatus::Stopped => Self::Stopped,
            WorkspaceStatus::Failed => Self::Failed,
            WorkspaceStatus::Deleting => Self::Deleting,
            WorkspaceStatus::Deleted => Self::Deleted,
            WorkspaceStatus::Canceling => Self::Canceling,
            WorkspaceStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<AgentStatus> for pb::AgentStatus {
    fn from(status: AgentStatus) -> Self {
        match status {
            AgentStatus::Connecting => Self::Connecting,
            AgentStatus::Connected => Self::Connected,
            AgentStatus::Disconnected => Self::Disconnected,
            AgentStatus::Timeout => Self::Timeout,
        }
    }
}
