//! A database with replicas of the service around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chatmesh_bus::Bus;
use chatmesh_core::{Clock, IdSource as _, SystemClock, SystemIds, Timestamp};
use chatmesh_host::Deps;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Caller, Replicas, Role, UserId, local};
use chatmesh_runtime::{Readiness, Tasks};
use chatmesh_testkit::{TestDb, sqlite};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use super::content::text;
use super::network::{Faults, Network};
use super::reader::Reader;
use super::truth::Truth;
use crate::domain::{Chat, ChatId, NewMessage};
use crate::state::{Neighbours, State};
use crate::store::{Edit, Edited, NewChat, Outgoing, StoreError};
use crate::{ChatMetrics, Config, MIGRATIONS, Service};

/// A time of day that moves when it is read: two moments are never the same.
#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let mut now = self.0.lock();
        *now += Duration::from_millis(1);
        *now
    }
}

/// A database, a bus and a network.
pub(crate) struct World {
    database: TestDb,
    bus: Bus,
    network: Network,
    clock: Arc<dyn Clock>,
    made: AtomicU64,
    pub(crate) faults: Faults,
    /// Who has the workspaces; nobody, unless a test says so.
    pub(crate) workspaces: Peer,
    /// Who owns all chats.
    pub(crate) owner: UserId,
    pub(crate) truth: Truth,
}

impl World {
    /// A world where nothing goes wrong by itself.
    pub(crate) async fn new() -> Self {
        Self::with(Bus::memory(), Faults::default()).await
    }

    /// A world with this bus, and these faults between replicas.
    pub(crate) async fn with(bus: Bus, faults: Faults) -> Self {
        Self {
            database: sqlite(MIGRATIONS).await,
            bus,
            network: Network::new(),
            clock: Arc::new(TestClock(Mutex::new(SystemClock.now()))),
            made: AtomicU64::default(),
            faults,
            workspaces: Peer::for_callers(local(tonic::service::Routes::default().prepare())),
            owner: UserId(SystemIds.next()),
            truth: Truth::default(),
        }
    }

    /// A further replica, listed and reachable for the others.
    pub(crate) async fn replica(&self) -> Replica {
        let state = self.service().await.into_state_with(self.network.replicas());
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let address = format!("http://replica-{number}");
        self.network.serve(&address, Arc::clone(&state), self.faults, number);
        self.listed(state, address).await
    }

    /// A further replica that is reached over sockets.
    pub(crate) async fn replica_with_port(&self) -> Replica {
        let replicas = Replicas::over_network(self.network.identity());
        let state = self.service().await.into_state_with(replicas);
        let address = self.network.listen(&state).await;
        self.listed(state, address).await
    }

    async fn service(&self) -> Service {
        let nowhere = Peer::for_callers(local(tonic::service::Routes::default().prepare()));
        let deps = Deps {
            db: self.database.db.clone(),
            bus: self.bus.clone(),
            clock: Arc::clone(&self.clock),
            ids: Arc::new(SystemIds),
            tasks: Tasks::new(),
            readiness: Readiness::new(),
        };
        let neighbours = Neighbours { llm: nowhere.clone(), tools: nowhere, workspaces: self.workspaces.clone() };
        let metrics = ChatMetrics::register(&mut Registry::default());
        Service::build(Config::default(), deps, neighbours, metrics).await.expect("a service")
    }

    async fn listed(&self, state: Arc<State>, address: String) -> Replica {
        let (worker, now) = (state.worker_id, self.clock.now());
        state.workers.announce(worker, Some(&address), 9, 9, now).await.expect("announced");
        Replica { state, address, network: self.network.clone(), owner: self.owner, truth: self.truth.clone() }
    }
}

/// One process of the service.
pub(crate) struct Replica {
    pub(crate) state: Arc<State>,
    pub(crate) owner: UserId,
    pub(crate) truth: Truth,
    pub(crate) address: String,
    network: Network,
}

impl Replica {
    pub(crate) fn now(&self) -> Timestamp {
        self.state.clock.now()
    }

    pub(crate) fn new_chat(&self, said: &str) -> NewChat {
        let now = self.now();
        let chat = Chat {
            title: "a chat".to_owned(),
            ..Chat::new(ChatId(SystemIds.next()), self.owner, "house".to_owned(), now)
        };
        let message = NewMessage::from_user(self.owner, vec![text(said)], None);
        NewChat { chat, message, dynamic_tools: Vec::new(), deployment_prompt: String::new(), request_id: None }
    }

    /// A chat with its first message, running.
    pub(crate) async fn chat(&self, said: &str) -> ChatId {
        let (chat, _) = self.state.store.create(self.new_chat(said)).await.expect("created");
        self.state.hints.changed(&chat).await;
        chat.id
    }

    /// The chat as it is in the database.
    pub(crate) async fn get(&self, chat: ChatId) -> Chat {
        self.state.store.get(chat).await.expect("readable").expect("a chat")
    }

    /// A message of the owner.
    pub(crate) fn outgoing(&self, said: &str, interrupt: bool) -> Outgoing {
        let message = NewMessage::from_user(self.owner, vec![text(said)], None);
        Outgoing { message, model: String::new(), interrupt, traceparent: None }
    }

    /// Sends a message, and says so.
    pub(crate) async fn send(&self, chat: ChatId, said: &str, interrupt: bool) -> Chat {
        let sent = self.state.store.send(chat, self.outgoing(said, interrupt), self.now()).await.expect("sent");
        self.state.hints.changed(&sent.chat).await;
        sent.chat
    }

    /// Puts another word in the place of one of the owner's, without a hint.
    pub(crate) async fn try_edit(&self, chat: ChatId, message: u32, said: &str) -> Result<Edited, StoreError> {
        let edit = Edit {
            message_id: message,
            message: NewMessage::from_user(self.owner, vec![text(said)], None),
            model: String::new(),
            traceparent: None,
        };
        self.state.store.edit(chat, edit, self.now()).await
    }

    /// Puts another word in the place of one of the owner's, and says so.
    pub(crate) async fn edit(&self, chat: ChatId, message: u32, said: &str) -> Chat {
        let edited = self.try_edit(chat, message, said).await.expect("edited");
        self.state.hints.changed(&edited.chat).await;
        edited.chat
    }

    /// The owner, as a caller.
    pub(crate) fn caller(&self) -> Caller {
        Caller::user(self.owner, Role::Member)
    }

    /// A client of this replica that holds nothing yet.
    pub(crate) async fn reader(&self, chat: ChatId) -> Reader {
        let mut reader = Reader::new(chat, self.truth.clone());
        reader.connect(self).await;
        reader
    }

    /// The process is gone, without a word to anybody.
    pub(crate) fn kill(&self) {
        self.network.remove(&self.address);
        self.state.tasks.shutdown().force();
    }
}
