//! A store of chats under test, and the words to speak to it.

use std::collections::BTreeMap;
use std::time::Duration;

use chatmesh_chat::machine::{Operation, Status};
use chatmesh_chat::{
    Acquired, Chat, ChatId, ChatStore as _, Fence, MIGRATIONS, NewChat, NewMessage, Outgoing, RunnerId, Sent, Since,
    Snapshot, SqlChatStore, StoreError, Versions, WorkerId,
};
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row, Sql};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{GenerationError, Part, Role};
use chatmesh_rpc::UserId;
use chatmesh_testkit::{TestDb, databases};

/// How long a lease lives without a heartbeat here.
pub(crate) const STALE: Duration = Duration::from_secs(30);

/// A store without chats, and a time that stands still unless it is moved.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) engine: &'static str,
    pub(crate) store: SqlChatStore,
    pub(crate) owner: UserId,
    pub(crate) now: Timestamp,
    pub(crate) database: TestDb,
}

pub(crate) async fn worlds() -> Vec<World> {
    let databases = databases(MIGRATIONS).await.into_iter();
    let world = |database: TestDb| World {
        engine: database.engine,
        store: SqlChatStore::new(database.db.clone()),
        owner: UserId(SystemIds.next()),
        now: SystemClock.now(),
        database,
    };
    databases.map(world).collect()
}

/// All that the store keeps of a chat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Everything {
    pub(crate) seen: Snapshot,
    prompt: Vec<chatmesh_chat::Message>,
    pub(crate) kept: Option<NewMessage>,
    heartbeats: Vec<Heartbeat>,
}

#[derive(Debug, Clone, PartialEq)]
struct Heartbeat(Uuid, Uuid, Timestamp);

impl FromRow for Heartbeat {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("runner_id")?, row.get("worker_id")?, row.get("heartbeat_at")?))
    }
}

impl World {
    pub(crate) fn tick(&mut self) {
        self.now += Duration::from_secs(1);
    }

    pub(crate) fn new_chat(&self, text: &str, request_id: Option<Uuid>) -> NewChat {
        let chat = Chat {
            id: ChatId(SystemIds.next()),
            owner_id: self.owner,
            title: "a title – 題".to_owned(),
            status: Status::Running,
            archived: false,
            model: "house".to_owned(),
            workspace_id: Some(SystemIds.next()),
            system_prompt: "be brief".to_owned(),
            labels: BTreeMap::from([("team".to_owned(), "söze".to_owned())]),
            lease: None,
            last_error: None,
            retry_state: None,
            versions: Versions::default(),
            last_message_id: 0,
            last_queued_id: 0,
            queued_count: 0,
            traceparent: Some("00-trace".to_owned()),
            created_at: self.now,
            updated_at: self.now,
        };
        NewChat { chat, message: NewMessage::from_user(self.owner, parts(text), request_id), request_id }
    }

    pub(crate) async fn create(&self, text: &str) -> Chat {
        let (chat, created) = self.store.create(self.new_chat(text, None)).await.expect("created");
        assert!(created, "{}", self.engine);
        chat
    }

    pub(crate) fn outgoing(&self, text: &str) -> Outgoing {
        let message = NewMessage::from_user(self.owner, parts(text), None);
        Outgoing { message, model: String::new(), interrupt: false, traceparent: None }
    }

    pub(crate) fn request(&self, text: &str, request_id: Uuid) -> Outgoing {
        let message = NewMessage::from_user(self.owner, parts(text), Some(request_id));
        Outgoing { message, ..self.outgoing(text) }
    }

    pub(crate) async fn try_send(&self, chat: ChatId, outgoing: Outgoing) -> Result<Sent, StoreError> {
        self.store.send(chat, outgoing, self.now).await
    }

    pub(crate) async fn send(&self, chat: ChatId, text: &str) -> Sent {
        self.try_send(chat, self.outgoing(text)).await.expect("sent")
    }

    pub(crate) async fn send_interrupting(&self, chat: ChatId, text: &str) -> Sent {
        self.try_send(chat, Outgoing { interrupt: true, ..self.outgoing(text) }).await.expect("sent")
    }

    /// Leases at most `limit` chats for `worker`.
    pub(crate) async fn acquire(&self, worker: WorkerId, limit: usize) -> Vec<Acquired> {
        let runners: Vec<_> = (0..limit).map(|_| RunnerId(SystemIds.next())).collect();
        self.store.acquire(worker, &runners, self.now, STALE).await.expect("asked")
    }

    /// A chat that a runner has.
    pub(crate) async fn running(&self, text: &str) -> Chat {
        let chat = self.create(text).await;
        let acquired = self.acquire(new_worker(), 1).await.pop().expect("a chat");
        assert_eq!(acquired.chat.id, chat.id, "{}: the only runnable one", self.engine);
        acquired.chat
    }

