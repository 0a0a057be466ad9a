//! The MCP servers that a chat chooses.

use chatmesh_core::{Uuid, Violations};
use chatmesh_proto::tools::v1::ResolveMcpServersRequest;
use chatmesh_proto::tools::v1::mcp_server_service_client::McpServerServiceClient;
use chatmesh_rpc::client::request_for;
use chatmesh_rpc::{Caller, Code};
use tonic_types::StatusExt as _;

use super::model::neighbour;
use crate::Error;
use crate::state::State;

/// How many servers a chat may choose.
const MAX_CHOSEN: usize = 50;

/// What a request chooses; `None` where it chooses nothing, which is not the same as none.
pub(super) fn chosen_mcp_servers(names: Vec<String>, none: bool, violations: &mut Violations) -> Option<Vec<String>> {
    let fits = !none || names.is_empty();
    violations.require(fits, "no_mcp_servers", "must not be set together with mcp_server_ids");
    violations.require(names.len() <= MAX_CHOSEN, "mcp_server_ids", "must be at most 50");
    (none || !names.is_empty()).then_some(names)
}

/// Asks for the identifiers of what is chosen. Nobody is asked where there is nothing to ask for.
pub(super) async fn resolve_mcp_servers(
    state: &State,
    caller: &Caller,
    names: Option<Vec<String>>,
) -> Result<Option<Vec<Uuid>>, Error> {
    let names = match names {
        Some(names) if !names.is_empty() => names,
        none_or_nothing => return Ok(none_or_nothing.map(|_| Vec::new())),
    };
    let mut servers = McpServerServiceClient::new(state.neighbours.tools.clone());
    let request = request_for(caller, ResolveMcpServersRequest { servers: names });
    let resolved = servers.resolve_mcp_servers(request).await.map_err(|status| match status.code() {
        Code::InvalidArgument => {
            let mut violations = Violations::new();
            let said = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
            said.into_iter().for_each(|violation| violations.add(violation.field, violation.description));
            Error::from(violations)
        }
        _ => neighbour("tools", &status),
    })?;
    let ids = resolved.into_inner().server_ids;
    Ok(Some(ids.iter().filter_map(|id| id.parse().ok()).collect()))
}
