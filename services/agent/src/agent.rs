//! The agent as a whole.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::agent::v1::container_service_server::ContainerServiceServer;
use chatmesh_proto::agent::v1::context_service_server::ContextServiceServer;
use chatmesh_proto::agent::v1::diagnostics_service_server::DiagnosticsServiceServer;
use chatmesh_proto::agent::v1::file_service_server::FileServiceServer;
use chatmesh_proto::agent::v1::git_service_server::GitServiceServer;
use chatmesh_proto::agent::v1::lifecycle_service_server::LifecycleServiceServer;
use chatmesh_proto::agent::v1::local_service_server::LocalServiceServer;
use chatmesh_proto::agent::v1::mcp_service_server::McpServiceServer;
use chatmesh_proto::agent::v1::port_service_server::PortServiceServer;
use chatmesh_proto::agent::v1::process_service_server::ProcessServiceServer;
use chatmesh_proto::agent::v1::terminal_service_server::TerminalServiceServer;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::warn;

use crate::config::Config;
use crate::connection::{Connection, ConnectionError};
use crate::container::ContainerApi;
use crate::context::{Additions, ContextApi, Settings};
use crate::diagnostics::{DiagnosticsApi, Facts};
use crate::file::FileApi;
use crate::git::GitApi;
use crate::lifecycle::{Lifecycle, LifecycleApi, Patience, Runner};
use crate::local::{self, LocalApi, LocalSocket};
use crate::mcp::{self, McpApi};
use crate::port::{Forwards, PortApi};
use crate::process::{Environment, Launcher, Limits, Manager, ProcessApi, ResourceLimits};
use crate::receipts::{self, Receipts};
use crate::terminal::{self, TerminalApi, Terminals};
use crate::touched::Touched;

/// How long a new agent waits for a former one that is still shutting down.
const FORMER_AGENT: Duration = Duration::from_secs(25);

/// The longest manifest: 64 scripts of 96 KiB, and what belongs to them.
const MAX_MANIFEST: usize = 8 * 1024 * 1024;

/// An agent with its processes and receipts.
#[derive(Debug)]
pub struct Agent {
    config: Config,
    instance: Uuid,
    receipts: Receipts,
    processes: Manager,
    lifecycle: Lifecycle,
    terminals: Terminals,
    forwards: Forwards,
    facts: Facts,
    touched: Touched,
    git: GitApi,
    settings: Settings,
    additions: Additions,
    local: Option<LocalSocket>,
    mcp: mcp::Manager,
}

/// The agent can not begin to work.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OpenError(#[from] receipts::OpenError);

impl OpenError {
    /// The system's error, where it is one.
    #[must_use]
    pub fn io(&self) -> Option<&io::Error> {
        match &self.0 {
            receipts::OpenError::Io { source, .. } => Some(source),
            receipts::OpenError::InUse(_) => None,
        }
    }
}

