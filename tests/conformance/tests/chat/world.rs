//! A store of chats under test, and the words to speak to it.

mod reads;

use std::collections::BTreeMap;
use std::time::Duration;

use chatmesh_chat::{
    Acquired, Chat, ChatId, ChatStore as _, Edit, Edited, Fence, Lease, LeaseStore as _, MIGRATIONS, NewChat,
    NewMessage, Outgoing, Room, RunnerId, Sent, SqlChatStore, StoreError, Update, WorkerId,
};
use chatmesh_core::{Clock as _, IdSource as _, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_db::{Db, DbError, Sql, values};
use chatmesh_rpc::UserId;
use chatmesh_testkit::{TestDb, databases};

use crate::content::{answer, asking, failure, parts};

/// How long a lease lives without a heartbeat here.
pub(crate) const STALE: Duration = Duration::from_secs(30);
/// How long the client's tools may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// How often a call is made of which the database, on a busy machine, says that it takes too long.
const TRIES: usize = 5;
/// What PostgreSQL says of a lock, a statement and a transaction that took too long.
const TIMEOUTS: [&str; 3] = ["55P03", "57014", "25P03"];

/// A store without chats, and a time that stands still unless it is moved.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) engine: &'static str,
    pub(crate) store: SqlChatStore,
    pub(crate) owner: UserId,
    pub(crate) now: Timestamp,
    pub(crate) db: Db,
    /// What goes with the world.
    _database: Option<TestDb>,
}

pub(crate) async fn worlds() -> Vec<World> {
    databases(MIGRATIONS).await.into_iter().map(World::from).collect()
}

impl From<TestDb> for World {
    fn from(database: TestDb) -> Self {
        let world = Self::on(database.engine, database.db.clone());
        Self { _database: Some(database), ..world }
    }
}

impl World {
    /// A world on a database whose schema is up to date.
    pub(crate) fn on(engine: &'static str, db: Db) -> Self {
        Self {
            engine,
            store: SqlChatStore::new(db.clone()),
            owner: UserId(SystemIds.next()),
            now: SystemClock.now(),
            db,
            _database: None,
        }
    }

    pub(crate) fn tick(&mut self) {
        self.now += Duration::from_secs(1);
    }

    pub(crate) fn new_chat(&self, text: &str, request_id: Option<Uuid>) -> NewChat {
        let chat = Chat {
            title: "a title – 題".to_owned(),
            workspace_id: Some(SystemIds.next()),
            mcp_server_ids: Some(vec![SystemIds.next(), SystemIds.next()]),
            system_prompt: "be brief".to_owned(),
            labels: BTreeMap::from([("team".to_owned(), "söze".to_owned())]),
            traceparent: Some("00-trace".to_owned()),
            ..Chat::new(ChatId(SystemIds.next()), self.owner, "house".to_owned(), self.now)
        };
        let message = NewMessage::from_user(self.owner, parts(text), request_id);
        NewChat { chat, message, dynamic_tools: Vec::new(), deployment_prompt: String::new(), request_id }
    }

    pub(crate) async fn insert(&self, new: NewChat) -> Chat {
        let (chat, created) = self.store.create(new).await.expect("created");
        assert!(created, "{}", self.engine);
        chat
    }

    pub(crate) async fn create(&self, text: &str) -> Chat {
        self.insert(self.new_chat(text, None)).await
    }

