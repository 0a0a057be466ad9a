//! One service, in a process of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use chatmesh_bus::Bus;
use chatmesh_chat::ChatMetrics;
use chatmesh_core::{ExposeSecret as _, SecretString};
use chatmesh_db::Db;
use chatmesh_gateway::{Gateway, HttpMetrics, process_routes};
use chatmesh_host::Deps;
use chatmesh_llm::LlmMetrics;
use chatmesh_provisioner::Provisioner;
use chatmesh_relay::RelayMetrics;
use chatmesh_rpc::client::Peer;
use chatmesh_rpc::{Transport, connect_lazy};
use chatmesh_runtime::{GrpcRoutes, Lifecycle, Listener, Tasks, serve as serve_port};
use chatmesh_tools::ToolMetrics;
use chatmesh_workspaces::WorkspaceMetrics;
use tower::Layer as _;
use tracing::info;

use super::Service;
use super::process::Process;
use crate::Config;

/// Brings the databases of one service, or of all that have one, up to date.
pub(crate) async fn migrate(config: &Config, service: Option<Service>) -> anyhow::Result<Vec<Service>> {
    let db = Db::open(&config.database.parse()?).await.context("cannot open the database")?;
    let services: Vec<Service> = service.map_or_else(|| Service::STATEFUL.to_vec(), |service| vec![service]);
    for service in &services {
        if let Some(migrations) = service.migrations() {
            migrations.apply(&db).await?;
        }
    }
    db.close().await;
    Ok(services)
}

/// Runs one service until a signal. Returns whether everything ended as it should.
pub(crate) async fn serve(config: Config, service: Service) -> anyhow::Result<bool> {
    let listen = config.server.listen;
    let listener = Listener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.address();
    let process = Process::new(&config.mesh.secret)?;
    let starting = process.readiness.expect("service");
    let one = One { config: &config, process: &process, service, address };
    let db = one.database().await?;
    let router = one.build(db.as_ref()).await?;
    let router = process_routes(process.readiness.clone(), Arc::clone(&process.registry)).merge(router);
    process.tasks.spawn_loop("server", serve_port(listener, router, process.tasks.clone()));
    drop(starting);
    info!(%service, %address, "ready");
    let lifecycle = Lifecycle::new(config.lifecycle.clone(), process.tasks.clone(), process.readiness.clone());
    let clean = lifecycle.run().await?;
    if let Some(db) = db {
        super::up::close_in_time(&db).await;
    }
    Ok(clean)
}

/// One service with what it is built from.
struct One<'a> {
    config: &'a Config,
    process: &'a Process,
    service: Service,
    address: SocketAddr,
}

