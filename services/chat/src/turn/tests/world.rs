//! A worker with its store, a model and tools.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource as _, SecretString, SystemClock, SystemIds, Timestamp, Uuid};
use chatmesh_db::{Sql, Value, values};
use chatmesh_host::Deps;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Role, ToolDefinition};
use chatmesh_proto::llm::v1::llm_service_server::LlmServiceServer;
use chatmesh_proto::tools::v1::tool_service_server::ToolServiceServer;
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Transport, UserId, local};
use chatmesh_runtime::{Readiness, Tasks};
use chatmesh_testkit::{TestDb, sqlite};
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tonic::service::Routes;

use super::hands::Hands;
use super::lossy::{Fate, LossyStore};
use super::model::{Model, word};
use crate::domain::{Chat, ChatId, Message, NewMessage, RunnerId};
use crate::state::State;
use crate::store::{ClientResult, NewChat, Outgoing, SqlChatStore};
use crate::testing::{Standstill, eventually, pass};
use crate::worker::Worker;
use crate::{ChatMetrics, Config, MIGRATIONS, Neighbours, Service};

/// The time of day as the runtime's clock has it.
#[derive(Debug)]
struct PausedClock {
    began: (Timestamp, Instant),
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        self.began.0 + self.began.1.elapsed()
    }
}

/// A worker hears of work through hints only: time passes in leaps here.
pub(super) fn config() -> Config {
    let never = Duration::from_secs(365 * 24 * 3600);
    Config {
        poll_interval: never,
        heartbeat_interval: never,
        lease_duration: never * 3,
        max_turn_duration: never,
        ..Config::default()
    }
}

pub(super) struct World {
    pub(super) model: Model,
    pub(super) hands: Hands,
    pub(super) state: Arc<State>,
    pub(super) registry: Registry,
    pub(super) owner: UserId,
    clock: Arc<dyn Clock>,
    bus: Bus,
    database: TestDb,
    _standstill: Standstill,
}

impl World {
    /// A world with a worker.
    pub(super) async fn new() -> Self {
        Self::with(config()).await
    }

    /// A world with a worker that works like this. It may not listen yet: what it is told before, its first look finds.
    pub(super) async fn with(config: Config) -> Self {
        let world = Self::without_worker(config).await;
        world.start();
        world
    }

    /// A world with a worker to which the ends of interruptions are answered like this.
    pub(super) async fn where_interruptions_end(fates: &[Fate]) -> Self {
        let mut world = Self::without_worker(config()).await;
        let store = LossyStore::new(SqlChatStore::new(world.database.db.clone()), fates).await;
        Arc::get_mut(&mut world.state).expect("nobody else has it").store = Arc::new(store);
        world.start();
        world
    }

    fn start(&self) {
        Worker::new(Arc::clone(&self.state)).start();
    }

    pub(super) async fn without_worker(config: Config) -> Self {
        let standstill = Standstill::begin();
        let database = sqlite(MIGRATIONS).await;
        let (model, hands) = (Model::default(), Hands::default());
        let clock: Arc<dyn Clock> = Arc::new(PausedClock { began: (SystemClock.now(), Instant::now()) });
        let bus = Bus::memory();
        let mut registry = Registry::default();
        let state = state(config, &database, &bus, &clock, neighbours(&model, &hands, &clock), &mut registry).await;
        let owner = UserId(SystemIds.next());
        Self { model, hands, state, registry, owner, clock, bus, database, _standstill: standstill }
    }

    /// Another process of the service, with a worker, on the same database; as in [`Self::with`].
    pub(super) async fn another_process(&self) -> Arc<State> {
        let neighbours = neighbours(&self.model, &self.hands, &self.clock);
        let mut registry = Registry::default();
        let state =
            state(self.state.config.clone(), &self.database, &self.bus, &self.clock, neighbours, &mut registry).await;
        Worker::new(Arc::clone(&state)).start();
        state
    }

    /// A chat that runs, and that the worker is told of.
    pub(super) async fn chat(&self, said: &str) -> ChatId {
        self.chat_with_tools(said, &[]).await
    }

