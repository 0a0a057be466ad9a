use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{AgentId, LifecycleBatch};
use crate::state::State;
use crate::{Error, convert};

/// The most reports of a batch.
const MAX_REPORTS: usize = 256;

/// Records what an agent says of the startup and shutdown of its workspace. For the relay.
pub(super) async fn report_lifecycle(
    state: &State,
    caller: Caller,
    request: pb::ReportLifecycleRequest,
) -> Result<pb::ReportLifecycleResponse, Error> {
    let mut violations = Violations::new();
    let agent_id = violations.check("agent_id", request.agent_id.parse::<AgentId>());
    let instance_id = Uuid::try_parse(&request.instance_id).map_err(|_| "must be a UUID");
    let instance_id = violations.check("instance_id", instance_id);
    let fits = request.reports.len() <= MAX_REPORTS;
    violations.require(fits, "reports", "must be 256 at most: send the rest with the next call");
    let (agent_id, instance_id) = violations.finish(agent_id.zip(instance_id))?;
    caller.require_service()?;

    // What is wrong with a report itself is put right and not refused: it would only come again.
    let reports = convert::reports(request.reports, state.clock.now());
    let batch = LifecycleBatch { instance_id, epoch: request.epoch, reports };
    let reported = state.store.report_lifecycle(agent_id, batch).await?;
    let reported = reported.ok_or_else(|| Error::NotFound { kind: "agent", id: agent_id.to_string() })?;
    if reported.changed {
        state.hints.changed(reported.workspace_id).await;
    }
    Ok(pb::ReportLifecycleResponse { sequence: reported.last_sequence.unsigned_abs() })
}
