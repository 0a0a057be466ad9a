use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use super::find_with_users;
use crate::Error;
use crate::servers::oauth::check_redirect;
use crate::servers::state::Servers;

/// Begins to connect the caller to a server.
pub(super) async fn connect(
    servers: &Servers,
    caller: Caller,
    request: pb::ConnectMcpServerRequest,
) -> Result<pb::ConnectMcpServerResponse, Error> {
    let user = caller.require_user()?;
    let mut violations = Violations::new();
    check_redirect(&request.redirect_uri, &mut violations);
    violations.finish(Some(()))?;
    let server = find_with_users(servers, &caller, &request.server).await?;
    let authorization_url = servers.begin(&server, user, &request.redirect_uri).await?;
    Ok(pb::ConnectMcpServerResponse { authorization_url })
}
