use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;
use tracing::warn;

use crate::domain::{Agent, NotSelected, WorkspaceDetails, WorkspaceId, WorkspaceStatus};
use crate::state::State;
use crate::{Error, convert};

/// Returns the agent that a workspace is reached through; that counts as a use. For its owner, and for services that act
/// for them.
pub(super) async fn resolve_agent(
    state: &State,
    caller: Caller,
    request: pb::ResolveAgentRequest,
) -> Result<pb::ResolveAgentResponse, Error> {
    let id = request.workspace_id.parse::<WorkspaceId>().map_err(|error| Violations::one("workspace_id", error))?;
    let details = state.open(&caller, id).await?;
    let chosen = match request.agent.as_str() {
        "" => details.agent(),
        name => Ok(named(&details, name)?),
    };
    match (details.status(), chosen) {
        (WorkspaceStatus::Running, Ok(agent)) => {
            let agent = Some(convert::agent(agent, state.clock.now()));
            // Whoever asks for the agent is about to use the workspace. That it is not known is no reason to refuse.
            if let Err(error) = state.report_use(id, pb::ActivityReason::Connection).await {
                warn!(workspace = %id, %error, "that a workspace is used could not be recorded");
            }
            Ok(pb::ResolveAgentResponse { agent, owner_id: details.workspace.owner_id.to_string() })
        }
        (WorkspaceStatus::Running, Err(NotSelected::Ambiguous(agents))) => {
            Err(Error::Ambiguous { name: details.workspace.name, agents })
        }
        _ => Err(Error::not_running(details)),
    }
}

/// The agent of this name. Where the workspace does not run it has none, and that is what is said.
fn named<'a>(details: &'a WorkspaceDetails, name: &str) -> Result<&'a Agent, Error> {
    let found = details.agents.iter().find(|agent| agent.name == name && agent.parent_id.is_none());
    found.ok_or_else(|| match details.status() {
        WorkspaceStatus::Running => Error::NotFound { kind: "agent", id: format!("{}.{name}", details.workspace.name) },
        _ => Error::not_running(details.clone()),
    })
}
