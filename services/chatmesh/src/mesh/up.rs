//! Everything in one process, on embedded databases.
//!
//! [`Up::start`] is the mesh in one page: each service is built and handed the neighbours that it
//! may call.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use chatmesh_bus::Bus;
use chatmesh_chat::ChatMetrics;
use chatmesh_core::SecretString;
use chatmesh_db::{Db, DbConfig};
use chatmesh_gateway::{Gateway, HttpMetrics};
use chatmesh_host::{Deps, Service as _};
use chatmesh_identity::TokenSecret;
use chatmesh_llm::{Found, LlmMetrics, Preset};
use chatmesh_provisioner::Provisioner;
use chatmesh_relay::RelayMetrics;
use chatmesh_rpc::Transport;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::{GrpcRoutes, Lifecycle, Listener, serve};
use chatmesh_seal::Sealer;
use chatmesh_tools::ToolMetrics;
use chatmesh_workspaces::WorkspaceMetrics;

use super::Service;
use super::process::{Process, in_process};
use crate::{Config, DataDir};

/// What `up` is told beside its configuration.
#[derive(Debug)]
pub struct UpOptions {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Providers that the environment names.
    pub presets: Vec<Preset>,
    /// The agent of workspaces; this program itself where it is not given.
    pub agent: Option<AgentProgram>,
}

/// A program that acts as the agent of a workspace.
#[derive(Debug)]
pub struct AgentProgram {
    /// The program.
    pub path: PathBuf,
    /// What it is called with, before the agent's own flags.
    pub args: Vec<String>,
}

impl AgentProgram {
    /// This program, which can be the agent too.
    fn this() -> anyhow::Result<Self> {
        let path = std::env::current_exe().context("cannot find the program of the agent")?;
        Ok(Self { path, args: vec![crate::AGENT_COMMAND.to_owned()] })
    }
}

/// A running mesh.
#[derive(Debug)]
pub struct Up {
    process: Process,
    lifecycle: Lifecycle,
    data_dir: DataDir,
    address: SocketAddr,
    found: Vec<Found>,
    admin_token: SecretString,
    databases: Vec<Db>,
}

impl Up {
    /// Starts everything and returns when it is ready.
    ///
    /// # Errors
    /// The data directory is in use, the port is taken, or a database fails.
    pub async fn start(config: Config, options: UpOptions) -> anyhow::Result<Self> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let listen = config.server.listen;
        let listener = Listener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.address();
        // All services are in this process: nobody else needs to know the secret.
        let process = Process::new(TokenSecret::generate().secret())?;
        let starting = process.readiness.expect("services");
        let bus = Bus::memory();
        let databases = Databases::open(&data_dir).await?;
        let deps = |service| databases.deps(service, &process, &bus);

        let identity = chatmesh_identity::Service::build(deps(Service::Identity)?).await?;
        // The keys are fetched without a caller, so the layer may be made from the bare service.
        let identity_keys = process.peer("mesh", chatmesh_rpc::local(identity.routes().prepare()));
        let layer = process.server_layer(identity_keys);
        let local = |routes| -> Transport { in_process(&layer, routes) };

        let to_identity = local(identity.routes());
        let workspaces = chatmesh_workspaces::Service::build(
            config.workspaces,
            deps(Service::Workspaces)?,
            process.metrics(WorkspaceMetrics::register),
        )
        .await?;
        let to_workspaces = local(workspaces.routes());
        let relay = chatmesh_relay::Service::build(
            config.relay.clone(),
            deps(Service::Relay)?,
            process.peer("relay", to_workspaces.clone()),
            process.metrics(RelayMetrics::register),
        );
        config.tools.validate().map_err(anyhow::Error::msg)?;
        let encryption_key = data_dir.secret("encryption.key", Sealer::generate_key)?;
        let tools = chatmesh_tools::Service::build(
            chatmesh_tools::Config { encryption_key: encryption_key.clone(), ..config.tools },
            deps(Service::Tools)?,
            chatmesh_tools::Neighbours {
                workspaces: process.peer("tools", to_workspaces.clone()),
                relay: process.peer("tools", local(relay.routes())),
            },
            process.metrics(ToolMetrics::register),
        )
        .await?;
        let to_tools = local(tools.routes());
        let llm = chatmesh_llm::Service::build(
            chatmesh_llm::Config { encryption_key, ..config.llm },
            deps(Service::Llm)?,
            process.metrics(LlmMetrics::register),
        )?;
        let to_llm = local(llm.routes());
        let chat = chatmesh_chat::Service::build(
            chatmesh_chat::Config { exclusive: true, ..config.chat },
            deps(Service::Chat)?,
            chatmesh_chat::Neighbours {
                llm: process.peer("chat", to_llm.clone()),
                tools: process.peer("chat", to_tools.clone()),
                workspaces: process.peer("chat", to_workspaces.clone()),
            },
            process.metrics(ChatMetrics::register),
        )
        .await?;
        config.gateway.validate().map_err(anyhow::Error::msg)?;
        let gateway = Gateway::new(
            chatmesh_gateway::Neighbours {
                activity: process.peer("gateway", to_workspaces.clone()),
                exchange: process.peer("gateway", to_identity.clone()),
                chat: Peer::for_callers(local(chat.routes())),
                identity: Peer::for_callers(to_identity),
                llm: Peer::for_callers(to_llm),
                relay: process.peer("gateway", local(relay.routes())),
                tools: Peer::for_callers(to_tools),
                workspaces: Peer::for_callers(to_workspaces.clone()),
            },
            process.readiness.clone(),
            std::sync::Arc::clone(&process.registry),
            process.metrics(HttpMetrics::register),
            process.tasks.clone(),
        );
        let agent = options.agent.map_or_else(AgentProgram::this, Ok)?;
        let provisioner_config = chatmesh_provisioner::Config {
            data_dir: data_dir.path().to_owned(),
            agent_program: agent.path,
            agent_args: agent.args,
            agent_url: match config.provisioner.agent_url {
                url if url.is_empty() => format!("http://{}", reachable(address)),
                url => url,
            },
            otlp_endpoint: Some(config.telemetry.otlp_endpoint.clone()).filter(|endpoint| !endpoint.is_empty()),
            ..config.provisioner
        };
        let provisioner = Provisioner::build(
            provisioner_config,
            process.peer("provisioner", to_workspaces),
            process.tasks.clone(),
            &*process.ids,
            std::sync::Arc::clone(&process.clock),
        )?;

