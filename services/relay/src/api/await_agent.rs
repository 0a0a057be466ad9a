use std::time::Duration;

use chatmesh_core::{ParseIdError, Uuid, Violations};
use chatmesh_proto::relay::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::state::State;

/// The longest wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);

/// Waits until an agent is connected.
pub(super) async fn await_agent(
    state: &State,
    caller: Caller,
    request: pb::AwaitAgentRequest,
) -> Result<pb::AwaitAgentResponse, Error> {
    caller.require_service()?;
    let agent = Uuid::try_parse(&request.agent_id).map_err(|_| Violations::one("agent_id", ParseIdError))?;
    let timeout = match request.timeout_ms {
        0 => MAX_TIMEOUT,
        millis => Duration::from_millis(millis.into()).min(MAX_TIMEOUT),
    };
    let session = tokio::select! {
        session = state.sessions.wait_for(agent) => session,
        () = tokio::time::sleep(timeout) => return Err(Error::NotConnected(agent.to_string())),
        // The agent will be at another replica then; the caller asks there.
        () = state.tasks.shutdown().soft().cancelled() => return Err(Error::ShuttingDown),
    };
    Ok(pb::AwaitAgentResponse {
        session_id: session.session_id.to_string(),
        connect_time: Some(session.connected_at.into()),
    })
}
