//! A waiting message is taken back.

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, values};

use super::queue::without_queue;
use super::{Change, carry_out, lock};
use crate::domain::{Chat, ChatId, QueuedMessage};
use crate::machine::{self, Operation};
use crate::store::StoreError;
use crate::store::sql::statements::LIST_QUEUED;

/// Also reads what still waits, in the same transaction: were that read to fail afterwards, the caller would try
/// again and hear that there is no such message.
pub(in crate::store::sql) async fn delete_queued(
    db: &Db,
    id: ChatId,
    queued_id: u32,
    now: Timestamp,
) -> Result<(Chat, Vec<QueuedMessage>), StoreError> {
    let mut tx = db.begin().await?;
    let chat = lock(&mut tx, id).await?;
    let row = machine::apply(chat.state(), Operation::DeleteQueuedMessage);
    let row = row.map_err(|rejected| without_queue(rejected.into()))?;
    let change = Change { queued_id, ..Change::default() };
    let done = carry_out(&mut tx, chat, row, change, now).await?;
    let left = tx.fetch_all(LIST_QUEUED, values![id.0]).await?;
    tx.commit().await?;
    Ok((done.chat, left))
}
