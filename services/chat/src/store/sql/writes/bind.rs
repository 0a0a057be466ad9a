//! The workspace that a tool gave the chat.

use chatmesh_core::Timestamp;
use chatmesh_db::Db;

use super::{Change, Guard, carry_out, check, lock};
use crate::domain::Chat;
use crate::machine::{self, Operation};
use crate::store::{Binding, Fence, StoreError};

/// Binds a workspace to a chat, for the runner that `fence` names.
pub(in crate::store::sql) async fn bind_workspace(
    db: &Db,
    fence: Fence,
    binding: Binding,
    now: Timestamp,
) -> Result<Chat, StoreError> {
    let mut tx = db.begin().await?;
    let mut chat = lock(&mut tx, fence.chat_id).await?;
    check(&mut tx, &chat, Guard::Fence(fence)).await?;
    let row = machine::apply(chat.state(), Operation::UpdateMetadata)?;
    // Where the owner chose another workspace meanwhile, that one counts.
    if chat.workspace_id != binding.expected && chat.workspace_id != Some(binding.workspace_id) {
        return Err(StoreError::WorkspaceChanged);
    }
    chat.workspace_id = Some(binding.workspace_id);
    chat.build_id = binding.build_id;
    let bound = carry_out(&mut tx, chat, row, Change::default(), now).await?.chat;
    tx.commit().await?;
    Ok(bound)
}
