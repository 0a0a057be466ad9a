use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::domain::{MAX_TTL, WorkspaceId};
use crate::state::State;
use crate::{Error, convert};

/// Changes the fields of a workspace that are set.
pub(super) async fn update_workspace(
    state: &State,
    caller: Caller,
    request: pb::UpdateWorkspaceRequest,
) -> Result<pb::UpdateWorkspaceResponse, Error> {
    let mut violations = Violations::new();
    let id = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    check_ttl(request.ttl_seconds, &mut violations);
    let id = violations.finish(id)?;
    let details = state.open(&caller, id).await?;

    let now = state.clock.now();
    let details = match request.ttl_seconds {
        None => details,
        Some(seconds) => {
            let changed = state.store.set_ttl(id, seconds, now).await;
            let changed = changed.map_err(|error| Error::on_workspace(id, error))?;
            state.hints.changed(id).await;
            changed
        }
    };
    Ok(pb::UpdateWorkspaceResponse { workspace: Some(convert::workspace(details, now)) })
}

/// Checks how long a workspace is to run without being used.
pub(super) fn check_ttl(seconds: Option<u32>, violations: &mut Violations) {
    let fits = seconds.is_none_or(|seconds| u64::from(seconds) <= MAX_TTL.as_secs());
    violations.require(fits, "ttl_seconds", format!("must be {} (30 days) at most", MAX_TTL.as_secs()));
}