        let admin_token = data_dir.secret("admin.token", || TokenSecret::generate().secret().clone())?;
        identity.ensure_admin(&admin_token).await?;
        let found = llm.apply_environment(&options.presets).await?;

        let health = GrpcRoutes::new();
        let services: [&dyn chatmesh_host::Service; 6] = [&identity, &workspaces, &relay, &tools, &llm, &chat];
        for service in services {
            health.serving(service.grpc_names(), &process.tasks).await;
            service.start();
        }
        super::serve::dial_in_over_tls(&config.relay, &relay, &process.tasks).await?;
        let router = gateway.router().merge(relay.dial_in()).merge(health.into_health_router());
        process.tasks.spawn_loop("server", serve(listener, router, process.tasks.clone()));
        gateway.start(&config.gateway);
        provisioner.start();
        drop(starting);
        let lifecycle = Lifecycle::new(config.lifecycle, process.tasks.clone(), process.readiness.clone());
        Ok(Self { process, lifecycle, data_dir, address, found, admin_token, databases: databases.all() })
    }

    /// Where the mesh answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &DataDir {
        &self.data_dir
    }

    /// The administrator's token.
    #[must_use]
    pub fn admin_token(&self) -> &SecretString {
        &self.admin_token
    }

    /// The providers that the environment named, or the simulated one.
    #[must_use]
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Runs until a signal, and ends in order. Returns whether everything ended as it should.
    ///
    /// # Errors
    /// Signals cannot be received.
    pub async fn run(self) -> anyhow::Result<bool> {
        let clean = self.lifecycle.run().await?;
        close(&self.databases).await;
        Ok(clean)
    }

    /// Ends in order without waiting for a signal.
    pub async fn stop(self) -> bool {
        let clean = self.lifecycle.end().await && self.process.tasks.crashed().is_none();
        close(&self.databases).await;
        clean
    }
}

/// How long a database may take to close: a statement that hangs must not keep the process.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn close_in_time(db: &Db) {
    // What was not closed in order is recovered when it is opened again.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, db.close()).await;
}

async fn close(databases: &[Db]) {
    for db in databases {
        close_in_time(db).await;
    }
}

/// The address under which programs on this machine reach a port that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// One file per service: each owns its tables, and writes without waiting for the others.
struct Databases {
    by_service: Vec<(Service, Db)>,
}

impl Databases {
    async fn open(data_dir: &DataDir) -> anyhow::Result<Self> {
        let mut by_service = Vec::new();
        for service in Service::STATEFUL {
            let path = data_dir.path().join(format!("{service}.db"));
            let db = Db::open(&DbConfig::Sqlite { path }).await?;
            if let Some(migrations) = service.migrations() {
                migrations.apply(&db).await?;
            }
            by_service.push((service, db));
        }
        Ok(Self { by_service })
    }

    fn deps(&self, service: Service, process: &Process, bus: &Bus) -> anyhow::Result<Deps> {
        let db = self.by_service.iter().find(|(of, _)| *of == service).map(|(_, db)| db.clone());
        Ok(Deps {
            db: db.with_context(|| format!("{service} has no database"))?,
            bus: bus.clone(),
            clock: std::sync::Arc::clone(&process.clock),
            ids: std::sync::Arc::clone(&process.ids),
            tasks: process.tasks.clone(),
            readiness: process.readiness.clone(),
        })
    }

    fn all(self) -> Vec<Db> {
        self.by_service.into_iter().map(|(_, db)| db).collect()
    }
}
