use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name;
use crate::domain::Outcome;
use crate::state::State;
use crate::{Error, convert};

/// Ends a build badly. For provisioners.
pub(super) async fn fail_job(
    state: &State,
    caller: Caller,
    request: pb::FailJobRequest,
) -> Result<pb::FailJobResponse, Error> {
    let build_id = lease_name::parse(&request.provisioner_id, &request.build_id)?;
    caller.require_service()?;

    let holder = request.provisioner_id.clone();
    let outcome = Outcome::Failed(convert::failure(request));
    let ended = state.store.end_build(build_id, &holder, outcome, state.clock.now()).await;
    let build = ended.map_err(|error| Error::on_build(build_id, error))?;
    state.hints.build_changed(&build).await;
    Ok(pb::FailJobResponse {})
}
