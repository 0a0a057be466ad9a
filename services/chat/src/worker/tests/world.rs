//! A store and a bus that several workers share.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource as _, SystemIds, Timestamp, Uuid};
use chatmesh_db::{Sql, values};
use chatmesh_host::Deps;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role};
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{UserId, local};
use chatmesh_runtime::{Readiness, Tasks};
use chatmesh_testkit::{TestDb, sqlite};
use prometheus_client::registry::Registry;
use tonic::service::Routes;

use super::faults::FaultyLeases;
use super::script::{Begun, Fate, Plan, Script, ScriptedTurns};
use super::time::{PausedClock, eventually};
use crate::domain::{Chat, ChatId, NewMessage};
use crate::hints::Hints;
use crate::machine::Status;
use crate::state::State;
use crate::store::{ChatStore as _, NewChat, Outgoing, SqlChatStore, WorkerDirectory as _};
use crate::testing::Standstill;
use crate::worker::Worker;
use crate::{ChatMetrics, Config, MIGRATIONS, Neighbours, Service};

/// What the workers of the tests are like.
pub(super) fn config() -> Config {
    Config {
        max_running: 8,
        max_running_subagents: 8,
        poll_interval: Duration::from_secs(1),
        heartbeat_interval: Duration::from_secs(1),
        lease_duration: Duration::from_secs(6),
        ..Config::default()
    }
}

/// A worker that hears of work through hints only.
pub(super) fn without_poll() -> Config {
    Config { poll_interval: Duration::from_secs(365 * 24 * 3600), ..config() }
}

/// What the workers share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) store: SqlChatStore,
    pub(super) script: Arc<Script>,
    pub(super) hints: Hints,
    pub(super) owner: UserId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) bus: Bus,
    database: TestDb,
    _standstill: Standstill,
}

/// A worker and what it stands on.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) state: Arc<State>,
    pub(super) worker: Worker,
    pub(super) leases: Arc<FaultyLeases>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::where_turns(Plan::Hang).await
    }

    pub(super) async fn where_turns(otherwise: Plan) -> Self {
        let standstill = Standstill::begin();
        let database = sqlite(MIGRATIONS).await;
        let bus = Bus::memory();
        Self {
            store: SqlChatStore::new(database.db.clone()),
            script: Arc::new(Script::new(otherwise)),
            hints: Hints::new(bus.clone()),
            owner: UserId(SystemIds.next()),
            clock: Arc::new(PausedClock::new()),
            bus,
            database,
            _standstill: standstill,
        }
    }

    /// A worker that runs, is listed, and has looked for chats once.
    pub(super) async fn start(&self, config: Config) -> Replica {
        let replica = self.replica(config).await;
        replica.worker.start();
        eventually("the worker is listed", async || replica.announced(self).await.is_some()).await;
        eventually("it has looked", async || replica.looks() > 0).await;
        replica
    }

    pub(super) async fn live(&self) -> Vec<crate::store::LiveWorker> {
        self.store.live(self.clock.now() - Duration::from_secs(6)).await.expect("listed")
    }

    /// A worker that does not run yet.
    pub(super) async fn replica(&self, config: Config) -> Replica {
        self.replica_with(config, Peer::for_callers(local(Routes::default().prepare()))).await
    }

    /// The same, where `workspaces` has the workspaces.
    pub(super) async fn replica_with(&self, config: Config, workspaces: Peer) -> Replica {
        let nobody = Peer::for_callers(local(Routes::default().prepare()));
        let neighbours = Neighbours { llm: nobody.clone(), tools: nobody, workspaces };
        let (state, leases) = self.state(config, neighbours).await;
        let turns = ScriptedTurns { state: Arc::clone(&state), script: Arc::clone(&self.script) };
        let worker = Worker::with_turns(Arc::clone(&state), Arc::new(turns));
        Replica { state, worker, leases }
    }

    pub(super) async fn state(&self, config: Config, neighbours: Neighbours) -> (Arc<State>, Arc<FaultyLeases>) {
        let deps = Deps {
            db: self.database.db.clone(),
            bus: self.bus.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::new(SystemIds),
            tasks: Tasks::new(),
            readiness: Readiness::new(),
        };
        let metrics = ChatMetrics::register(&mut Registry::default());
        let service = Service::build(config, deps, neighbours, metrics).await.expect("a service");
        let leases = Arc::new(FaultyLeases::new(self.store.clone()));
        let mut state = service.into_state();
        Arc::get_mut(&mut state).expect("nobody else has it").leases = leases.clone();
        (state, leases)
    }

    /// A chat that needs a worker. Nobody is told.
    pub(super) async fn chat(&self) -> ChatId {
        self.chat_of(self.owner, None).await
    }

    pub(super) async fn chat_of(&self, owner: UserId, parent: Option<ChatId>) -> ChatId {
        self.store.create(new_chat(owner, parent, self.clock.now())).await.expect("created").0.id
    }

    /// Chats that need a worker. Nobody is told.
    pub(super) async fn chats(&self, number: usize) -> Vec<ChatId> {
        let mut chats = Vec::new();
        for _ in 0..number {
            chats.push(self.chat().await);
        }
        chats
    }

    /// Tells the workers of a chat.
    pub(super) async fn hint(&self, chat: ChatId) {
        self.hints.changed(&self.get(chat).await).await;
    }

    /// A chat that the workers were told of.
    pub(super) async fn hinted_chat(&self) -> ChatId {
        let chat = self.chat().await;
        self.hint(chat).await;
        chat
    }

    pub(super) async fn get(&self, chat: ChatId) -> Chat {
        self.store.get(chat).await.expect("read").expect("a chat")
    }

    pub(super) fn outgoing(&self, text: &str) -> Outgoing {
        let message = NewMessage::from_user(self.owner, said(text), None);
        Outgoing { message, model: String::new(), interrupt: false, traceparent: None }
    }

    /// The texts of a chat, each behind the role of who said it.
    pub(super) async fn texts(&self, chat: ChatId) -> Vec<String> {
        let messages = self.store.list_messages(chat, None, false, 100).await.expect("read");
        let text = |message: crate::Message| {
            let role = match message.body.role {
                Role::User => "user",
                Role::Assistant => "assistant",
                _ => "other",
            };
            let words: Vec<&str> = message.body.content.iter().map(words).collect();
            format!("{role}: {}", words.join(""))
        };
        messages.into_iter().map(text).collect()
    }

    /// Gives a chat a workspace.
    pub(super) async fn bind(&self, chat: ChatId, workspace: Uuid) {
        const BIND: Sql = Sql::portable("UPDATE chats SET workspace_id = $2 WHERE id = $1");
        self.database.db.execute(BIND, values![chat.0, workspace]).await.expect("bound");
    }

    /// Lets the row of a chat hold what it may not.
    pub(super) async fn spoil(&self, chat: ChatId) {
        const SPOIL: Sql = Sql::portable("UPDATE chats SET labels = 'spoilt' WHERE id = $1");
        self.database.db.execute(SPOIL, values![chat.0]).await.expect("spoilt");
    }

    /// Waits until the turn of a chat with this number, from 1, has begun.
    pub(super) async fn begun(&self, chat: ChatId, number: usize) -> Begun {
        eventually("the turn has begun", async || self.script.of(chat).len() >= number).await;
        self.script.of(chat).swap_remove(number - 1)
    }

    /// Waits until the turn of a chat with this number has met its fate.
    pub(super) async fn ended(&self, chat: ChatId, number: usize) -> Fate {
        self.begun(chat, number).await;
        let fate = || self.script.of(chat)[number - 1].fate;
        eventually("the turn has ended", async || fate() != Fate::Running).await;
        fate()
    }

    /// Waits until a chat has a status.
    pub(super) async fn becomes(&self, chat: ChatId, status: Status) -> Chat {
        eventually(status.as_str(), async || self.get(chat).await.status == status).await;
        self.get(chat).await
    }

    /// Lets some seconds pass, one by one; in each, every worker that runs renews its leases.
    pub(super) async fn pass(&self, seconds: usize, replicas: &[&Replica]) {
        for _ in 0..seconds {
            let before: Vec<usize> = replicas.iter().map(|replica| replica.renewals()).collect();
            tokio::time::advance(Duration::from_secs(1)).await;
            for (replica, before) in replicas.iter().zip(before) {
                eventually("the leases were renewed", async || replica.renewals() > before).await;
            }
        }
    }
}

