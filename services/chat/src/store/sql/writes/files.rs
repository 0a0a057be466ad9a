//! Messages give their files to their chat.

use std::collections::BTreeMap;

use chatmesh_db::{DbError, FromRow, Row, Tx, values};
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;
use serde_json::json;

use crate::domain::{Chat, QueuedMessage, files_in};
use crate::files::{FileId, MAX_FILES, StoredFile};
use crate::store::StoreError;
use crate::store::sql::files::{COUNT_FILES, EVICT_FILES, FIND_FILES, GIVE_FILES, LOCK_FILES};
use crate::store::sql::statements::LIST_QUEUED;

/// Gives the files that `content` names to the chat, whose row is locked, and writes their names and types into the
/// parts. Files of the chat already stay with it, as its newest. Others make room for them.
pub(super) async fn give(tx: &mut Tx, chat: &Chat, content: &mut [Part]) -> Result<(), StoreError> {
    let ids = named_in(content);
    if ids.is_empty() {
        return Ok(());
    }
    let given = lock(tx, chat, &ids).await?;
    for id in &ids {
        let file = given.get(id).filter(|file| file.owner_id == chat.owner_id).ok_or(StoreError::FileNotFound(*id))?;
        if file.chat_id.is_some_and(|owner| owner != chat.id) {
            return Err(StoreError::FileOfOtherChat(*id));
        }
        if file.evicted {
            return Err(StoreError::FileGone(*id));
        }
    }
    add(tx, chat, &ids).await?;
    describe(content, &given);
    Ok(())
}

/// Gives the files that a tool's message names to the chat, whose row is locked. Whatever became of a file meanwhile, what
/// the model said and did is kept: a file that cannot be the chat's any more stays a name.
pub(super) async fn take(tx: &mut Tx, chat: &Chat, content: &[Part]) -> Result<(), StoreError> {
    let mut ids = named_in(content);
    if ids.is_empty() {
        return Ok(());
    }
    let given = lock(tx, chat, &ids).await?;
    let is_free = |file: &StoredFile| file.chat_id.is_none_or(|owner| owner == chat.id) && !file.evicted;
    ids.retain(|id| given.get(id).is_some_and(|file| file.owner_id == chat.owner_id && is_free(file)));
    if ids.is_empty() { Ok(()) } else { add(tx, chat, &ids).await }
}

/// The files that a content names, each once.
fn named_in(content: &[Part]) -> Vec<FileId> {
    let mut ids: Vec<FileId> = files_in(content).map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Locks the files and all that [`add`] may change, in one statement and thereby in one order.
async fn lock(tx: &mut Tx, chat: &Chat, ids: &[FileId]) -> Result<BTreeMap<FileId, StoredFile>, StoreError> {
    Ok(by_id(tx.fetch_all(LOCK_FILES, values![names(ids), chat.id.0]).await?))
}

/// Makes locked files the newest of a chat. Others make room for them.
async fn add(tx: &mut Tx, chat: &Chat, ids: &[FileId]) -> Result<(), StoreError> {
    let before: Option<Count> = tx.fetch_optional(COUNT_FILES, values![chat.id.0]).await?;
    let Count { position, kept } = before.unwrap_or_default();
    tx.execute(GIVE_FILES, values![names(ids), chat.id.0, position + 1]).await?;
    if kept as usize + ids.len() > MAX_FILES {
        evict(tx, chat).await?;
    }
    Ok(())
}

/// Takes the content of the oldest files. Those of messages that wait stay, however many there are: the model has not
/// seen them. The queue has a bound, and so have they.
async fn evict(tx: &mut Tx, chat: &Chat) -> Result<(), StoreError> {
    let waiting: Vec<QueuedMessage> = match chat.queued_count {
        0 => Vec::new(),
        _ => tx.fetch_all(LIST_QUEUED, values![chat.id.0]).await?,
    };
    let spared: Vec<FileId> = waiting.iter().flat_map(|message| files_in(&message.content)).map(|(_, id)| id).collect();
    let most = u32::try_from(MAX_FILES).unwrap_or(u32::MAX);
    tx.execute(EVICT_FILES, values![names(&spared), chat.id.0, most]).await?;
    Ok(())
}

/// Makes sure that all files of a message that is to be edited are still there.
pub(super) async fn check_kept(tx: &mut Tx, content: &[Part]) -> Result<(), StoreError> {
    let ids: Vec<FileId> = files_in(content).map(|(_, id)| id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let found = by_id(tx.fetch_all(FIND_FILES, values![names(&ids)]).await?);
    match ids.into_iter().find(|id| found.get(id).is_none_or(|file| file.evicted)) {
        Some(gone) => Err(StoreError::EditsGoneFile(gone)),
        None => Ok(()),
    }
}

/// Identifiers as the statements take them.
fn names(ids: &[FileId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.0.simple().to_string()).collect();
    json!(ids).to_string()
}

fn by_id(files: Vec<StoredFile>) -> BTreeMap<FileId, StoredFile> {
    files.into_iter().map(|file| (file.id, file)).collect()
}

fn describe(content: &mut [Part], given: &BTreeMap<FileId, StoredFile>) {
    for part in content {
        let Some(Body::File(file)) = &mut part.body else { continue };
        let Some(stored) = file.file_id.parse().ok().and_then(|id| given.get(&id)) else {
            continue;
        };
        file.name.clone_from(&stored.name);
        file.media_type.clone_from(&stored.media_type);
    }
}

/// What a chat has before it is given files.
#[derive(Default)]
struct Count {
    position: u32,
    kept: u32,
}

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { position: row.u32("position")?, kept: row.u32("kept")? })
    }
}
