use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use super::{find_with_users, seen};
use crate::Error;
use crate::servers::state::Servers;

/// The longest code that is passed on.
const MAX_CODE_BYTES: usize = 4096;

/// Ends what `connect` began.
pub(super) async fn complete(
    servers: &Servers,
    caller: Caller,
    request: pb::CompleteMcpServerConnectionRequest,
) -> Result<pb::CompleteMcpServerConnectionResponse, Error> {
    let user = caller.require_user()?;
    let mut violations = Violations::new();
    let state =
        violations.check("state", Uuid::try_parse(&request.state).map_err(|_| "must be the state of the address"));
    let fits = (1..=MAX_CODE_BYTES).contains(&request.code.len());
    violations.require(fits, "code", "must be the code of the address, 1 to 4096 bytes");
    let state = violations.finish(state)?;
    let server = find_with_users(servers, &caller, &request.server).await?;
    servers.complete(&server, user, state, &request.code).await?;
    Ok(pb::CompleteMcpServerConnectionResponse { server: Some(seen(servers, &caller, server).await?) })
}
