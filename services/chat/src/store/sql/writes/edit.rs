//! Another word in place of one that was said.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, values};
use chatmesh_proto::common::v1::Role;

use super::{Change, carry_out, files, lock, repeated};
use crate::domain::{ChatId, Message};
use crate::machine::{self, Operation};
use crate::store::sql::statements::FIND_MESSAGE;
use crate::store::{Edit, Edited, StoreError};

pub(in crate::store::sql) async fn edit(db: &Db, id: ChatId, edit: Edit, now: Timestamp) -> Result<Edited, StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    if let Some(earlier) = repeated(&mut tx, &chat, edit.message.request_id).await?
        && let Some(message) = earlier.message
    {
        return Ok(Edited { chat, messages: vec![message], deleted: Vec::new(), changed: false });
    }
    let row = machine::apply(chat.state(), Operation::EditMessage)?;
    let target: Option<Message> = tx.fetch_optional(FIND_MESSAGE, values![id.0, edit.message_id]).await?;
    match target {
        None => return Err(StoreError::MessageNotFound),
        Some(target) if target.body.role != Role::User => return Err(StoreError::NotOfUser),
        Some(target) => files::check_kept(&mut tx, &target.body.content).await?,
    }
    let mut message = edit.message;
    files::give(&mut tx, &chat, &mut message.content).await?;
    let change = Change {
        truncate_from: edit.message_id,
        messages: vec![message],
        model: Some(edit.model),
        traceparent: edit.traceparent,
        ..Change::default()
    };
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    tx.commit().await?;
    Ok(Edited { chat: done.chat, messages: done.messages, deleted: done.deleted, changed: true })
}
