use std::collections::HashMap;

use chatmesh_core::{Uuid, Violations, page};
use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::servers::convert::shown_to;
use crate::servers::domain::ServerId;
use crate::servers::state::Servers;
use crate::servers::store::GrantRow;

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
    let mut granted: HashMap<ServerId, GrantRow> = match caller.require_user() {
        Ok(user) => servers.grants.list(user).await?.into_iter().map(|kept| (kept.server_id, kept)).collect(),
        Err(_) => HashMap::new(),
    };
    let shown = found.into_iter().map(|server| {
        // When it ends stands in what is sealed. Only what the user has at a server of this page is opened.
        let is_connected = granted.remove(&server.id).is_some_and(|kept| servers.is_connected(&server, kept));
        shown_to(&caller, server, is_connected)
    });
    let shown = shown.collect();
    Ok(pb::ListMcpServersResponse { servers: shown, next_page_token })
}
