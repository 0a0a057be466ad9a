use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::servers::domain::Reference;
use crate::servers::state::Servers;

/// How many servers a chat may choose.
const MAX_CHOSEN: usize = 50;

/// Turns a choice of servers into identifiers. One that is switched off is not known to members.
pub(super) async fn resolve(
    servers: &Servers,
    caller: Caller,
    request: pb::ResolveMcpServersRequest,
) -> Result<pb::ResolveMcpServersResponse, Error> {
    caller.require_service()?;
    if request.servers.len() > MAX_CHOSEN {
        return Err(Violations::one("mcp_server_ids", "must be at most 50").into());
    }
    let (mut server_ids, mut unknown) = (Vec::new(), Vec::new());
    let sees_all = caller.user_and_role().is_some() && caller.require_admin().is_ok();
    for name in request.servers {
        let found = servers.store.find(&Reference::from(name.as_str())).await?;
        match found.filter(|server| server.enabled || sees_all) {
            Some(server) if server_ids.contains(&server.id.to_string()) => {}
            Some(server) => server_ids.push(server.id.to_string()),
            None => unknown.push(format!("`{name}`")),
        }
    }
    if unknown.is_empty() {
        return Ok(pb::ResolveMcpServersResponse { server_ids });
    }
    let unknown = unknown.join(", ");
    Err(Violations::one("mcp_server_ids", format!("names MCP servers that are not known: {unknown}")).into())
}
