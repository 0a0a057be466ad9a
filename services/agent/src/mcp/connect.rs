//! Makes connections to servers.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rmcp::handler::client::ClientHandler;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{NotificationContext, RoleClient, RunningService, ServiceExt as _};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use tracing::debug;

use super::config::Transport;
use super::http;
use super::stdio::Program;
use crate::diagnostics::VERSION;
use crate::process::Environment;

/// The agent's side of a session.
#[derive(Debug, Clone)]
pub(super) struct Client {
    stale: Arc<AtomicBool>,
    nudge: Arc<Notify>,
}

impl Client {
    /// A client that nudges when there is something to look at.
    pub(super) fn new(nudge: Arc<Notify>) -> Self {
        Self { stale: Arc::new(AtomicBool::new(false)), nudge }
    }

    /// True where the server said that its tools have changed.
    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Tools are about to be listed.
    pub(super) fn freshen(&self) {
        self.stale.store(false, Ordering::Release);
    }
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        // Nothing is offered to servers: nobody is there to answer questions or to lend a model.
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("chatmesh-agent", VERSION))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.stale.store(true, Ordering::Release);
        self.nudge.notify_one();
    }
}

/// A connected server.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) service: RunningService<RoleClient, Client>,
    /// The program, where the agent runs it.
    pub(super) program: Option<Program>,
}

impl Link {
    /// Ends the session, then the program; `patience` for each of its steps.
    pub(super) async fn close(mut self, patience: Duration) {
        if self.service.close_with_timeout(patience).await.is_err() {
            debug!("a session with an MCP server ended in a panic");
        }
        if let Some(program) = self.program {
            program.stop(patience).await;
        }
    }
}

/// Connects servers. The caller bounds the time; what was begun ends when it is dropped.
#[tonic::async_trait]
pub(super) trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Connects one server. The error is not redacted.
    async fn connect(&self, transport: &Transport, client: Client) -> Result<Link, String>;

    /// The variables that a configuration may name.
    fn variables(&self) -> BTreeMap<String, String>;
}

/// Connects real servers.
#[derive(Debug)]
pub(crate) struct Connector {
    environment: Environment,
    directory: PathBuf,
    tasks: TaskTracker,
}

impl Connector {
    /// Servers run in `directory` and have the environment of processes.
    pub(crate) fn new(environment: Environment, directory: PathBuf) -> Self {
        Self { environment, directory, tasks: TaskTracker::new() }
    }
}

#[tonic::async_trait]
impl Connect for Connector {
    async fn connect(&self, transport: &Transport, client: Client) -> Result<Link, String> {
        match transport {
            Transport::Stdio { command, args, env } => {
                let variables = self.environment.of(env, None);
                let started = Program::start(command, args, variables, &self.directory, &self.tasks).await;
                let (streams, mut program) = started?;
                match client.serve(streams).await {
                    Ok(service) => Ok(Link { service, program: Some(program) }),
                    Err(error) => Err(program.explain(&error.to_string()).await),
                }
            }
            Transport::Http { protocol, url, headers } => {
                let http = http::client(url).await?;
                let connecting = chatmesh_mcp::connect(client, *protocol, http, url, headers.clone());
                let service = Box::pin(connecting).await.map_err(http::explain)?;
                Ok(Link { service, program: None })
            }
        }
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let variables = self.environment.of(&BTreeMap::new(), None);
        variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}
