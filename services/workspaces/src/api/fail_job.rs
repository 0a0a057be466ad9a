use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name;
use crate::Error;
use crate::domain::Outcome;
use crate::state::State;

/// The longest reason that is kept, in characters.
const MAX_ERROR: usize = 4096;

/// Ends a build badly. For provisioners.
pub(super) async fn fail_job(
    state: &State,
    caller: Caller,
    request: pb::FailJobRequest,
) -> Result<pb::FailJobResponse, Error> {
    let build_id = lease_name::parse(&request.provisioner_id, &request.build_id)?;
    caller.require_service()?;

    let outcome = Outcome::Failed(request.error.chars().take(MAX_ERROR).collect());
    let ended = state.store.end_build(build_id, &request.provisioner_id, outcome, state.clock.now()).await;
    let build = ended.map_err(|error| Error::on_build(build_id, error))?;
    state.hints.changed(build.workspace_id).await;
    Ok(pb::FailJobResponse {})
}
