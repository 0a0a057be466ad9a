//! A workspace that a chat has already, when it asks for one.

use chatmesh_proto::workspaces::v1::{AgentStatus, Build, BuildStatus, Transition, Workspace};
use chatmesh_rpc::Code;
use serde::Serialize;

use super::super::Call;
use super::failure::Trouble;
use super::ready::{self, Readiness};
use super::services::Services;
use super::{MAX_ROUNDS, build, restless, start};
use crate::outcome::Outcome;

/// What the model is told in place of another workspace.
#[derive(Debug, Serialize)]
struct Found {
    created: bool,
    workspace_name: String,
    status: &'static str,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<String>,
    #[serde(flatten)]
    readiness: Readiness,
}

/// What a workspace is good for.
enum Use {
    /// It is being changed: nobody knows yet.
    Wait(Build),
    /// It is stopped.
    Stopped,
    /// It runs; what there is to wait for.
    Running(Build, ready::From),
    /// It is deleted, or cannot be worked in: another one takes its place.
    Replace,
}

/// Says what a chat has in the workspace `id`; `None` where another one is to be made in its place. A build that is
/// under way is waited for.
pub(super) async fn examine(call: &Call<'_>, id: &str) -> Result<Option<Outcome>, Trouble> {
    let services = Services::of(call);
    for _ in 0..MAX_ROUNDS {
        let workspace = match services.workspace(id).await {
            Ok(workspace) => workspace,
            Err(status) if status.code() == Code::NotFound => return Ok(None),
            // Whether it is alive is not known: to make another one now would leave this one to nobody.
            Err(status) => return Err(Trouble::of(&status)),
        };
        match usefulness(&workspace) {
            Use::Replace => return Ok(None),
            Use::Stopped => return Ok(Some(stopped(workspace))),
            Use::Running(build, from) => {
                return Ok(match ready::wait(call, &build, from).await {
                    Ok(readiness) => Some(running(workspace, None, readiness)),
                    Err(ready::Deleted) => None,
                });
            }
            Use::Wait(build) => {
                call.notices.bound(id, &build.id).await;
                let starts = build.transition() == Transition::Start;
                let again = if starts { start::NAME } else { "create_workspace" };
                let build = build::wait(&services, &build, again).await?;
                if starts {
                    let Ok(readiness) = ready::wait(call, &build, ready::From::Connect).await else { return Ok(None) };
                    call.notices.settled(id, &build.id).await;
                    return Ok(Some(running(workspace, Some(build), readiness)));
                }
            }
        }
    }
    Err(restless())
}

fn usefulness(workspace: &Workspace) -> Use {
    let Some(build) = workspace.latest_build.clone() else { return Use::Replace };
    if build::is_active(&build) {
        return Use::Wait(build);
    }
    match (build.status(), build.transition()) {
        (BuildStatus::Succeeded, Transition::Stop) => Use::Stopped,
        (BuildStatus::Succeeded, Transition::Start) => match agent_status(workspace) {
            // What the workspaces know of the agent counts, not a single try to reach it.
            Some(AgentStatus::Connected) => Use::Running(build, ready::From::Scripts),
            Some(AgentStatus::Connecting) => Use::Running(build, ready::From::Connect),
            // Nothing says which of several is meant, and another workspace of the template would be no better: whoever
            // waits for the agent is told.
            None if has_agents(workspace) => Use::Running(build, ready::From::Connect),
            _ => Use::Replace,
        },
        _ => Use::Replace,
    }
}

fn agent_status(workspace: &Workspace) -> Option<AgentStatus> {
    workspace.agent.as_ref().map(|agent| agent.status())
}

/// True where there are agents of which one may be meant: those of other agents never are.
fn has_agents(workspace: &Workspace) -> bool {
    workspace.agents.iter().any(|agent| agent.parent_id.is_empty())
}

fn stopped(workspace: Workspace) -> Outcome {
    Outcome::of(&Found {
        created: false,
        workspace_name: workspace.name,
        status: "stopped",
        message: "this chat has a workspace, which is stopped: start it with `start_workspace`",
        build_id: None,
        readiness: Readiness::default(),
    })
}

fn running(workspace: Workspace, joined: Option<Build>, readiness: Readiness) -> Outcome {
    Outcome::of(&Found {
        created: false,
        workspace_name: workspace.name,
        status: "already_exists",
        message: "this chat has a workspace, which is running: use it; no other was made",
        build_id: joined.map(|build| build.id),
        readiness,
    })
}
