use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use super::find;
use crate::Error;
use crate::servers::state::Servers;

/// Deletes a server. What users were granted there is taken back afterwards.
pub(super) async fn delete(
    servers: &Servers,
    caller: Caller,
    request: pb::DeleteMcpServerRequest,
) -> Result<pb::DeleteMcpServerResponse, Error> {
    caller.require_admin()?;
    let server = find(servers, &caller, &request.server).await?;
    if server.settings.managed_by_config {
        return Err(Error::Managed(server.slug));
    }
    let Some(granted) = servers.store.delete(server.id).await? else {
        return Err(Error::NotFound { kind: "MCP server", name: request.server });
    };
    servers.take_back(&server.slug, granted);
    Ok(pb::DeleteMcpServerResponse {})
}
