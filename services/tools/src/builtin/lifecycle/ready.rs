//! Waits until what was built can be worked in: until the agent answers, and its startup scripts have ended.
//!
//! Nothing here is a failure of the tool as long as the workspace is there: the model is told what is the matter with it.

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::agent::v1::LifecycleState;
use chatmesh_proto::workspaces::v1::{Agent, Build, Workspace};
use chatmesh_rpc::Code;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;

use super::super::Call;
use super::build::timeout_of;
use super::deleted;
use super::failure::{Trouble, is};
use super::services::Services;
use crate::agent::explain;

/// How long an agent has to connect where its template does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// How long the startup scripts have.
const SCRIPTS_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Pauses between looks at the scripts.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// What is the matter with the agent; empty where it is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Readiness {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    startup_scripts: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lifecycle_state: Option<String>,
}

/// The workspace is deleted: there is nothing to wait for any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deleted;

impl std::convert::From<Deleted> for Trouble {
    fn from(Deleted: Deleted) -> Self {
        deleted()
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The agent, then its scripts.
    Connect,
    /// The scripts of an agent that is known to be connected.
    Scripts,
}

/// Waits until the workspace that `build` started can be worked in.
///
/// # Errors
/// It is deleted by now.
pub(super) async fn wait(call: &Call<'_>, build: &Build, from: From) -> Result<Readiness, Deleted> {
    let services = Services::of(call);
    let timeouts = build.timeouts.unwrap_or_default();
    let agent_id = match from {
        From::Scripts => None,
        From::Connect => {
            let longest = timeout_of(Some(timeouts.connection_seconds), CONNECT_TIMEOUT);
            match connect(call, build, longest).await? {
                Ok(agent_id) => Some(agent_id),
                Err(readiness) => return Ok(readiness),
            }
        }
    };
    scripts(&services, build, agent_id, timeout_of(Some(timeouts.startup_seconds), SCRIPTS_TIMEOUT)).await
}

/// Waits for the agent, as the workspace has it at each moment. Where it does not connect, that is told.
async fn connect(call: &Call<'_>, build: &Build, longest: Duration) -> Result<Result<String, Readiness>, Deleted> {
    let deadline = Instant::now() + longest;
    let workspace = call.workspace.at(&build.workspace_id);
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    let mut last = None;
    loop {
        // Why a workspace has no agent to wait for is known before the wait.
        match timeout_at(deadline, workspace.find()).await {
            // Where an agent is named, it may be that alone which is not there.
            Ok(Err(status)) if is_deleted(&status) && call.workspace.agent.is_empty() => return Err(Deleted),
            Ok(Err(status)) if matches!(status.code(), Code::FailedPrecondition | Code::NotFound) => {
                return Ok(Err(not_selected(&status)));
            }
            Ok(_) => {}
            Err(_) => break,
        }
        match timeout_at(deadline, workspace.await_agent()).await {
            Ok(Ok(agent_id)) => return Ok(Ok(agent_id)),
            Ok(Err(status)) => last = Some(status),
            Err(_) => break,
        }
        if timeout_at(deadline, sleep(backoff.next_pause())).await.is_err() {
            break;
        }
    }
    let error = last.map_or_else(
        || format!("the agent did not connect within {}", humantime::format_duration(longest)),
        |status| explain(&status),
    );
    Ok(Err(Readiness { agent_status: Some("not_ready"), agent_error: Some(error), ..Readiness::default() }))
}

/// True where a workspace is not there any more. For others it looks as if it never was.
fn is_deleted(status: &Status) -> bool {
    status.code() == Code::NotFound || is(status, "WORKSPACE_DELETED")
}

fn not_selected(status: &Status) -> Readiness {
    let agent_status = if is(status, "AGENT_AMBIGUOUS") { "selection_error" } else { "no_agent" };
    let agent_error = Some(status.message().to_owned());
    Readiness { agent_status: Some(agent_status), agent_error, ..Readiness::default() }
}

/// Waits until the startup scripts have ended. An answer that does not come changes nothing of the wait.
async fn scripts(
    services: &Services<'_>,
    build: &Build,
    agent_id: Option<String>,
    longest: Duration,
) -> Result<Readiness, Deleted> {
    let deadline = Instant::now() + longest;
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    let soft = |startup_scripts| Ok(Readiness { startup_scripts: Some(startup_scripts), ..Readiness::default() });
    loop {
        match timeout_at(deadline, services.workspace(&build.workspace_id)).await {
            Err(_) => return soft("startup_scripts_timeout"),
            Ok(Ok(workspace)) => match state(&workspace, build, agent_id.as_deref()) {
                None => return soft("startup_scripts_unknown"),
                Some(LifecycleState::Ready) => return Ok(Readiness::default()),
                Some(LifecycleState::Unspecified | LifecycleState::Created | LifecycleState::Starting) => {}
                Some(other) => {
                    let failed = soft("startup_scripts_failed")?;
                    return Ok(Readiness { lifecycle_state: Some(word(other)), ..failed });
                }
            },
            Ok(Err(status)) if is_deleted(&status) => return Err(Deleted),
            Ok(Err(_)) => {}
        }
        if timeout_at(deadline, sleep(backoff.next_pause())).await.is_err() {
            return soft("startup_scripts_timeout");
        }
    }
}

/// How far the agent of the build is; `None` where another build took its place.
fn state(workspace: &Workspace, build: &Build, agent_id: Option<&str>) -> Option<LifecycleState> {
    if workspace.latest_build.as_ref().is_none_or(|latest| latest.id != build.id) {
        return None;
    }
    let agent = match agent_id {
        Some(id) => workspace.agents.iter().find(|agent| agent.id == id),
        None => workspace.agent.as_ref(),
    };
    agent.map(Agent::lifecycle_state)
}

/// A state as models read it, like `start_error`.
fn word(state: LifecycleState) -> String {
    let name = state.as_str_name();
    name.strip_prefix("LIFECYCLE_STATE_").unwrap_or(name).to_lowercase()
}
