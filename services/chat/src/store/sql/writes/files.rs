//! Messages give their files to their chat.

use chatmesh_db::{DbError, FromRow, Row, Tx, values};
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;

use crate::domain::{Chat, files_in};
use crate::files::{FileId, MAX_FILES, StoredFile};
use crate::store::StoreError;
use crate::store::sql::files::{EVICT_FILES, FIND_FILE, GIVE_FILE, LAST_POSITION, LOCK_FILE};

/// Gives the files that `content` names to the chat, whose row is locked, and writes their names and types into the
/// parts. Files of the chat already stay with it, as its newest. Others make room for them.
pub(super) async fn give(tx: &mut Tx, chat: &Chat, content: &mut [Part]) -> Result<(), StoreError> {
    let mut ids: Vec<FileId> = files_in(content).map(|(_, id)| id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    // In one order for all transactions: two messages with the same files cannot block each other.
    ids.sort_unstable();
    ids.dedup();
    let last: Option<Position> = tx.fetch_optional(LAST_POSITION, values![chat.id.0]).await?;
    let position = last.map_or(0, |Position(last)| last) + 1;
    let mut given = Vec::with_capacity(ids.len());
    for id in ids {
        let file: Option<StoredFile> = tx.fetch_optional(LOCK_FILE, values![id.0]).await?;
        let file = file.filter(|file| file.owner_id == chat.owner_id).ok_or(StoreError::FileNotFound(id))?;
        if file.chat_id.is_some_and(|owner| owner != chat.id) {
            return Err(StoreError::FileOfOtherChat(id));
        }
        if file.evicted {
            return Err(StoreError::FileGone(id));
        }
        tx.execute(GIVE_FILE, values![id.0, chat.id.0, position]).await?;
        given.push(file);
    }
    tx.execute(EVICT_FILES, values![chat.id.0, u32::try_from(MAX_FILES).unwrap_or(u32::MAX)]).await?;
    describe(content, &given);
    Ok(())
}

/// Makes sure that all files of a message that is to be edited are still there.
pub(super) async fn check_kept(tx: &mut Tx, content: &[Part]) -> Result<(), StoreError> {
    for (_, id) in files_in(content) {
        let file: Option<StoredFile> = tx.fetch_optional(FIND_FILE, values![id.0]).await?;
        if file.is_none_or(|file| file.evicted) {
            return Err(StoreError::EditsGoneFile(id));
        }
    }
    Ok(())
}

fn describe(content: &mut [Part], given: &[StoredFile]) {
    for part in content {
        let Some(Body::File(file)) = &mut part.body else { continue };
        let Some(stored) = file.file_id.parse().ok().and_then(|id| given.iter().find(|stored| stored.id == id)) else {
            continue;
        };
        file.name.clone_from(&stored.name);
        file.media_type.clone_from(&stored.media_type);
    }
}

struct Position(u32);

impl FromRow for Position {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.u32("position").map(Self)
    }
}
