//! Chats as they stand in the database, past everything that could hide a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_db::{Db, DbError, FromRow, Row, Sql};
use chatmesh_proto::chat::v1::StoredContent;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, ToolCall, ToolResult};
use prost::Message as _;

use super::deadline::eventually;

const CHATS: Sql = Sql::portable(
    "SELECT id, status, worker_id, runner_id, queued_count, last_message_id, archived FROM chats ORDER BY id",
);
const MESSAGES: Sql =
    Sql::portable("SELECT chat_id, id, role, content FROM chat_messages WHERE NOT deleted ORDER BY chat_id, id");
const COUNTS: Sql = Sql::portable(
    "SELECT (SELECT COUNT(*) FROM chat_queued_messages) AS queued, (SELECT COUNT(*) FROM chat_steps) AS steps, \
     (SELECT COUNT(*) FROM chat_heartbeats) AS heartbeats",
);

/// All chats of a mesh at one moment.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) chats: BTreeMap<String, Chat>,
    /// Messages that wait, answers whose tools are not done, and leases.
    pub(crate) leftovers: Leftovers,
}

/// A chat with its messages.
#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    pub(crate) worker: Option<Uuid>,
    pub(crate) runner: Option<Uuid>,
    pub(crate) queued: i64,
    pub(crate) last_message: i64,
    pub(crate) messages: Vec<Message>,
}

/// A message.
#[derive(Debug)]
pub(crate) struct Message {
    chat: Uuid,
    pub(crate) id: i64,
    pub(crate) role: String,
    pub(crate) parts: Vec<Part>,
}

/// What must not be left when nothing runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leftovers {
    pub(crate) queued: i64,
    pub(crate) steps: i64,
    pub(crate) heartbeats: i64,
}

impl Stored {
    /// Reads everything as it is at one moment.
    pub(crate) async fn read(db: &Db) -> Result<Self, DbError> {
        let mut tx = db.begin_read().await?;
        let chats: Vec<Chat> = tx.fetch_all(CHATS, Vec::new()).await?;
        let messages: Vec<Message> = tx.fetch_all(MESSAGES, Vec::new()).await?;
        let leftovers = tx.fetch_optional(COUNTS, Vec::new()).await?.expect("a row of counts");
        let mut chats: BTreeMap<Uuid, Chat> = chats.into_iter().map(|chat| (chat.id, chat)).collect();
        for message in messages {
            chats.get_mut(&message.chat).expect("a message has a chat").messages.push(message);
        }
        Ok(Self { chats: chats.into_iter().map(|(id, chat)| (id.to_string(), chat)).collect(), leftovers })
    }

    /// Waits until nothing runs and nothing waits. The last leases are given back after the
    /// answers are there.
    pub(crate) async fn at_rest(db: &Db, limit: Duration) -> Self {
        let look = async || {
            let stored = Self::read(db).await.expect("chats are readable");
            if stored.is_at_rest() { Ok(stored) } else { Err(stored.unrest()) }
        };
        eventually("nothing is left", limit, look).await
    }

    /// What is not at rest, for people.
    fn unrest(&self) -> String {
        let busy = |chat: &&Chat| chat.status != "waiting" || chat.runner.is_some() || chat.queued > 0;
        let busy: Vec<String> =
            self.chats.values().filter(busy).map(|chat| format!("{}: {}", chat.id, chat.status)).collect();
        format!("{busy:?}, {:?}", self.leftovers)
    }

    fn is_at_rest(&self) -> bool {
        let rests = |chat: &Chat| chat.status == "waiting" && chat.runner.is_none() && chat.queued == 0;
        self.chats.values().all(rests) && self.leftovers == Leftovers { queued: 0, steps: 0, heartbeats: 0 }
    }
}

impl Message {
    /// The texts, as one.
    pub(crate) fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match &part.body {
            Some(Body::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(crate) fn calls(&self) -> Vec<&ToolCall> {
        let calls = self.parts.iter().filter_map(|part| match &part.body {
            Some(Body::ToolCall(call)) => Some(call),
            _ => None,
        });
        calls.collect()
    }

    pub(crate) fn results(&self) -> Vec<&ToolResult> {
        let results = self.parts.iter().filter_map(|part| match &part.body {
            Some(Body::ToolResult(result)) => Some(result),
            _ => None,
        });
        results.collect()
    }
}

impl FromRow for Chat {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            status: row.get("status")?,
            worker: row.get("worker_id")?,
            runner: row.get("runner_id")?,
            queued: row.get("queued_count")?,
            last_message: row.get("last_message_id")?,
            messages: Vec::new(),
        })
    }
}

impl FromRow for Message {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let content: Vec<u8> = row.get("content")?;
        let content = StoredContent::decode(&*content).expect("stored content is readable");
        Ok(Self { chat: row.get("chat_id")?, id: row.get("id")?, role: row.get("role")?, parts: content.parts })
    }
}

impl FromRow for Leftovers {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { queued: row.get("queued")?, steps: row.get("steps")?, heartbeats: row.get("heartbeats")? })
    }
}
