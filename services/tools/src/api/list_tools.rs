use chatmesh_proto::tools::v1 as pb;
use chatmesh_rpc::Caller;

use crate::agent::Workspace;
use crate::state::State;
use crate::{Error, catalogue};

/// Lists the tools of a chat. Without a workspace there is nothing that they could act on.
pub(super) async fn list_tools(
    state: &State,
    caller: Caller,
    request: pb::ListToolsRequest,
) -> Result<pb::ListToolsResponse, Error> {
    caller.require_service()?;
    if request.workspace_id.is_empty() {
        return Ok(pb::ListToolsResponse::default());
    }
    let workspace = Workspace {
        neighbours: state.neighbours.clone(),
        bindings: state.bindings.clone(),
        caller,
        chat_id: request.chat_id,
        workspace_id: request.workspace_id,
    };
    let workspace_context = workspace.context(&state.directories).await;
    Ok(pb::ListToolsResponse { tools: catalogue::definitions(), workspace_context })
}
