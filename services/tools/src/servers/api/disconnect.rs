use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use super::{find_with_users, seen};
use crate::Error;
use crate::servers::domain::Reference;
use crate::servers::state::Servers;

/// Forgets what the caller was granted.
pub(super) async fn disconnect(
    servers: &Servers,
    caller: Caller,
    request: pb::DisconnectMcpServerRequest,
) -> Result<pb::DisconnectMcpServerResponse, Error> {
    let user = caller.require_user()?;
    // What users were granted is theirs to take back, also where the server is switched off or knows no users any more.
    let granted = match servers.store.find(&Reference::from(request.server.as_str())).await? {
        Some(server) if servers.grants.get(server.id, user).await?.is_some() => Some(server),
        _ => None,
    };
    let server = match granted {
        Some(server) => server,
        None => find_with_users(servers, &caller, &request.server).await?,
    };
    servers.disconnect(&server, user).await?;
    Ok(pb::DisconnectMcpServerResponse { server: Some(seen(servers, &caller, server).await?) })
}
