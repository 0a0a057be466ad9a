use std::time::Duration;

use chatmesh_core::{ParseIdError, Timestamp, Uuid, Violations};
use chatmesh_proto::relay::v1 as pb;
use chatmesh_rpc::Caller;
use tokio::time::Instant;

use crate::Error;
use crate::state::State;

/// The longest wait.
const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// How often to look for an agent at other replicas whose hint was lost.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Waits until an agent is connected, here or at another replica.
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
    let deadline = Instant::now() + timeout;
    let arrival = state.arrivals.subscribe(agent);
    loop {
        let mut arrived = std::pin::pin!(arrival.notified());
        // From here on: what comes after the look below is not missed.
        arrived.as_mut().enable();
        if let Some((session, since)) = find(state, agent).await? {
            return Ok(pb::AwaitAgentResponse { session_id: session.to_string(), connect_time: Some(since.into()) });
        }
        tokio::select! {
            () = arrived => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = tokio::time::sleep_until(deadline) => return Err(Error::NotConnected(agent.to_string())),
            // The agent will be at another replica then; the caller asks there.
            () = state.left.cancelled() => return Err(Error::ShuttingDown),
        }
    }
}

async fn find(state: &State, agent: Uuid) -> Result<Option<(Uuid, Timestamp)>, Error> {
    if let Some(session) = state.sessions.get(agent) {
        return Ok(Some((session.session_id, session.connected_at)));
    }
    let remote = state.locations.find(agent).await?;
    Ok(remote.map(|remote| (remote.session_id, remote.connected_at)))
}