    /// The same where the client has tools of these names.
    pub(super) async fn chat_with_tools(&self, said: &str, tools: &[&str]) -> ChatId {
        self.chat_in(Some(SystemIds.next()), said, tools).await
    }

    /// The same in a workspace of the test's choice.
    pub(super) async fn chat_in(&self, workspace_id: Option<Uuid>, said: &str, tools: &[&str]) -> ChatId {
        let now = self.clock.now();
        let chat = Chat {
            title: "a chat".to_owned(),
            workspace_id,
            system_prompt: "be brief".to_owned(),
            ..Chat::new(ChatId(SystemIds.next()), self.owner, "house".to_owned(), now)
        };
        let definition = |name: &&str| ToolDefinition { name: (*name).to_owned(), ..ToolDefinition::default() };
        let dynamic_tools = tools.iter().map(definition).collect();
        let message = NewMessage::from_user(self.owner, text(said), None);
        let new = NewChat {
            chat,
            message,
            dynamic_tools,
            deployment_prompt: self.state.config.deployment_prompt(),
            request_id: None,
        };
        let (chat, _) = self.state.store.create(new).await.expect("created");
        self.state.hints.changed(&chat).await;
        chat.id
    }

    pub(super) async fn get(&self, chat: ChatId) -> Chat {
        self.state.store.get(chat).await.expect("read").expect("a chat")
    }

    /// Waits until the chat is like this.
    pub(super) async fn until(&self, chat: ChatId, what: &str, is_so: impl Fn(&Chat) -> bool) -> Chat {
        eventually(what, async || self.get(chat).await, is_so).await
    }

    /// Waits until the turn has ended.
    pub(super) async fn ended(&self, chat: ChatId) -> Chat {
        let is_over = |chat: &Chat| chat.lease.is_none() && !chat.status.needs_worker();
        self.until(chat, "the turn is over", is_over).await
    }

    /// Waits until the next call of the model is put off, and lets the time pass. Returns how long that is.
    pub(super) async fn sit_out(&self, chat: ChatId) -> Duration {
        let put_off = self.until(chat, "the call is put off", |chat| chat.retry_state.is_some()).await;
        let delay = Duration::from_millis(put_off.retry_state.expect("a pause").delay_ms.into());
        let attempt = put_off.versions.generation_attempt;
        pass(delay).await;
        let is_next = |chat: &Chat| {
            chat.versions.generation_attempt != attempt || chat.versions.history > put_off.versions.history
        };
        self.until(chat, "the call is made again", is_next).await;
        delay
    }

    /// The owner says something.
    pub(super) async fn say(&self, chat: ChatId, said: &str) -> Chat {
        let message = NewMessage::from_user(self.owner, text(said), None);
        let outgoing = Outgoing { message, model: String::new(), interrupt: false, traceparent: None };
        let sent = self.state.store.send(chat, outgoing, self.clock.now()).await.expect("sent");
        self.state.hints.changed(&sent.chat).await;
        sent.chat
    }

    /// The owner stops the turn.
    pub(super) async fn interrupt(&self, chat: ChatId) {
        let (stopped, _) = self.state.store.interrupt(chat, self.clock.now()).await.expect("stopped");
        self.state.hints.status_changed(&stopped).await;
    }

    /// The owner wants a summary.
    pub(super) async fn compact(&self, chat: ChatId) {
        let wanted = self.state.store.request_compaction(chat, None, self.clock.now()).await.expect("wanted");
        self.state.hints.changed(&wanted).await;
    }

    /// The client answers the calls of its tools.
    pub(super) async fn submit(&self, chat: ChatId, calls: &[&str]) {
        let result = |call: &&str| ClientResult {
            call_id: (*call).to_owned(),
            output: r#"{"client":true}"#.to_owned(),
            is_error: false,
        };
        let results = calls.iter().map(result).collect();
        let (chat, _) = self.state.store.submit_tool_results(chat, results, self.clock.now()).await.expect("submitted");
        self.state.hints.changed(&chat).await;
    }

