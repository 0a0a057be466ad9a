//! Workspaces that are made for chats: a chat has one of them at a time.
//!
//! Whoever makes one for a chat says which one it takes the place of. Of several who do so at the same time one is
//! right, and the others find the workspace that it made: also where the first of them ended before it could tell. A
//! workspace that its user took away from the chat is released: it is not found any more.

use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row, Sql, Tx, values};
use chatmesh_rpc::UserId;

use super::NewWorkspace;
use crate::domain::WorkspaceId;

/// Takes the place of the workspace `$4`, of one that is deleted, or of none.
pub(super) const CLAIM_CHAT: Sql = Sql::portable(
    "INSERT INTO chat_workspaces (owner_id, chat_id, workspace_id) VALUES ($1, $2, $3) \
     ON CONFLICT (owner_id, chat_id) DO UPDATE SET workspace_id = excluded.workspace_id \
     WHERE chat_workspaces.workspace_id = $4 OR EXISTS \
     (SELECT 1 FROM workspaces w WHERE w.id = chat_workspaces.workspace_id AND w.deleted)",
);
pub(super) const WORKSPACE_OF_CHAT: Sql = Sql::portable(
    "SELECT c.workspace_id FROM chat_workspaces c JOIN workspaces w ON w.id = c.workspace_id \
     WHERE c.owner_id = $1 AND c.chat_id = $2 AND NOT w.deleted",
);
pub(super) const RELEASE_CHAT: Sql =
    Sql::portable("DELETE FROM chat_workspaces WHERE owner_id = $1 AND chat_id = $2 AND workspace_id = $3");

/// The chat that a workspace is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForChat {
    /// The chat.
    pub chat_id: Uuid,
    /// The workspace that it gives up.
    pub replaces: Option<WorkspaceId>,
}

/// Notes that the workspace `id`, new or made in advance, is the chat's. False where the chat has another one that it
/// does not give up: then nothing of this transaction may stand.
pub(super) async fn claim(tx: &mut Tx, new: &NewWorkspace, id: WorkspaceId) -> Result<bool, DbError> {
    let Some(ForChat { chat_id, replaces }) = new.chat else { return Ok(true) };
    let row = values![new.workspace.owner_id.0, chat_id, id.0, replaces.map(|id| id.0)];
    Ok(tx.execute(CLAIM_CHAT, row).await? > 0)
}

/// The workspace that a chat has and does not give up.
pub(super) struct OfChat(pub(super) WorkspaceId);

impl FromRow for OfChat {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.id("workspace_id").map(Self)
    }
}

/// What a statement finds the workspace of a chat by.
pub(super) fn key(owner: UserId, chat: ForChat) -> Vec<chatmesh_db::Value> {
    values![owner.0, chat.chat_id]
}
