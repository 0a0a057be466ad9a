use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use super::{find, seen};
use crate::Error;
use crate::servers::state::Servers;

/// Returns a server.
pub(super) async fn get(
    servers: &Servers,
    caller: Caller,
    request: pb::GetMcpServerRequest,
) -> Result<pb::GetMcpServerResponse, Error> {
    let server = find(servers, &caller, &request.server).await?;
    Ok(pb::GetMcpServerResponse { server: Some(seen(servers, &caller, server).await?) })
}
