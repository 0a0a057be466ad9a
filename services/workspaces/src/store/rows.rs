//! Rows as they are read.

pub(super) mod build_logs;
pub(super) mod lifecycle;
pub(super) mod templates;

use std::time::Duration;

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row};

use templates::json;

use super::unreadable::Readable;
use super::{AgentDetails, Due, KnownAgent};
use crate::domain::{
    Agent, Build, BuildId, BuildReason, BuildStatus, ErrorCode, Lifecycle, LifecycleState, Recipe, RunsUntil, Terms,
    Transition, UnknownWord, Workspace, WorkspaceDetails, WorkspaceId, sort,
};

/// A row of which only the identifier matters.
pub(super) struct Id(pub(super) Uuid);

/// A row of which only a number matters.
pub(super) struct Number(pub(super) u32);

/// An agent, and what its token is recognised by.
pub(super) struct Digest(pub(super) Uuid, pub(super) Vec<u8>);

/// The variables with which agents are started by hand, as JSON; empty where they are not.
pub(super) struct Environment(pub(super) String);

/// How long a workspace runs without being used, in seconds.
pub(super) struct Ttl(pub(super) Option<u32>);

/// A build that waits for a provisioner. Nothing of it is here that a newer release may write in another way.
pub(super) struct Waiting {
    pub(super) id: BuildId,
    /// The kind of provisioner.
    pub(super) kind: String,
    /// How often it was handed out.
    pub(super) leases: u32,
}

/// A workspace that is used, with no more of its latest build than that changes.
pub(super) struct Used {
    pub(super) workspace_id: WorkspaceId,
    pub(super) last_used_at: Option<Timestamp>,
    pub(super) build_id: BuildId,
    pub(super) deadline: Option<Timestamp>,
    /// `None` where it does not run.
    pub(super) runs: Option<RunsUntil>,
}

/// A workspace that nobody has claimed.
pub(super) struct Unclaimed {
    pub(super) workspace_id: Uuid,
    pub(super) name: String,
    /// `None` where it can not be read.
    pub(super) details: Option<WorkspaceDetails>,
}

impl FromRow for Id {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("id")?))
    }
}

impl FromRow for Number {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.u32("number")?))
    }
}

impl FromRow for Digest {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("id")?, row.get("token_digest")?))
    }
}

impl FromRow for Environment {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("agent_environment")?))
    }
}

impl FromRow for Ttl {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.u32_or_null("ttl_seconds")?))
    }
}

impl FromRow for Due {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let (build_id, workspace_id) = (row.id("id")?, row.id("workspace_id")?);
        Ok(Self { build_id, workspace_id, deadline: row.get("deadline")? })
    }
}

impl FromRow for Used {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let terms: Terms = json(row, "terms")?;
        let (deadline, max_deadline) = (row.get("deadline")?, row.get("max_deadline")?);
        let runs = row.get::<bool>("runs")?;
        Ok(Self {
            workspace_id: row.id("w_id")?,
            last_used_at: row.get("w_last_used_at")?,
            build_id: row.id("id")?,
            deadline,
            runs: runs.then_some(RunsUntil { deadline, max_deadline, bump_seconds: terms.bump_seconds }),
        })
    }
}

impl FromRow for Unclaimed {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let details = Readable::from_row(row)?.0;
        Ok(Self { workspace_id: row.get("w_id")?, name: row.get("w_name")?, details })
    }
}

impl FromRow for Build {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let cancel_requested = row.get("canceled")?;
        let error_code = word::<ErrorCode>(row, "error_code")?;
        let status = BuildStatus::read(row.get("status")?, cancel_requested, error_code);
        Ok(Self {
            id: row.id("id")?,
            workspace_id: row.id("workspace_id")?,
            number: row.u32("build_number")?,
            transition: row.parse::<String, Transition>("transition")?,
            reason: word::<BuildReason>(row, "reason")?,
            initiator: row.id_or_null("initiator_id")?,
            recipe: Recipe::from_row(row)?,
            terms: json(row, "terms")?,
            status: status.map_err(|error| DbError::inconsistent("status", error))?,
            cancel_requested,
            error: row.get("error")?,
            error_code,
            daily_cost: row.u32("daily_cost")?,
            deadline: row.get("deadline")?,
            max_deadline: row.get("max_deadline")?,
            leased_by: row.get::<Option<String>>("leased_by")?.filter(|holder| !holder.is_empty()),
            lease_expires_at: row.get("lease_expires_at")?,
            created_at: row.get("created_at")?,
            completed_at: row.get("completed_at")?,
        })
    }
}

/// Reads a word that may be absent.
fn word<T: TryFrom<String, Error = UnknownWord>>(row: &Row, column: &str) -> Result<Option<T>, DbError> {
    let word = row.get::<Option<String>>(column)?.map(T::try_from).transpose();
    word.map_err(|error| DbError::inconsistent(column, error))
}

impl FromRow for Waiting {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { id: row.id("id")?, kind: row.get("provisioner")?, leases: row.u32("leases")? })
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
            ttl_seconds: row.u32_or_null("w_ttl_seconds")?,
            last_used_at: row.get("w_last_used_at")?,
        };
        let has_agent = row.get::<Option<Uuid>>("a_id")?.is_some();
        let build = Build::from_row(row)?;
        let agents = match has_agent {
            true => vec![agent(row, build.completed_at, build.terms.timeouts.connection)?],
            false => Vec::new(),
        };
        Ok(Self { workspace, build, agents })
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
        // Agents report also where a newer release has written what this one can not read of their builds.
        let terms: Terms = serde_json::from_str(&row.get::<String>("terms")?).unwrap_or_default();
        let agent = agent(row, row.get("completed_at")?, terms.timeouts.connection)?;
        Ok(Self { agent, current: row.get("is_current")? })
    }
}

impl FromRow for AgentDetails {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let KnownAgent { agent, current } = KnownAgent::from_row(row)?;
        let scripts = serde_json::from_str(&row.get::<String>("scripts")?);
        let scripts = scripts.map_err(|error| DbError::inconsistent("scripts", error))?;
        Ok(Self { agent, current, scripts, provisioner: row.get("provisioner")? })
    }
}

/// Reads an agent of a build that ended at `built_at`.
fn agent(row: &Row, built_at: Option<Timestamp>, connection_timeout: Option<Duration>) -> Result<Agent, DbError> {
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
        built_at,
        connection_timeout,
        first_connected_at: row.get("a_first_connected_at")?,
        last_connected_at: row.get("a_last_connected_at")?,
        disconnected_at: row.get("a_disconnected_at")?,
    })
}
