//! What an owner changes about a chat, all of it in one transaction: what it is called, where it
//! belongs, its place among the pinned chats, and whether it and the chats that it started are put away.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, Tx, values};

use super::{Change, carry_out, lock, pins};
use crate::domain::{Chat, ChatId};
use crate::machine::{self, Operation};
use crate::store::sql::statements::{GET_CHAT, LOCK_FAMILY, LOCK_PINNED, LOCK_PINS};
use crate::store::{Metadata, StoreError, Update, Updated};

pub(in crate::store::sql) async fn update(
    db: &Db,
    id: ChatId,
    update: Update,
    now: Timestamp,
) -> Result<Updated, StoreError> {
    let mut tx = db.begin().await?;
    let Locked { mut chat, family, pinned } = lock_concerned(&mut tx, id, &update).await?;
    let operation = match update.archived {
        Some(true) if !chat.archived => Operation::Archive,
        Some(false) if chat.archived => Operation::Unarchive,
        _ => Operation::UpdateMetadata,
    };
    let row = machine::apply(chat.state(), operation)?;

    let pin_before = chat.pin_order;
    let archived = update.archived.unwrap_or(chat.archived);
    let order = if archived && update.pin_order.is_none() { Some(0) } else { update.pin_order };
    let moved = match order {
        Some(order) => pins::arrange(&mut chat, archived, pinned, order)?,
        None => Vec::new(),
    };
    let written = update.metadata != Metadata::default();
    write(&mut chat, update.metadata);
    if written || operation != Operation::UpdateMetadata || chat.pin_order != pin_before {
        chat = carry_out(&mut tx, chat, row, Change::default(), now).await?.chat;
    }

    let mut changed = Vec::new();
    for member in family.into_iter().filter(|member| member.archived != archived) {
        // What holds for the named one holds for all: one that may not be archived keeps all of them from it.
        let row = machine::apply(member.state(), if archived { Operation::Archive } else { Operation::Unarchive })?;
        changed.push(carry_out(&mut tx, member, row, Change::default(), now).await?.chat);
    }
    let moved = pins::save(&mut tx, moved).await?;
    tx.commit().await?;
    Ok(Updated { chat, family: changed, moved })
}

/// What the transaction has to do with.
struct Locked {
    chat: Chat,
    /// The chats that it started, where they are put away or taken out with it.
    family: Vec<Chat>,
    /// The owner's pinned chats without itself, where their places may change.
    pinned: Vec<Chat>,
}

/// Locks all at once and in the order of the identifiers: two calls for chats of one user cannot block each other.
async fn lock_concerned(tx: &mut Tx, id: ChatId, update: &Update) -> Result<Locked, StoreError> {
    let named: Chat = tx.fetch_optional(GET_CHAT, values![id.0]).await?.ok_or(StoreError::NotFound)?;
    let statement = match (named.root_id, update.archived, update.pin_order) {
        (None, Some(_), _) => LOCK_FAMILY,
        (None, None, Some(_)) => LOCK_PINNED,
        _ => {
            let chat = lock_alone(tx, &named, update).await?;
            return Ok(Locked { chat, family: Vec::new(), pinned: Vec::new() });
        }
    };
    tx.execute(LOCK_PINS, values![named.owner_id.0]).await?;
    let mut locked: Vec<Chat> = tx.fetch_all(statement, values![id.0, named.owner_id.0]).await?;
    let at = locked.iter().position(|chat| chat.id == id).ok_or(StoreError::NotFound)?;
    let chat = locked.remove(at);
    let (family, pinned) = locked.into_iter().partition(|other| other.root_id == Some(id));
    Ok(Locked { chat, family, pinned })
}

/// Locks one chat. One that another chat started cannot come out of an archived family alone.
async fn lock_alone(tx: &mut Tx, named: &Chat, update: &Update) -> Result<Chat, StoreError> {
    if let (Some(root), Some(false)) = (named.root_id, update.archived)
        && lock(tx, root).await?.archived
    {
        return Err(StoreError::ParentArchived);
    }
    lock(tx, named.id).await
}

fn write(chat: &mut Chat, metadata: Metadata) {
    if let Some(title) = metadata.title {
        chat.title = title;
    }
    if let Some(labels) = metadata.labels {
        chat.labels = labels;
    }
    if let Some(workspace) = metadata.workspace_id {
        if workspace != chat.workspace_id {
            chat.build_id = None;
        }
        chat.workspace_id = workspace;
    }
    if let Some(servers) = metadata.mcp_server_ids {
        chat.mcp_server_ids = Some(servers);
    }
}