impl One<'_> {
    async fn database(&self) -> anyhow::Result<Option<Db>> {
        let Some(migrations) = self.service.migrations() else { return Ok(None) };
        let db = Db::open(&self.config.database.parse()?).await.context("cannot open the database")?;
        migrations.apply(&db).await?;
        Ok(Some(db))
    }

    async fn deps(&self, db: Option<&Db>) -> anyhow::Result<Deps> {
        Ok(Deps {
            db: db.cloned().context("the service has a database")?,
            bus: Bus::connect(&self.config.bus.url).await?,
            clock: Arc::clone(&self.process.clock),
            ids: Arc::clone(&self.process.ids),
            tasks: self.process.tasks.clone(),
            readiness: self.process.readiness.clone(),
        })
    }

    /// A neighbour over the network.
    fn peer(&self, neighbour: Service) -> anyhow::Result<Peer> {
        Ok(self.process.peer(&self.service.to_string(), self.transport(neighbour)?))
    }

    /// A neighbour over the network that is called for callers only.
    fn callers(&self, neighbour: Service) -> anyhow::Result<Peer> {
        Ok(Peer::for_callers(self.transport(neighbour)?))
    }

    fn transport(&self, neighbour: Service) -> anyhow::Result<Transport> {
        let address = self.config.peers.address(neighbour)?;
        connect_lazy(address).with_context(|| format!("peers.{neighbour} is not an address"))
    }

    async fn build(&self, db: Option<&Db>) -> anyhow::Result<Router> {
        match self.service {
            Service::Gateway => self.gateway(),
            Service::Provisioner => self.provisioner(),
            Service::Identity => {
                let identity = chatmesh_identity::Service::build(self.deps(db).await?).await?;
                if let Some(token) = &self.config.identity.admin_token {
                    identity.ensure_admin(token).await?;
                }
                // It has the keys itself and needs nobody to fetch them from.
                let keys = self
                    .process
                    .peer("identity", chatmesh_rpc::local(chatmesh_host::Service::routes(&identity).prepare()));
                self.routes(&identity, keys, Router::new()).await
            }
            Service::Workspaces => {
                let config = self.config.workspaces.clone();
                let metrics = self.process.metrics(WorkspaceMetrics::register);
                let workspaces = chatmesh_workspaces::Service::build(config, self.deps(db).await?, metrics).await?;
                self.routes(&workspaces, self.peer(Service::Identity)?, Router::new()).await
            }
            Service::Relay => {
                let metrics = self.process.metrics(RelayMetrics::register);
                let workspaces = self.peer(Service::Workspaces)?;
                let mut config = self.config.relay.clone();
                config.validate().map_err(anyhow::Error::msg)?;
                // What is left of the grace is for what comes after the last agent.
                config.drain_limit = config.drain_limit.min(self.config.lifecycle.grace * 3 / 4);
                config.advertise_address = config.advertise_address.or_else(|| url_of(self.address));
                let relay = chatmesh_relay::Service::build(config, self.deps(db).await?, workspaces, metrics);
                dial_in_over_tls(&self.config.relay, &relay, &self.process.tasks).await?;
                self.routes(&relay, self.peer(Service::Identity)?, relay.dial_in()).await
            }
            Service::Llm => {
                require_key("llm", &self.config.llm.encryption_key)?;
                let metrics = self.process.metrics(LlmMetrics::register);
                let llm = chatmesh_llm::Service::build(self.config.llm.clone(), self.deps(db).await?, metrics)?;
                self.routes(&llm, self.peer(Service::Identity)?, Router::new()).await
            }
            Service::Tools => {
                let neighbours = chatmesh_tools::Neighbours {
                    workspaces: self.peer(Service::Workspaces)?,
                    relay: self.peer(Service::Relay)?,
                };
                require_key("tools", &self.config.tools.encryption_key)?;
                self.config.tools.validate().map_err(anyhow::Error::msg)?;
                let metrics = self.process.metrics(ToolMetrics::register);
                let deps = self.deps(db).await?;
                let tools =
                    chatmesh_tools::Service::build(self.config.tools.clone(), deps, neighbours, metrics).await?;
                self.routes(&tools, self.peer(Service::Identity)?, Router::new()).await
            }
            Service::Chat => {
                let neighbours = chatmesh_chat::Neighbours {
                    llm: self.peer(Service::Llm)?,
                    tools: self.peer(Service::Tools)?,
                    workspaces: self.peer(Service::Workspaces)?,
                };
                let metrics = self.process.metrics(ChatMetrics::register);
                let mut config = self.config.chat.clone();
                config.advertise_address = config.advertise_address.or_else(|| url_of(self.address));
                let chat = chatmesh_chat::Service::build(config, self.deps(db).await?, neighbours, metrics).await?;
                self.routes(&chat, self.peer(Service::Identity)?, Router::new()).await
            }
        }
    }

    /// The routes of a service behind what every call goes through; starts its loops.
    async fn routes(
        &self,
        service: &dyn chatmesh_host::Service,
        identity: Peer,
        open: Router,
    ) -> anyhow::Result<Router> {
        let health = GrpcRoutes::new();
        health.serving(service.grpc_names(), &self.process.tasks).await;
        let guarded = self.process.server_layer(identity).layer(service.routes().prepare());
        service.start();
        Ok(open.merge(health.into_health_router()).fallback_service(guarded))
    }

    fn gateway(&self) -> anyhow::Result<Router> {
        self.config.gateway.validate().map_err(anyhow::Error::msg)?;
        let neighbours = chatmesh_gateway::Neighbours {
            activity: self.peer(Service::Workspaces)?,
            exchange: self.peer(Service::Identity)?,
            chat: self.callers(Service::Chat)?,
            identity: self.callers(Service::Identity)?,
            llm: self.callers(Service::Llm)?,
            relay: self.peer(Service::Relay)?,
            tools: self.callers(Service::Tools)?,
            workspaces: self.callers(Service::Workspaces)?,
        };
        let gateway = Gateway::new(
            neighbours,
            self.process.readiness.clone(),
            Arc::clone(&self.process.registry),
            self.process.metrics(HttpMetrics::register),
            self.process.tasks.clone(),
        );
        gateway.start(&self.config.gateway);
        Ok(gateway.api_router().merge(GrpcRoutes::new().into_health_router()))
    }

    fn provisioner(&self) -> anyhow::Result<Router> {
        let provisioner = Provisioner::build(
            self.config.provisioner.clone(),
            self.peer(Service::Workspaces)?,
            self.process.tasks.clone(),
            &*self.process.ids,
            Arc::clone(&self.process.clock),
        )?;
        provisioner.start_with(self.process.readiness.expect("provisioner"));
        Ok(Router::new())
    }
}

/// Opens the port for agents over TLS, where one is configured.
pub(super) async fn dial_in_over_tls(
    config: &chatmesh_relay::Config,
    relay: &chatmesh_relay::Service,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    let Some(tls) = &config.tls else { return Ok(()) };
    let acceptor = chatmesh_runtime::tls::acceptor(&tls.certificate, &tls.key).context("relay.tls")?;
    let listener = Listener::bind(tls.listen).await.with_context(|| format!("cannot listen on {}", tls.listen))?;
    info!(address = %listener.address(), "agents connect here over TLS");
    tasks.spawn_loop("server.agents", serve_port(listener.with_tls(acceptor), relay.dial_in(), tasks.clone()));
    Ok(())
}

/// Without a key nothing could be kept secret.
fn require_key(service: &str, key: &SecretString) -> anyhow::Result<()> {
    anyhow::ensure!(
        !key.expose_secret().is_empty(),
        "{service}.encryption_key must be set (CHATMESH_{}__ENCRYPTION_KEY): 32 bytes in base64, as `openssl rand \
         -base64 32` prints them",
        service.to_uppercase()
    );
    Ok(())
}

/// The URL at which others reach a port, where its address says so: one that listens everywhere does not.
fn url_of(address: SocketAddr) -> Option<String> {
    (!address.ip().is_unspecified()).then(|| format!("http://{address}"))
}
