use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{NotSelected, WorkspaceDetails, WorkspaceStatus};
use crate::state::State;
use crate::{Error, convert};

/// Returns the agent that a workspace is reached through. For its owner, and for services that act for them.
pub(super) async fn resolve_agent(
    state: &State,
    caller: Caller,
    request: pb::ResolveAgentRequest,
) -> Result<pb::ResolveAgentResponse, Error> {
    let id = request.workspace_id.parse().map_err(|error| Violations::one("workspace_id", error))?;
    let details = state.open(&caller, id).await?;
    match (details.status(), details.agent()) {
        (WorkspaceStatus::Running, Ok(agent)) => {
            let agent = Some(convert::agent(agent, state.clock.now()));
            Ok(pb::ResolveAgentResponse { agent, owner_id: details.workspace.owner_id.to_string() })
        }
        (WorkspaceStatus::Running, Err(NotSelected::Ambiguous(agents))) => {
            Err(Error::Ambiguous { name: details.workspace.name, agents })
        }
        _ => Err(Error::NotRunning { advice: advice(&details), name: details.workspace.name }),
    }
}

fn advice(details: &WorkspaceDetails) -> String {
    match details.status() {
        status @ (WorkspaceStatus::Stopped | WorkspaceStatus::Running) => {
            format!("it is {status}; start it, then try again")
        }
        WorkspaceStatus::Failed => {
            let error = details.build.error.as_deref().unwrap_or("no reason is known");
            format!("its latest build failed ({error}); start it to try again")
        }
        status @ (WorkspaceStatus::Pending | WorkspaceStatus::Starting) => {
            format!("it is {status}; wait until it runs, then try again")
        }
        status @ (WorkspaceStatus::Stopping | WorkspaceStatus::Deleting | WorkspaceStatus::Deleted) => {
            format!("it is {status}; wait until that is done, then start it or create another one")
        }
    }
}