    /// A chat whose turn failed, with `queued` waiting.
    pub(crate) async fn failed(&self, queued: &[&str]) -> Chat {
        let chat = self.running("first").await;
        for text in queued {
            self.send(chat.id, text).await;
        }
        self.store.finish_error(fence(&chat), Vec::new(), failure(), self.now).await.expect("failed")
    }

    pub(crate) async fn get(&self, id: ChatId) -> Chat {
        self.store.get(id).await.expect("asked").expect("there")
    }

    pub(crate) async fn snapshot(&self, id: ChatId, since: Since) -> Snapshot {
        self.store.snapshot(id, since).await.expect("asked").expect("there")
    }

    /// What is in the history, in order.
    pub(crate) async fn history(&self, id: ChatId) -> Vec<String> {
        let messages = self.snapshot(id, Since::Message(0)).await.messages;
        messages.iter().map(|message| text_of(&message.body.content)).collect()
    }

    /// What waits, in order.
    pub(crate) async fn queue(&self, id: ChatId) -> Vec<String> {
        let queue = self.snapshot(id, Since::Message(0)).await.queue.expect("asked for");
        queue.iter().map(|message| text_of(&message.content)).collect()
    }

    pub(crate) async fn everything(&self, id: ChatId) -> Everything {
        const HEARTBEATS: Sql = Sql::portable(
            "SELECT runner_id, worker_id, heartbeat_at FROM chat_heartbeats WHERE chat_id = $1 ORDER BY runner_id",
        );
        let seen = self.snapshot(id, Since::Message(0)).await;
        Everything {
            prompt: self.store.prompt_messages(id).await.expect("listed"),
            kept: self.store.kept_step(id, seen.chat.versions.history).await.expect("asked"),
            heartbeats: self.database.db.fetch_all(HEARTBEATS, chatmesh_db::values![id.0]).await.expect("listed"),
            seen,
        }
    }

    /// Carries `operation` out as the runner that `fence` names, where it takes one. Where there
    /// is nothing to acquire, that is [`StoreError::NotFound`].
    pub(crate) async fn perform(&self, operation: Operation, fence: Fence) -> Result<Chat, StoreError> {
        let (id, now, store) = (fence.chat_id, self.now, &self.store);
        match operation {
            Operation::SendMessage => Ok(self.try_send(id, self.outgoing("sent")).await?.chat),
            Operation::SendMessageInterrupting => {
                Ok(self.try_send(id, Outgoing { interrupt: true, ..self.outgoing("sent") }).await?.chat)
            }
            Operation::Interrupt => store.interrupt(id, now).await,
            Operation::Acquire => {
                let found = self.acquire(new_worker(), 100).await.into_iter().find(|acquired| acquired.chat.id == id);
                found.map(|acquired| acquired.chat).ok_or(StoreError::NotFound)
            }
            Operation::Abandon => store.abandon(id, fence.runner_id, now).await,
            Operation::RecordGenerationAttempt => store.record_attempt(fence, now).await,
            Operation::RecordRetryState => store.record_retry(fence, retry(1), now).await,
            Operation::RecordStep => store.record_step(fence, &answer("kept"), now).await,
            Operation::CommitStep => Ok(store.commit_step(fence, vec![answer("said")], now).await?.0),
            Operation::FinishTurn => store.finish_turn(fence, now).await,
            Operation::FinishError => store.finish_error(fence, vec![answer("partial")], failure(), now).await,
            Operation::FinishInterruption => store.finish_interruption(fence, vec![answer("partial")], now).await,
        }
    }
}

pub(crate) fn new_worker() -> WorkerId {
    WorkerId(SystemIds.next())
}

/// What the runner of `chat` writes under.
pub(crate) fn fence(chat: &Chat) -> Fence {
    let lease = chat.lease.expect("somebody runs it");
    Fence { chat_id: chat.id, runner_id: lease.runner_id, history_version: chat.versions.history }
}

pub(crate) fn parts(text: &str) -> Vec<Part> {
    vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }]
}

pub(crate) fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.body {
        Some(Body::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

pub(crate) fn answer(text: &str) -> NewMessage {
    NewMessage::new(Role::Assistant, parts(text))
}

pub(crate) fn failure() -> GenerationError {
    GenerationError { message: "the provider is overloaded".to_owned(), retryable: true, ..GenerationError::default() }
}

pub(crate) fn retry(attempt: u32) -> Retry {
    Retry { attempt, delay_ms: 500, error: "try again".to_owned(), ..Retry::default() }
}

pub(crate) fn is_lost<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::LeaseLost))
}
