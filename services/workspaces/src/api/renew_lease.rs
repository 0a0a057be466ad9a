use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_rpc::Caller;

use super::lease_name;
use crate::Error;
use crate::domain::LEASE;
use crate::state::State;

/// Extends a lease. For provisioners.
pub(super) async fn renew_lease(
    state: &State,
    caller: Caller,
    request: pb::RenewLeaseRequest,
) -> Result<pb::RenewLeaseResponse, Error> {
    let build_id = lease_name::parse(&request.provisioner_id, &request.build_id)?;
    caller.require_service()?;

    let expires_at = state.clock.now() + LEASE;
    let renewed = state.store.renew_lease(build_id, &request.provisioner_id, expires_at).await;
    let build = renewed.map_err(|error| Error::on_build(build_id, error))?;
    Ok(pb::RenewLeaseResponse { lease_expire_time: Some(expires_at.into()), cancel_requested: build.cancel_requested })
}