    /// The messages that people see.
    pub(super) async fn messages(&self, chat: ChatId) -> Vec<Message> {
        self.state.store.list_messages(chat, None, false, 1000).await.expect("read")
    }

    /// The messages that people see, a line per part.
    pub(super) async fn shown(&self, chat: ChatId) -> Vec<String> {
        let messages = self.messages(chat).await;
        messages
            .iter()
            .flat_map(|message| message.body.content.iter().map(|part| line(message.body.role, part)))
            .collect()
    }

    /// What the metrics say, a line per sample.
    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("encoded");
        text
    }

    /// Lets a chat whose turn ended run again, as if the end had been lost with its worker.
    pub(super) async fn reopen(&self, chat: ChatId) {
        const REOPEN: Sql = Sql::portable("UPDATE chats SET status = 'running' WHERE id = $1");
        self.database.db.execute(REOPEN, values![chat.0]).await.expect("reopened");
        self.state.hints.changed(&self.get(chat).await).await;
    }

    /// Changes the database behind everybody's back.
    pub(super) async fn change(&self, sql: Sql, values: Vec<Value>) {
        self.database.db.execute(sql, values).await.expect("changed");
    }

    /// The database takes no message of the model.
    pub(super) async fn refuse_answers(&self) {
        const REFUSE: Sql = Sql::portable(
            "CREATE TRIGGER refuse_answers BEFORE INSERT ON chat_messages WHEN NEW.role = 'assistant' \
             BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
        );
        self.database.db.execute(REFUSE, values![]).await.expect("a trigger");
    }

    /// The lease of a process that is gone is free, as it is after a while.
    pub(super) async fn given_back(&self, chat: ChatId, runner: RunnerId) -> Chat {
        // The process may have been quick enough to do so itself.
        let _ = self.state.leases.abandon(chat, runner, self.state.clock.now()).await;
        self.until(chat, "the lease is free", |chat| chat.lease.is_none()).await
    }

    /// The process is gone, without a word to anybody.
    pub(super) async fn kill(&self) {
        self.state.tasks.shutdown().force();
        eventually("it is gone", async || self.state.tasks.running(), Vec::is_empty).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.state.tasks.shutdown().force();
    }
}

async fn state(
    config: Config,
    database: &TestDb,
    bus: &Bus,
    clock: &Arc<dyn Clock>,
    neighbours: Neighbours,
    registry: &mut Registry,
) -> Arc<State> {
    let deps = Deps {
        db: database.db.clone(),
        bus: bus.clone(),
        clock: Arc::clone(clock),
        ids: Arc::new(SystemIds),
        tasks: Tasks::new(),
        readiness: Readiness::new(),
    };
    let service = Service::build(config, deps, neighbours, ChatMetrics::register(registry)).await;
    service.expect("a service").into_state()
}

fn neighbours(model: &Model, hands: &Hands, clock: &Arc<dyn Clock>) -> Neighbours {
    let secret = SecretString::from("a secret of at least thirty-two characters");
    let peer = |transport: Transport| Peer::new(transport, ServiceSigner::new("chat", &secret, Arc::clone(clock)));
    Neighbours {
        llm: peer(local(Routes::new(LlmServiceServer::new(model.clone())).prepare())),
        tools: peer(local(Routes::new(ToolServiceServer::new(hands.clone())).prepare())),
        workspaces: peer(local(Routes::default().prepare())),
    }
}

pub(super) fn text(text: &str) -> Vec<Part> {
    vec![Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }]
}

fn line(role: Role, part: &Part) -> String {
    let said = match &part.body {
        Some(Body::Text(text)) => text.clone(),
        Some(Body::ToolCall(call)) => format!("[{} {}]", call.name, call.call_id),
        Some(Body::ToolResult(result)) if result.is_error => format!("[{} failed: {}]", result.call_id, result.result),
        Some(Body::ToolResult(result)) => format!("[{}: {}]", result.call_id, result.result),
        other => format!("{other:?}"),
    };
    format!("{}: {said}", word(role))
}
