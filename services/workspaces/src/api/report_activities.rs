use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::report_activity::reason;
use crate::Error;
use crate::domain::WorkspaceId;
use crate::state::State;

/// The most workspaces of one call.
const MAX_WORKSPACES: usize = 1000;

/// Takes in that workspaces are used, whoever owns them. For services.
pub(super) async fn report_activities(
    state: &State,
    caller: Caller,
    request: pb::ReportActivitiesRequest,
) -> Result<pb::ReportActivitiesResponse, Error> {
    let mut violations = Violations::new();
    let few = request.workspace_ids.len() <= MAX_WORKSPACES;
    violations.require(few, "workspace_ids", format!("must be {MAX_WORKSPACES} at most"));
    let ids = request.workspace_ids.iter().take(MAX_WORKSPACES).enumerate();
    let ids = ids.filter_map(|(index, id)| violations.check(format!("workspace_ids[{index}]"), id.parse()));
    let ids: Vec<WorkspaceId> = ids.collect();
    let reason = reason(request.reason, &mut violations);
    let reason = violations.finish(reason)?;
    caller.require_service()?;

    let activities = state.store.report_activities(&ids, state.clock.now()).await?;
    let mut moved = 0;
    for (id, activity) in activities {
        if activity.moved {
            moved += 1;
            state.moved(id, reason).await;
        }
    }
    Ok(pb::ReportActivitiesResponse { moved })
}
