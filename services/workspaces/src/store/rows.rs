//! Rows as they are read.

pub(super) mod lifecycle;

use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row};

use super::{AgentDetails, KnownAgent};
use crate::domain::{
    Agent, Build, BuildStatus, Lifecycle, LifecycleState, Template, Transition, Workspace, WorkspaceDetails, sort,
};

/// A row of which only the identifier matters.
pub(super) struct Id(pub(super) Uuid);

/// A build with the kind of provisioner that it is for.
pub(super) struct KindAndBuild(pub(super) String, pub(super) Build);

impl FromRow for Id {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("id")?))
    }
}

impl FromRow for Template {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            provisioner: row.get("provisioner")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for Build {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            workspace_id: row.id("workspace_id")?,
            number: row.u32("build_number")?,
            transition: row.parse::<String, Transition>("transition")?,
            status: row.parse::<String, BuildStatus>("status")?,
            error: row.get("error")?,
            leased_by: row.get("leased_by")?,
            lease_expires_at: row.get("lease_expires_at")?,
            created_at: row.get("created_at")?,
            completed_at: row.get("completed_at")?,
        })
    }
}

impl FromRow for KindAndBuild {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("provisioner")?, Build::from_row(row)?))
    }
}

impl FromRow for WorkspaceDetails {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let workspace = Workspace {
            id: row.id("w_id")?,
            owner_id: row.id("w_owner_id")?,
            name: row.get("w_name")?,
            template_id: row.id("w_template_id")?,
            template: row.get("w_template")?,
            deleted: row.get("w_deleted")?,
            created_at: row.get("w_created_at")?,
            updated_at: row.get("w_updated_at")?,
        };
        let has_agent = row.get::<Option<Uuid>>("a_id")?.is_some();
        let agents = if has_agent { vec![agent(row)?] } else { Vec::new() };
        Ok(Self { workspace, build: Build::from_row(row)?, agents })
    }
}

/// Puts rows of the same workspace together, which are beside each other and differ in their agents.
pub(super) fn join(rows: Vec<WorkspaceDetails>) -> Vec<WorkspaceDetails> {
    let mut joined: Vec<WorkspaceDetails> = Vec::with_capacity(rows.len());
    for row in rows {
        match joined.last_mut() {
            Some(last) if last.workspace.id == row.workspace.id => last.agents.extend(row.agents),
            _ => joined.push(row),
        }
    }
    for details in &mut joined {
        sort(&mut details.agents);
    }
    joined
}

impl FromRow for KnownAgent {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { agent: agent(row)?, current: row.get("is_current")? })
    }
}

impl FromRow for AgentDetails {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let KnownAgent { agent, current } = KnownAgent::from_row(row)?;
        let scripts = serde_json::from_str(&row.get::<String>("scripts")?);
        let scripts = scripts.map_err(|error| DbError::inconsistent("scripts", error))?;
        Ok(Self { agent, current, scripts })
    }
}

fn agent(row: &Row) -> Result<Agent, DbError> {
    Ok(Agent {
        id: row.id("a_id")?,
        workspace_id: row.id("a_workspace_id")?,
        build_id: row.id("a_build_id")?,
        name: row.get("a_name")?,
        display_order: row.parse::<i64, i32>("a_display_order")?,
        parent_id: row.id_or_null("a_parent_id")?,
        lifecycle: Lifecycle {
            state: row.parse::<String, LifecycleState>("a_lifecycle_state")?,
            changed_at: row.get("a_lifecycle_changed_at")?,
            message: row.get("a_lifecycle_message")?,
        },
        epoch: row.u32("a_epoch")?,
        created_at: row.get("a_created_at")?,
        first_connected_at: row.get("a_first_connected_at")?,
        last_connected_at: row.get("a_last_connected_at")?,
        disconnected_at: row.get("a_disconnected_at")?,
    })
}
