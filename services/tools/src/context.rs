//! What a model should know of its workspace before a step: where it is, what the people who work on
//! it want to be heeded, and which skills it has.
//!
//! Everything is read anew for every turn, so that an edit is seen by the next one. What could not be
//! read is said to be so and is not mistaken for "there is nothing".

mod bounded;
mod instructions;
mod missing;
mod skills;

use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::agent::v1::context_service_client::ContextServiceClient;
use chatmesh_proto::agent::v1::{GetContextRequest, GetContextResponse};
use chatmesh_proto::tools::v1::{SkillSummary, WorkspaceContextState};
use chatmesh_rpc::Code;
use tonic::Status;
use tracing::debug;

use crate::agent::{Reached, Workspace};
pub(crate) use chatmesh_core::prompt_text::clean;
pub(crate) use skills::{PERSONAL, WORKSPACE, index};

/// How long a turn waits to learn about its workspace before it begins.
pub(crate) const CONTEXT_TIMEOUT: Duration = Duration::from_secs(3);

/// Pauses between questions that nobody was there to answer.
const MIN_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// What a model is told of its workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) state: WorkspaceContextState,
    /// Where it is and what its instruction files say, or why that is not known.
    pub(crate) text: String,
    /// Its skills.
    pub(crate) skills: Vec<SkillSummary>,
}

impl Context {
    fn of(response: &GetContextResponse) -> Self {
        let is_empty = response.instruction_files.is_empty() && response.skills.is_empty();
        Self {
            state: if is_empty { WorkspaceContextState::Empty } else { WorkspaceContextState::Found },
            text: instructions::text(response),
            skills: skills::summaries(&response.skills),
        }
    }
}

/// Reads the context of a workspace, with the agent that gave it. A workspace that does not answer soon
/// does not hold the turn up, and one that does not run is not waited for at all.
pub(crate) async fn read(workspace: &Workspace) -> (Context, Option<Reached>) {
    let mut reached = None;
    let answer = tokio::time::timeout(CONTEXT_TIMEOUT, ask(workspace, &mut reached)).await;
    let context = match answer {
        Ok(Ok(response)) => Context::of(&response),
        Ok(Err(status)) => {
            let code = status.code();
            debug!(workspace = workspace.workspace_id, ?code, reason = status.message(), "no context of a workspace");
            missing::context(&status)
        }
        Err(_) => {
            debug!(workspace = workspace.workspace_id, "a workspace did not say in time what it is");
            missing::context(&Status::deadline_exceeded("it did not answer in time"))
        }
    };
    (context, reached)
}

/// Asks which agent the workspace has, and asks again where nobody is there to answer: that a replica is replaced is no
/// reason for a turn to know nothing of its workspace. Whoever calls this says how long that may take.
async fn find(workspace: &Workspace) -> Result<Reached, Status> {
    let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
    loop {
        match workspace.find().await {
            Err(status) if status.code() == Code::Unavailable => {
                let (id, reason) = (&workspace.workspace_id, status.message());
                debug!(workspace = id, reason, "nobody can say which agent a workspace has, asking again");
                tokio::time::sleep(backoff.next_pause()).await;
            }
            found => return found,
        }
    }
}

async fn ask(workspace: &Workspace, reached: &mut Option<Reached>) -> Result<GetContextResponse, Status> {
    let found = reached.insert(find(workspace).await?);
    let call = |agent: crate::agent::Agent| async move {
        ContextServiceClient::new(agent.transport()).get_context(agent.request(GetContextRequest {})).await
    };
    workspace.ask(found, CONTEXT_TIMEOUT, call).await
}
