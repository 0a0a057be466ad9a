//! What is read of a store.

use chatmesh_chat::{Chat, ChatId, ChatStore as _, KeptStep, Message, Since, Snapshot};
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row, Sql, values};

use super::World;
use crate::content::text_of;
use crate::line::Line;

/// All that the store keeps of a chat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Everything {
    pub(crate) seen: Snapshot,
    messages: Vec<Message>,
    pub(crate) kept: Option<KeptStep>,
    pub(crate) heartbeats: Vec<Heartbeat>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heartbeat(Uuid, Uuid, Timestamp);

impl FromRow for Heartbeat {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("runner_id")?, row.get("worker_id")?, row.get("heartbeat_at")?))
    }
}

impl World {
    pub(crate) async fn get(&self, id: ChatId) -> Chat {
        self.store.get(id).await.expect("asked").expect("there")
    }

    pub(crate) async fn snapshot(&self, id: ChatId, since: Since) -> Snapshot {
        self.store.snapshot(id, since).await.expect("asked").expect("there")
    }

    /// What people see of the history, in order.
    pub(crate) async fn history(&self, id: ChatId) -> Vec<String> {
        let messages = self.snapshot(id, Since::Message(0)).await.messages;
        messages.iter().map(|message| text_of(&message.body.content)).collect()
    }

    /// What waits, in order.
    pub(crate) async fn queue(&self, id: ChatId) -> Vec<String> {
        let queue = self.snapshot(id, Since::Message(0)).await.queue.expect("asked for");
        queue.iter().map(|message| text_of(&message.content)).collect()
    }

    /// Every message, also what was deleted and what people do not see, in order.
    pub(crate) async fn messages(&self, id: ChatId) -> Vec<Message> {
        const ALL: Sql = Sql::portable("SELECT * FROM chat_messages WHERE chat_id = $1 ORDER BY id");
        self.db.fetch_all(ALL, values![id.0]).await.expect("listed")
    }

    /// What the model sees, in order.
    pub(crate) async fn prompt(&self, id: ChatId) -> Vec<Line> {
        Line::all(&self.store.prompt_messages(id).await.expect("listed"))
    }

    pub(crate) async fn everything(&self, id: ChatId) -> Everything {
        const HEARTBEATS: Sql = Sql::portable(
            "SELECT runner_id, worker_id, heartbeat_at FROM chat_heartbeats WHERE chat_id = $1 ORDER BY runner_id",
        );
        let seen = self.snapshot(id, Since::Message(0)).await;
        Everything {
            messages: self.messages(id).await,
            kept: self.store.kept_step(id, seen.chat.versions.history).await.expect("asked"),
            heartbeats: self.db.fetch_all(HEARTBEATS, values![id.0]).await.expect("listed"),
            seen,
        }
    }

    /// Every row of every table.
    pub(crate) async fn dump(&self) -> Vec<String> {
        self.db.dump().await.expect("dumped")
    }
}