impl Agent {
    /// Opens the agent's state. Connects nothing and runs nothing yet. Blocks, up to 25 seconds
    /// where a former agent still shuts down.
    ///
    /// # Errors
    /// The state directory can not be used, or another agent uses it.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let receipts = Receipts::open(&config.state_dir, FORMER_AGENT)?;
        let (directory, state_dir) = (config.directory.clone(), absolute(&config.state_dir));
        let local = LocalSocket::open().inspect_err(|error| {
            warn!(%error, "programs of the workspace cannot reach the agent: there is no socket for them");
        });
        let local = local.ok();
        let programs = Runner::programs(&state_dir);
        let mut environment =
            Environment::new(config.environment.clone(), config.workspace_id.clone()).with_programs_in(&programs);
        if let Some(local) = &local {
            environment = environment.with(local::VARIABLE, local.path());
            local::offer_program(&programs);
        }
        let defaults = ResourceLimits {
            niceness: config.process_niceness,
            oom_score_adj: config.process_oom_score_adj,
            ..ResourceLimits::default()
        };
        let launcher = Launcher::new(config.executable.clone(), defaults);
        let runner =
            Runner::new(directory.clone(), state_dir, environment.clone(), launcher.clone(), Patience::default());
        let lifecycle = Lifecycle::new(runner, receipts.clone());
        let (instance, forwards) = (SystemIds.next(), Forwards::new());
        let terminals = Terminals::new(directory.clone(), environment.clone(), terminal::Limits::default());
        let settings = Settings::new(&config.environment, config.directory.clone());
        let additions = Additions::open(&config.state_dir);
        let connector = mcp::Connector::new(environment.clone(), config.directory.clone());
        let mcp = mcp::Manager::new(settings.clone(), connector, lifecycle.settled(), mcp::Limits::default());
        let touched = Touched::default();
        let git = GitApi::new(touched.clone());
        let processes =
            Manager::new(directory, environment, launcher, receipts.clone(), touched.clone(), Limits::default());
        let facts = Facts::new(instance, &config.environment, processes.clone(), terminals.clone(), forwards.clone());
        Ok(Self {
            config,
            instance,
            receipts,
            processes,
            lifecycle,
            terminals,
            forwards,
            facts,
            touched,
            git,
            settings,
            additions,
            local,
            mcp,
        })
    }

    /// The agent's services, as they are served on the connection.
    #[must_use]
    pub fn routes(&self) -> Routes {
        Routes::new(DiagnosticsServiceServer::new(DiagnosticsApi::new(
            self.facts.clone(),
            self.config.directory.clone(),
        )))
        .add_service(ProcessServiceServer::new(ProcessApi::new(self.processes.clone(), self.touched.clone())))
        .add_service(
            LifecycleServiceServer::new(LifecycleApi::new(self.lifecycle.clone()))
                .max_decoding_message_size(MAX_MANIFEST),
        )
        .add_service(FileServiceServer::new(FileApi::new(
            self.receipts.clone(),
            &self.config.environment,
            self.touched.clone(),
        )))
        .add_service(TerminalServiceServer::new(TerminalApi::new(self.terminals.clone())))
        .add_service(PortServiceServer::new(PortApi::new(self.forwards.clone())))
        .add_service(GitServiceServer::new(self.git.clone()))
        .add_service(ContainerServiceServer::new(ContainerApi::new(&self.config.environment)))
        .add_service(ContextServiceServer::new(ContextApi::new(self.settings.clone(), self.additions.clone())))
        .add_service(McpServiceServer::new(McpApi::new(self.mcp.clone())))
        .prepare()
    }

    /// What is served to programs of the workspace, and to nobody else.
    fn local_routes(&self) -> Routes {
        let api = LocalApi::new(self.settings.clone(), self.additions.clone());
        Routes::new(LocalServiceServer::new(api)).prepare()
    }

    /// Stays connected to the relay until `shutdown` is cancelled; then scripts that run on stop are
    /// run, calls that are in progress have ten seconds to end, and processes are stopped.
    ///
    /// # Errors
    /// The relay refused the agent for good, or the connection can not be set up at all.
    pub async fn run(mut self, shutdown: CancellationToken) -> Result<(), ConnectionError> {
        let connection = Connection::new(&self.config, self.instance, self.routes(), self.lifecycle.drains())?;
        let stop = CancellationToken::new();
        let connected = async {
            let result = connection.run(&stop).await;
            stop.cancel();
            result
        };
        let stopped = async {
            tokio::select! {
                // The connection stays meanwhile: the relay hears how it goes.
                () = shutdown.cancelled() => self.lifecycle.shut_down().await,
                () = stop.cancelled() => self.lifecycle.interrupt().await,
            }
            stop.cancel();
            self.git.close();
            tokio::join!(self.processes.close(), self.terminals.close(), self.forwards.close());
        };
        let asked = self.local.take().map(|socket| socket.run(self.local_routes(), &stop));
        let asked = futures::future::OptionFuture::from(asked);
        let settled = stop.run_until_cancelled(self.lifecycle.settle_without_manifest(connection.connected()));
        let (result, (), (), _, _) = tokio::join!(connected, stopped, self.mcp.run(&stop), settled, asked);
        result
    }
}

/// Scripts get this path, and do not run where the agent does.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
