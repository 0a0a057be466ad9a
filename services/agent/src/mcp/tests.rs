//! The manager, with servers in this process, where time is the test's, and with real ones.

mod calls;
mod discovery;
mod fake;
#[path = "../../tests/mcp_server/handler.rs"]
mod handler;
mod http;
mod program;
mod reload;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connect::{Connect, Connector};
use super::error::Error;
use super::manager::{Limits, Manager};
use crate::context::Settings;
use crate::process::Environment;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// A manager that runs until it is dropped.
struct Running {
    dir: TempDir,
    manager: Manager,
    settled: watch::Sender<bool>,
    shutdown: CancellationToken,
    ended: Option<tokio::task::JoinHandle<()>>,
}

impl Running {
    /// With the configuration `config`, where there is one, and startup scripts that have settled.
    fn start(connector: impl Connect, config: Option<&Value>) -> Self {
        let running = Self::unsettled(tempfile::tempdir().expect("dir"), connector);
        if let Some(config) = config {
            running.write(config);
        }
        running.settled.send_replace(true);
        running
    }

    fn unsettled(dir: TempDir, connector: impl Connect) -> Self {
        let directory = dir.path().canonicalize().expect("dir");
        let (settled, receiver) = watch::channel(false);
        let manager = Manager::with(Settings::new(&[], directory), connector, receiver, Limits::default());
        let shutdown = CancellationToken::new();
        let (running, stop) = (manager.clone(), shutdown.clone());
        let ended = TaskTracker::new().spawn(async move { running.run(&stop).await });
        Self { dir, manager, settled, shutdown, ended: Some(ended) }
    }

    /// A manager of real servers.
    fn real(environment: &[(&str, &str)], config: &Value) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let path = [(OsString::from("PATH"), std::env::var_os("PATH").unwrap_or_default())];
        let variables = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment = Environment::new(path.into_iter().chain(variables), Some("w1".to_owned()));
        let connector = Connector::new(environment, dir.path().canonicalize().expect("dir"));
        let running = Self::unsettled(dir, connector);
        running.write(config);
        running.settled.send_replace(true);
        running
    }

    fn path(&self) -> PathBuf {
        self.dir.path().canonicalize().expect("dir").join(".mcp.json")
    }

    /// Replaces the configuration in one step.
    fn write(&self, config: &Value) {
        let draft = self.dir.path().join("draft");
        std::fs::write(&draft, config.to_string()).expect("written");
        std::fs::rename(draft, self.path()).expect("moved");
    }

    /// Lists when all is known.
    async fn list(&self) -> pb::ListMcpToolsResponse {
        let listing = self.manager.list(false, Some(LONG)).await.expect("a listing");
        assert_eq!(listing.discovery(), pb::McpDiscovery::Complete, "{listing:?}");
        listing
    }

    async fn call(&self, name: &str, arguments: Value) -> Result<pb::CallMcpToolResponse, Error> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        self.manager.call(name, arguments, "call-1").await
    }

    /// Calls a tool and returns its text.
    async fn text(&self, name: &str) -> String {
        let response = self.call(name, serde_json::json!({})).await.expect("an answer");
        response.content.into_iter().map(|piece| piece.text).collect()
    }

    async fn end(mut self) {
        self.shutdown.cancel();
        if let Some(ended) = self.ended.take() {
            tokio::time::timeout(LONG, ended).await.expect("it ends").expect("no panic");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A configuration of servers.
fn config(servers: &Value) -> Value {
    serde_json::json!({ "mcpServers": servers })
}

/// The servers with their states and errors.
fn states(listing: &pb::ListMcpToolsResponse) -> Vec<(&str, pb::McpServerState, &str)> {
    listing.servers.iter().map(|server| (server.name.as_str(), server.state(), server.error.as_str())).collect()
}

/// The names of a server's tools.
fn tools<'a>(listing: &'a pb::ListMcpToolsResponse, server: &str) -> Vec<&'a str> {
    let tools = listing.tools.iter().filter(|tool| tool.server_name == server);
    tools.map(|tool| tool.name.as_str()).collect()
}
