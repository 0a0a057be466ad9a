use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;

use crate::Error;
use crate::domain::WorkspaceId;
use crate::state::State;

/// Takes in that a chat of the caller has given a workspace up.
pub(super) async fn release_chat_workspace(
    state: &State,
    caller: Caller,
    request: pb::ReleaseChatWorkspaceRequest,
) -> Result<pb::ReleaseChatWorkspaceResponse, Error> {
    let mut violations = Violations::new();
    let chat = violations.check("chat_id", request.chat_id.parse());
    let workspace = violations.check("workspace_id", request.workspace_id.parse::<WorkspaceId>());
    let (chat, workspace) = violations.finish(chat.zip(workspace))?;
    let owner = caller.require_user()?;

    // What is somebody else's is none of the owner's: nothing is found.
    state.store.release_chat(owner, chat, workspace).await?;
    Ok(pb::ReleaseChatWorkspaceResponse {})
}