impl Replica {
    /// How often it has looked for chats.
    pub(super) fn looks(&self) -> usize {
        self.leases.looks.load(Ordering::SeqCst)
    }

    fn renewals(&self) -> usize {
        self.leases.renewals.load(Ordering::SeqCst)
    }

    pub(super) fn heartbeats(&self) -> u64 {
        self.state.metrics.heartbeats.get()
    }

    /// The process is killed: whatever it does ends where it stands.
    pub(super) async fn kill(&self) {
        self.state.tasks.shutdown().force();
        eventually("nothing runs any more", async || self.state.tasks.running().is_empty()).await;
    }

    /// How many more chats it says that it can take.
    pub(super) async fn announced(&self, world: &World) -> Option<(u32, u32)> {
        let live = world.live().await;
        let mine = live.into_iter().find(|live| live.worker_id == self.state.worker_id)?;
        Some((mine.free_roots, mine.free_subagents))
    }
}

/// A chat that needs a worker.
pub(super) fn new_chat(owner: UserId, parent: Option<ChatId>, now: Timestamp) -> NewChat {
    let chat = Chat {
        title: "a chat".to_owned(),
        parent_id: parent,
        root_id: parent,
        ..Chat::new(ChatId(SystemIds.next()), owner, "house".to_owned(), now)
    };
    let message = NewMessage::from_user(owner, said("begin"), None);
    NewChat { chat, message, dynamic_tools: Vec::new(), deployment_prompt: String::new(), request_id: None }
}

pub(super) fn said(text: &str) -> Vec<Part> {
    vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }]
}

fn words(part: &Part) -> &str {
    match &part.body {
        Some(Body::Text(text)) => text,
        Some(Body::ToolCall(_)) => " [call]",
        Some(Body::ToolResult(_)) => "[result]",
        _ => "[other]",
    }
}
