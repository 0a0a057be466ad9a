use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name;
use crate::Error;
use crate::domain::Outcome;
use crate::state::State;

/// Ends a build well. For provisioners.
pub(super) async fn complete_job(
    state: &State,
    caller: Caller,
    request: pb::CompleteJobRequest,
) -> Result<pb::CompleteJobResponse, Error> {
    let build_id = lease_name::parse(&request.provisioner_id, &request.build_id)?;
    caller.require_service()?;

    let now = state.clock.now();
    let ended = state.store.end_build(build_id, &request.provisioner_id, Outcome::Succeeded, now).await;
    let build = ended.map_err(|error| Error::on_build(build_id, error))?;
    state.hints.changed(build.workspace_id).await;
    Ok(pb::CompleteJobResponse {})
}