    /// A chat that `parent` started.
    pub(crate) async fn child(&self, parent: &Chat, text: &str) -> Chat {
        let mut new = self.new_chat(text, None);
        (new.chat.parent_id, new.chat.root_id) = (Some(parent.id), Some(parent.family()));
        self.insert(new).await
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

    pub(crate) async fn interrupt(&self, chat: ChatId) -> Chat {
        self.store.interrupt(chat, self.now).await.expect("stopped").0
    }

    pub(crate) async fn try_edit(&self, chat: ChatId, message_id: u32, text: &str) -> Result<Edited, StoreError> {
        let Outgoing { message, model, traceparent, .. } = self.outgoing(text);
        self.store.edit(chat, Edit { message_id, message, model, traceparent }, self.now).await
    }

    pub(crate) async fn update(&self, chat: ChatId, update: Update) -> Chat {
        self.store.update(chat, update, self.now).await.expect("updated").chat
    }

    /// Leases at most `limit` chats that users started for `worker`, in the order in which they are to be taken.
    pub(crate) async fn acquire(&self, worker: WorkerId, limit: u32) -> Vec<Acquired> {
        let room = Room { roots: limit, subagents: 0 };
        let mut acquired = Vec::new();
        for found in self.store.runnable(room, self.now, STALE).await.expect("listed") {
            match self.lease(found.chat_id, worker).await {
                Ok(one) => acquired.push(one),
                // Somebody else was there in between.
                Err(StoreError::LeaseLost | StoreError::Rejected(_)) => {}
                Err(error) => panic!("{}: {error:?}", self.engine),
            }
        }
        acquired
    }

    pub(crate) async fn lease(&self, chat: ChatId, worker_id: WorkerId) -> Result<Acquired, StoreError> {
        let lease = Lease { worker_id, runner_id: RunnerId(SystemIds.next()) };
        self.store.acquire(chat, lease, self.now, STALE).await
    }

    /// The chat with a runner of its own.
    pub(crate) async fn run(&self, chat: ChatId) -> Chat {
        self.lease(chat, new_worker()).await.expect("leased").chat
    }

    /// A chat that a runner has.
    pub(crate) async fn running(&self, text: &str) -> Chat {
        let chat = self.create(text).await;
        self.run(chat.id).await
    }

    /// A chat that nobody works on, in which the model said something.
    pub(crate) async fn idle(&self, text: &str) -> Chat {
        let chat = self.running(text).await;
        let said = vec![answer("said")];
        let chat = self.store.commit_step(fence(&chat), said, self.now).await.expect("said").0;
        self.store.finish_turn(fence(&chat), self.now).await.expect("finished")
    }

    /// A chat whose turn failed, with `queued` waiting.
    pub(crate) async fn failed(&self, queued: &[&str]) -> Chat {
        let chat = self.running("first").await;
        for text in queued {
            self.send(chat.id, text).await;
        }
        self.store.finish_error(fence(&chat), Vec::new(), failure(), self.now).await.expect("failed")
    }

    /// A chat that waits for the results of these calls, with `queued` waiting.
    pub(crate) async fn asking(&self, calls: &[&str], queued: &[&str]) -> Chat {
        let chat = self.running("first").await;
        let calls: Vec<String> = calls.iter().map(|id| (*id).to_owned()).collect();
        let (deadline, messages) = (self.now + PATIENCE, vec![asking("look", &calls)]);
        let entered = self.store.enter_requires_action(fence(&chat), messages, deadline, self.now).await;
        let mut chat = entered.expect("entered").0;
        for text in queued {
            chat = self.send(chat.id, text).await.chat;
        }
        chat
    }

    /// What only a hand or a defect could do to the database.
    pub(crate) async fn force(&self, statement: Sql, chat: ChatId) {
        let changed = self.db.execute(statement, values![chat.0]).await.expect("forced");
        assert_eq!(changed, 1, "{}: {statement:?}", self.engine);
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

/// What somebody writes under who has no lease.
pub(crate) fn nobodys_fence(chat: &Chat) -> Fence {
    Fence { chat_id: chat.id, runner_id: RunnerId(SystemIds.next()), history_version: chat.versions.history }
}

/// True where the machine was too busy for the database. A transaction that lost against another one, such as by a
/// deadlock, is none of that: it is a fault of the store.
pub(crate) fn took_too_long(error: &StoreError) -> bool {
    let StoreError::Database(DbError::Unavailable(cause)) = error else { return false };
    let code = cause.as_database_error().and_then(|error| error.code());
    code.is_none_or(|code| TIMEOUTS.contains(&code.as_ref()))
}

/// What comes of a call of the store, which is made again where the database took too long.
pub(crate) async fn patiently<T>(call: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 1..TRIES {
        match call().await {
            Err(error) if took_too_long(&error) => tokio::time::sleep(Duration::from_millis(10)).await,
            done => return done,
        }
    }
    call().await
}

pub(crate) fn is_lost<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::LeaseLost))
}
