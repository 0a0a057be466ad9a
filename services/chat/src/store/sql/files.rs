//! The files of users and chats.

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_db::{DbError, FromRow, Row, Sql, values};

use super::SqlChatStore;
use crate::domain::ChatId;
use crate::files::{FileId, NewFile, StoredFile};
use crate::store::{FileStore, StoreError};

/// The identifiers that `$1` names: a JSON array of them, each as 32 hexadecimal digits.
macro_rules! names {
    (postgres) => {
        "SELECT CAST(named.value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS TEXT)::jsonb) AS named (value)"
    };
    (sqlite) => {
        "SELECT unhex(named.value) FROM json_each($1) AS named"
    };
}

/// The files that `$1` names.
macro_rules! named {
    ($engine:ident) => {
        concat!("id IN (", names!($engine), ")")
    };
}

macro_rules! file_columns {
    () => {
        "id, owner_id, chat_id, name, media_type, size_bytes, data IS NULL AS evicted, created_at"
    };
}

macro_rules! evict {
    () => {
        "UPDATE chat_files SET data = NULL WHERE id IN (SELECT id FROM (SELECT id, \
         ROW_NUMBER() OVER (ORDER BY position DESC, id DESC) AS place FROM chat_files \
         WHERE chat_id = $2 AND data IS NOT NULL) AS placed WHERE place > $3) AND "
    };
}

macro_rules! lock_files {
    ($engine:ident, $lock:literal) => {
        concat!(
            "SELECT ",
            file_columns!(),
            " FROM chat_files WHERE id IN (",
            names!($engine),
            " UNION SELECT id FROM chat_files WHERE chat_id = $2 AND data IS NOT NULL) ORDER BY id",
            $lock
        )
    };
}

/// The condition stands twice: a file that is given to a chat meanwhile is not deleted.
macro_rules! delete_unused {
    ($lock:literal) => {
        concat!(
            "DELETE FROM chat_files WHERE chat_id IS NULL AND id IN \
             (SELECT id FROM chat_files WHERE chat_id IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2",
            $lock,
            ")"
        )
    };
}

pub(super) const INSERT_FILE: Sql = Sql::portable(
    "INSERT INTO chat_files (id, owner_id, name, media_type, size_bytes, request_id, created_at, data) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
);
pub(super) const FIND_FILE: Sql = Sql::portable(concat!("SELECT ", file_columns!(), " FROM chat_files WHERE id = $1"));
pub(super) const FIND_FILE_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", file_columns!(), " FROM chat_files WHERE owner_id = $1 AND request_id = $2"));
pub(super) const FIND_FILES: Sql = Sql::split(
    concat!("SELECT ", file_columns!(), " FROM chat_files WHERE ", named!(postgres)),
    concat!("SELECT ", file_columns!(), " FROM chat_files WHERE ", named!(sqlite)),
);
/// The named files and those that the chat `$2` may have to make room with, so that [`EVICT_FILES`] waits for nobody.
/// Locks in one order for all transactions: two messages with the same files cannot block each other.
pub(super) const LOCK_FILES: Sql = Sql::split(lock_files!(postgres, " FOR UPDATE"), lock_files!(sqlite, ""));
pub(super) const FILES_OF_CHAT: Sql =
    Sql::portable(concat!("SELECT ", file_columns!(), " FROM chat_files WHERE chat_id = $1 ORDER BY position, id"));
pub(super) const READ_FILE: Sql = Sql::portable("SELECT data FROM chat_files WHERE id = $1");
/// Where the last file of a chat stands, and how many of them have their content.
pub(super) const COUNT_FILES: Sql = Sql::portable(
    "SELECT COALESCE(MAX(position), 0) AS position, COUNT(*) FILTER (WHERE data IS NOT NULL) AS kept \
     FROM chat_files WHERE chat_id = $1",
);
pub(super) const GIVE_FILES: Sql = Sql::split(
    concat!("UPDATE chat_files SET chat_id = $2, position = $3 WHERE ", named!(postgres)),
    concat!("UPDATE chat_files SET chat_id = $2, position = $3 WHERE ", named!(sqlite)),
);
/// Takes the content of all but the newest files of the chat `$2`, and of those that `$1` names.
pub(super) const EVICT_FILES: Sql =
    Sql::split(concat!(evict!(), "NOT (", named!(postgres), ")"), concat!(evict!(), "NOT (", named!(sqlite), ")"));
/// Files that a message is about to give to a chat are passed over: whoever waits for nobody blocks nobody for ever.
pub(super) const DELETE_UNUSED_FILES: Sql = Sql::split(delete_unused!(" FOR UPDATE SKIP LOCKED"), delete_unused!(""));

impl FromRow for StoredFile {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            owner_id: row.id("owner_id")?,
            chat_id: row.id_or_null("chat_id")?,
            name: row.get("name")?,
            media_type: row.get("media_type")?,
            size_bytes: row.u32("size_bytes")?,
            evicted: row.get("evicted")?,
            created_at: row.get("created_at")?,
        })
    }
}

struct Content(Option<Vec<u8>>);

impl FromRow for Content {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.get("data").map(Self)
    }
}

#[async_trait]
impl FileStore for SqlChatStore {
    async fn insert(&self, file: NewFile) -> Result<StoredFile, StoreError> {
        let stored = StoredFile {
            id: file.id,
            owner_id: file.owner_id,
            chat_id: None,
            name: file.name,
            media_type: file.media_type.to_owned(),
            size_bytes: u32::try_from(file.data.len()).unwrap_or(u32::MAX),
            evicted: false,
            created_at: file.created_at,
        };
        let row = values![
            stored.id.0,
            stored.owner_id.0,
            stored.name.as_str(),
            stored.media_type.as_str(),
            stored.size_bytes,
            file.request_id,
            stored.created_at,
            file.data
        ];
        if self.db.execute(INSERT_FILE, row).await? > 0 {
            return Ok(stored);
        }
        let earlier = self.db.fetch_optional(FIND_FILE_BY_REQUEST, values![stored.owner_id.0, file.request_id]).await?;
        earlier.ok_or(StoreError::FileNotFound(stored.id))
    }

    async fn find(&self, id: FileId) -> Result<Option<StoredFile>, StoreError> {
        Ok(self.db.fetch_optional(FIND_FILE, values![id.0]).await?)
    }

    async fn read(&self, id: FileId) -> Result<Option<Vec<u8>>, StoreError> {
        let content: Option<Content> = self.db.fetch_optional(READ_FILE, values![id.0]).await?;
        Ok(content.and_then(|Content(data)| data))
    }

    async fn of_chat(&self, chat: ChatId) -> Result<Vec<StoredFile>, StoreError> {
        Ok(self.db.fetch_all(FILES_OF_CHAT, values![chat.0]).await?)
    }

    async fn delete_unused(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        Ok(self.db.execute(DELETE_UNUSED_FILES, values![before, limit]).await?)
    }
}
