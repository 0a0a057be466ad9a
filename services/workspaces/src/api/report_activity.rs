use chatmesh_core::{Timestamp, Violations};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;
use tracing::debug;

use crate::Error;
use crate::domain::WorkspaceId;
use crate::state::State;

/// Takes in that a workspace is used. For its owner, and for services that act for them.
pub(super) async fn report_activity(
    state: &State,
    caller: Caller,
    request: pb::ReportActivityRequest,
) -> Result<pb::ReportActivityResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let reason = reason("reason", request.reason, &mut violations);
    let (id, reason) = violations.finish(id.zip(reason))?;
    state.open(&caller, id).await?;

    let deadline = state.report_use(id, reason).await?;
    Ok(pb::ReportActivityResponse { deadline: deadline.map(Into::into) })
}

/// Reads how workspaces are used.
pub(super) fn reason(field: impl Into<String>, reason: i32, violations: &mut Violations) -> Option<pb::ActivityReason> {
    let reason = pb::ActivityReason::try_from(reason).ok();
    let reason = reason.filter(|reason| *reason != pb::ActivityReason::Unspecified);
    violations.require(reason.is_some(), field, "must say how the workspace is used");
    reason
}

impl State {
    /// Takes in that a workspace is used; returns its deadline then.
    pub(super) async fn report_use(
        &self,
        id: WorkspaceId,
        reason: pb::ActivityReason,
    ) -> Result<Option<Timestamp>, Error> {
        let activity = self.store.report_activity(id, self.clock.now()).await?;
        let activity = activity.ok_or_else(|| Error::no_workspace(id))?;
        if activity.moved {
            self.moved(id, reason).await;
        }
        Ok(activity.deadline)
    }

    /// A workspace is stopped later than it would have been.
    pub(super) async fn moved(&self, id: WorkspaceId, reason: pb::ActivityReason) {
        debug!(workspace = %id, reason = reason.as_str_name(), "the workspace is used: it is stopped later");
        self.metrics.bumped(reason);
        self.hints.changed(id).await;
    }
}
