use std::collections::HashMap;

use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use super::report_activity::reason;
use crate::Error;
use crate::domain::WorkspaceId;
use crate::state::State;

/// The most workspaces of one call.
const MAX_WORKSPACES: usize = 1000;

/// How workspaces are used.
type Uses = HashMap<WorkspaceId, pb::ActivityReason>;

/// Takes in that workspaces are used, whoever owns them. For services.
pub(super) async fn report_activities(
    state: &State,
    caller: Caller,
    request: pb::ReportActivitiesRequest,
) -> Result<pb::ReportActivitiesResponse, Error> {
    let mut violations = Violations::new();
    let uses = uses(&request, &mut violations);
    let uses = violations.finish(uses)?;
    caller.require_service()?;

    let ids: Vec<WorkspaceId> = uses.keys().copied().collect();
    let activities = state.store.report_activities(&ids, state.clock.now()).await?;
    let mut moved = 0;
    for (id, activity) in activities {
        if let Some(reason) = uses.get(&id).filter(|_| activity.moved) {
            moved += 1;
            state.moved(id, *reason).await;
        }
    }
    Ok(pb::ReportActivitiesResponse { moved })
}

/// Reads which workspaces are used, and how. Where one is named several times, the first counts.
fn uses(request: &pb::ReportActivitiesRequest, violations: &mut Violations) -> Option<Uses> {
    let pb::ReportActivitiesRequest { workspace_ids, reason: shared, activities } = request;
    if workspace_ids.len() + activities.len() > MAX_WORKSPACES {
        let field = if activities.is_empty() { "workspace_ids" } else { "activities" };
        violations.add(field, format!("must be {MAX_WORKSPACES} at most, all together"));
        return None;
    }
    let mut uses = Uses::new();
    let mut add = |id: Option<WorkspaceId>, reason: Option<pb::ActivityReason>| {
        if let Some((id, reason)) = id.zip(reason) {
            uses.entry(id).or_insert(reason);
        }
    };
    if !workspace_ids.is_empty() {
        let shared = reason("reason", *shared, violations);
        for (index, id) in workspace_ids.iter().enumerate() {
            add(violations.check(format!("workspace_ids[{index}]"), id.parse()), shared);
        }
    }
    for (index, activity) in activities.iter().enumerate() {
        let id = violations.check(format!("activities[{index}].workspace_id"), activity.workspace_id.parse());
        add(id, reason(format!("activities[{index}].reason"), activity.reason, violations));
    }
    Some(uses)
}
