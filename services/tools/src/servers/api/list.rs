use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::servers::convert::shown_to;
use crate::servers::domain::ServerId;
use crate::servers::state::Servers;

const SCOPE: &str = "mcp-servers";

/// Lists the servers that the caller may see, oldest first.
pub(super) async fn list(
    servers: &Servers,
    caller: Caller,
    request: pb::ListMcpServersRequest,
) -> Result<pb::ListMcpServersResponse, Error> {
    let mut violations = Violations::new();
    let size = violations.check("page_size", page::size(request.page_size));
    let after = violations.check("page_token", page::cursor::<Uuid>(SCOPE, &request.page_token));
    let (size, after) = violations.finish(size.zip(after))?;

    let only_enabled = caller.require_admin().is_err();
    let found = servers.store.list(only_enabled, after.map(ServerId), size + 1).await?;
    let (found, next_page_token) = page::cut(found, size, SCOPE, |server| server.id.0);
    let connected = match caller.require_user() {
        Ok(user) => servers.grants.list(user).await?,
        Err(_) => Vec::new(),
    };
    let shown = found.into_iter().map(|server| {
        let is_connected = connected.contains(&server.id);
        shown_to(&caller, server, is_connected)
    });
    let shown = shown.collect();
    Ok(pb::ListMcpServersResponse { servers: shown, next_page_token })
}
