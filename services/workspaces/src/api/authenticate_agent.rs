use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{AgentToken, EXTERNAL};
use crate::state::State;
use crate::{Error, convert};

/// Checks an agent's token. For the relay.
pub(super) async fn authenticate_agent(
    state: &State,
    caller: Caller,
    request: pb::AuthenticateAgentRequest,
) -> Result<pb::AuthenticateAgentResponse, Error> {
    caller.require_service()?;
    let known = state.store.find_agent_by_token(&AgentToken::digest_of(&request.token)).await?;
    let known = known.ok_or(Error::UnknownToken)?;
    if !known.current {
        return Err(if known.provisioner == EXTERNAL { Error::Paused } else { Error::Superseded });
    }
    let agent = convert::agent(&known.agent, state.clock.now());
    let manifest = convert::manifest(known.agent.build_id, known.scripts);
    Ok(pb::AuthenticateAgentResponse {
        agent: Some(agent),
        manifest: Some(manifest),
        token_issue_time: Some(known.agent.created_at.into()),
    })
}
