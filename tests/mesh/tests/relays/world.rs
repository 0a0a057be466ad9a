//! Replicas of the relay on one database, agents, and a balancer between them.

pub(crate) mod old_agent;
mod workspaces;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatmesh_agent::{Agent, Args, Config, ConnectionError};
use chatmesh_bus::Bus;
use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds, Uuid};
use chatmesh_host::{Deps, Service as _};
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::{PingRequest, PingResponse};
use chatmesh_proto::relay::v1::relay_service_client::RelayServiceClient;
use chatmesh_proto::relay::v1::{AwaitAgentRequest, AwaitAgentResponse};
use chatmesh_proto::workspaces::v1::agent_service_server::AgentServiceServer;
use chatmesh_relay::{MIGRATIONS, RelayMetrics, Service};
use chatmesh_rpc::assertion::{AssertionError, KeySource, ServiceSigner, VerificationKey, Verifier};
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::server::ServerLayer;
use chatmesh_rpc::{RpcMetrics, connect_lazy, local, metadata};
use chatmesh_runtime::{Listener, Readiness, Tasks, serve};
use chatmesh_testkit::{TestDb, sqlite};
use clap::Parser as _;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Status};
use tower::Layer as _;
use workspaces::Workspaces;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// What the replicas share.
pub(crate) struct World {
    pub(crate) db: TestDb,
    secret: SecretString,
    pub(crate) workspaces: Workspaces,
    /// How long replicas that end take to hand their agents over at most.
    pub(crate) drain_limit: Duration,
    pub(crate) tasks: TaskTracker,
}

#[derive(Debug)]
struct NoUsers;

#[tonic::async_trait]
impl KeySource for NoUsers {
    async fn fetch(&self) -> Result<Vec<VerificationKey>, AssertionError> {
        Ok(Vec::new())
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let secret = "a secret of at least thirty-two characters".into();
        let db = sqlite(MIGRATIONS).await;
        Self { db, secret, workspaces: Workspaces::default(), drain_limit: LONG, tasks: TaskTracker::new() }
    }

    /// The agent's build is not the latest from here on.
    pub(crate) fn supersede(&self, agent: Uuid) {
        self.workspaces.supersede(&agent.to_string());
    }

    /// A replica that hears the hints on `bus`.
    pub(crate) async fn replica(&self, bus: &Bus) -> Replica {
        let listener = Listener::bind(([127, 0, 0, 1], 0).into()).await.expect("a port");
        let address = listener.address();
        let tasks = Tasks::new();
        let deps = Deps {
            db: self.db.db.clone(),
            bus: bus.clone(),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            tasks: tasks.clone(),
            readiness: Readiness::new(),
        };
        let config = chatmesh_relay::Config {
            advertise_address: Some(format!("http://{address}")),
            report_interval: Duration::from_millis(100),
            drain_limit: self.drain_limit,
            tls: None,
        };
        let workspaces = local(tonic::service::Routes::new(AgentServiceServer::new(self.workspaces.clone())).prepare());
        let mut registry = Registry::default();
        let relay = Service::build(config, deps, self.peer(workspaces), RelayMetrics::register(&mut registry));
        let layer =
            ServerLayer::new(Verifier::new(&self.secret, Arc::new(NoUsers)), RpcMetrics::register(&mut registry));
        let router = relay.dial_in().fallback_service(layer.layer(relay.routes().prepare()));
        relay.start();
        tasks.spawn("server", serve(listener, router, tasks.clone()));
        let peer = self.peer(connect_lazy(&format!("http://{address}")).expect("a transport"));
        Replica { address, peer, tasks }
    }

    fn peer(&self, transport: chatmesh_rpc::Transport) -> Peer {
        Peer::new(transport, ServiceSigner::new("tools", &self.secret, Arc::new(SystemClock)))
    }

    /// Starts an agent that dials `address`.
    pub(crate) fn agent(&self, id: Uuid, address: SocketAddr) -> RunningAgent {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("http://{address}");
        let path = dir.path().to_str().expect("a path");
        let state = format!("{path}/{}", SystemIds.next());
        let args = ["agent", "--url", &url, "--directory", path, "--state-dir", &state];
        let environment = std::env::vars_os().chain([("CHATMESH_AGENT_TOKEN".into(), id.to_string().into())]).collect();
        let config = Config::load(Args::try_parse_from(args).expect("arguments"), environment).expect("a config");
        let shutdown = CancellationToken::new();
        let agent = Agent::open(config).expect("an agent");
        let ended = self.tasks.spawn(agent.run(shutdown.clone()));
        RunningAgent { dir, shutdown, ended }
    }
}

/// An agent in this process.
pub(crate) struct RunningAgent {
    pub(crate) dir: TempDir,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: tokio::task::JoinHandle<Result<(), ConnectionError>>,
}

impl Drop for RunningAgent {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A replica of the relay, on a port of its own.
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Peer,
    tasks: Tasks,
}

impl Replica {
    /// Ends everything at once, as a dying process does.
    pub(crate) fn die(&self) {
        self.tasks.shutdown().force();
    }

    /// Ends in order.
    pub(crate) async fn end(&self) {
        self.tasks.shutdown().begin();
        assert!(self.tasks.wait(LONG).await, "still running: {:?}", self.tasks.running());
    }

    pub(crate) async fn await_agent(&self, agent: Uuid, timeout: Duration) -> Result<AwaitAgentResponse, Status> {
        let timeout_ms = u32::try_from(timeout.as_millis()).expect("short");
        let request = AwaitAgentRequest { agent_id: agent.to_string(), timeout_ms };
        Ok(RelayServiceClient::new(self.peer.clone()).await_agent(request).await?.into_inner())
    }

    pub(crate) async fn ping(&self, agent: Uuid) -> Result<PingResponse, Status> {
        let request = to(agent, PingRequest {});
        Ok(DiagnosticsServiceClient::new(self.peer.clone()).ping(request).await?.into_inner())
    }

    pub(crate) fn processes(&self) -> ProcessServiceClient<Peer> {
        ProcessServiceClient::new(self.peer.clone())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.die();
    }
}

/// Addresses a message to an agent.
pub(crate) fn to<M>(agent: Uuid, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(metadata::AGENT_ID, agent.to_string().parse().expect("ASCII"));
    request
}

/// One address for several replicas: connections go to the first that takes them.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    backends: Arc<Mutex<Vec<SocketAddr>>>,
    taken: Arc<AtomicUsize>,
}

impl Balancer {
    pub(crate) async fn start(world: &World, backends: &[&Replica]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let backends = Arc::new(Mutex::new(backends.iter().map(|replica| replica.address).collect::<Vec<_>>()));
        let (tasks, shared) = (world.tasks.clone(), Arc::clone(&backends));
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        world.tasks.spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::Relaxed);
                let backends = shared.lock().clone();
                tasks.spawn(async move {
                    for backend in backends {
                        if let Ok(mut server) = TcpStream::connect(backend).await {
                            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                            return;
                        }
                    }
                });
            }
        });
        Self { address, backends, taken }
    }

    /// How many connections came.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// From here on new connections go to these.
    pub(crate) fn lead_to(&self, replicas: &[&Replica]) {
        *self.backends.lock() = replicas.iter().map(|replica| replica.address).collect();
    }
}
