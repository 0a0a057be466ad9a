use chatmesh_core::{Timestamp, Violations};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::{AgentId, Report};
use crate::state::State;

/// Records whether an agent is connected. For the relay.
pub(super) async fn report_connection(
    state: &State,
    caller: Caller,
    request: pb::ReportConnectionRequest,
) -> Result<pb::ReportConnectionResponse, Error> {
    let id: AgentId = request.agent_id.parse().map_err(|error| Violations::one("agent_id", error))?;
    caller.require_service()?;

    let report = Report { epoch: request.epoch, connected: request.connected, at: state.clock.now() };
    let reported = state.store.report_connection(id, report).await?;
    let reported = reported.ok_or_else(|| Error::NotFound { kind: "agent", id: id.to_string() })?;
    if reported.flipped {
        state.hints.changed(reported.workspace_id).await;
    }
    // A token that took the place of the session's takes the session's with it.
    let token = request.token_issue_time.and_then(|time| Timestamp::try_from(time).ok());
    let has_token = token.is_none_or(|issued_at| issued_at == reported.token_issued_at);
    Ok(pb::ReportConnectionResponse { current: reported.current && has_token })
}
