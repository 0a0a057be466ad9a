//! `chatmesh up`: everything in one process.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use chatmesh_testkit::free_port;

use super::binaries::command;
use super::deadline::LONG;
use super::process::Process;
use super::sandbox::{Found, Sandbox};
use super::{Api, Mesh};

/// A mesh in one process, whose life may be shorter than that of its data.
#[derive(Debug)]
pub(crate) struct Up {
    process: Process,
    port: u16,
    sandbox: Sandbox,
    settings: Vec<(String, String)>,
}

impl Up {
    /// Starts a mesh in a fresh data directory.
    pub(crate) async fn start() -> Self {
        Self::start_at(free_port(), Sandbox::new(), Vec::new()).await
    }

    /// Starts a mesh at a port, in a directory that is there already, with settings that differ.
    pub(crate) async fn start_at(port: u16, sandbox: Sandbox, settings: Vec<(String, String)>) -> Self {
        let process = Process::start("up", up(&sandbox, port, &settings), sandbox.path());
        let mut up = Self { process, port, sandbox, settings };
        up.ready().await;
        up
    }

    /// Starts it again where it was, after it has ended.
    pub(crate) async fn start_again(&mut self) {
        self.process = Process::start("up", up(&self.sandbox, self.port, &self.settings), self.sandbox.path());
        self.ready().await;
    }

    /// Kills the process alone: agents and their commands live on.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it in order.
    pub(crate) async fn terminate(&mut self, limit: Duration) -> ExitStatus {
        self.process.terminate(limit).await
    }

    /// Kills all agents: the commands that they run live on.
    pub(crate) fn kill_agents(&self) {
        let agents: Vec<Found> = self.sandbox.processes().into_iter().filter(Found::is_agent).collect();
        assert!(!agents.is_empty(), "no agent runs");
        agents.iter().for_each(Found::kill);
    }

    /// A second process on the same data directory, at a port of its own.
    pub(crate) fn second(&self) -> Process {
        Process::start("second", up(&self.sandbox, free_port(), &self.settings), self.sandbox.path())
    }

    /// A command of the same program, run beside the data directory.
    pub(crate) fn run(&self, arguments: &[&str]) -> Process {
        let mut command = command("chatmesh");
        command.args(arguments).env("CHATMESH_URL", self.url());
        Process::start("command", command, self.sandbox.path())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn token(&self) -> String {
        let file = self.sandbox.path().join("data/admin.token");
        std::fs::read_to_string(file).expect("a token").trim().to_owned()
    }

    pub(crate) fn mesh(&self) -> Mesh {
        Mesh { api: Api::new(&self.url(), &self.token()), workspaces: self.sandbox.path().join("data/workspaces") }
    }

    /// All processes that the mesh has brought into the world and that live.
    pub(crate) fn processes(&self) -> Vec<Found> {
        self.sandbox.processes()
    }

    async fn ready(&mut self) {
        let url = format!("{}/readyz", self.url());
        self.process.ready(&url, LONG).await;
    }
}

fn up(sandbox: &Sandbox, port: u16, settings: &[(String, String)]) -> Command {
    let mut command = command("chatmesh");
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command.arg("up").arg("--data-dir").arg(sandbox.path().join("data"));
    command.arg("--listen").arg(format!("127.0.0.1:{port}"));
    command
}
