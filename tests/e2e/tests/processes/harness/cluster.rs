//! A process for each service, or several, on PostgreSQL and NATS.

use std::collections::BTreeMap;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::binaries::command;
use super::deadline::LONG;
use super::plan::{ADMIN_TOKEN, Layout, Plan, service_of};
use super::process::Process;
use super::sandbox::Sandbox;
use super::servers::Servers;
use super::{Api, Mesh};

/// A mesh of processes that are named after what they serve; the agents are further ones.
#[derive(Debug)]
pub(crate) struct Cluster {
    processes: BTreeMap<&'static str, Process>,
    plan: Plan,
    sandbox: Sandbox,
}

impl Cluster {
    /// Starts all processes and waits until they are ready.
    pub(crate) async fn start(servers: &Servers, layout: impl Into<Layout>) -> Self {
        let sandbox = Sandbox::new();
        let plan = Plan::new(servers, &layout.into(), &sandbox).await;
        let mut cluster = Self { processes: BTreeMap::new(), plan, sandbox };
        for name in cluster.plan.processes() {
            cluster.launch(name);
        }
        cluster.all_ready().await;
        cluster
    }

    /// Kills a process.
    pub(crate) fn kill(&mut self, name: &str) {
        self.process(name).kill();
    }

    /// Asks a process to end, and does not wait for it.
    pub(crate) fn signal_end(&mut self, name: &str) {
        self.process(name).signal(Signal::SIGTERM);
    }

    /// Takes the processor away from a process.
    pub(crate) fn freeze(&mut self, name: &str) {
        self.process(name).signal(Signal::SIGSTOP);
    }

    /// Gives it back.
    pub(crate) fn thaw(&mut self, name: &str) {
        self.process(name).signal(Signal::SIGCONT);
    }

    /// Waits until a process has ended.
    pub(crate) async fn ended(&mut self, name: &str, limit: Duration) -> ExitStatus {
        self.process(name).ended(limit).await
    }

    /// Ends a process in order.
    pub(crate) async fn terminate(&mut self, name: &str, limit: Duration) -> ExitStatus {
        self.process(name).terminate(limit).await
    }

    /// Starts a process that has ended, and does not wait until it is ready.
    pub(crate) fn launch(&mut self, name: &'static str) {
        let process = Process::start(name, serve(name, &self.plan), self.sandbox.path());
        self.processes.insert(name, process);
    }

    /// Starts a process that has ended.
    pub(crate) async fn start_again(&mut self, name: &'static str) {
        self.launch(name);
        self.ready(name).await;
    }

    /// Starts what has ended by itself, as an orchestrator does, and returns the names of that.
    pub(crate) fn revive(&mut self) -> Vec<&'static str> {
        let ended = self.processes.iter_mut().filter_map(|(name, process)| process.has_ended().then_some(*name));
        let ended: Vec<&'static str> = ended.collect();
        for name in &ended {
            self.launch(name);
        }
        ended
    }

    /// Waits until all processes are ready.
    pub(crate) async fn all_ready(&mut self) {
        for name in self.plan.processes() {
            self.ready(name).await;
        }
    }

    /// True where a process is ready at this moment.
    pub(crate) async fn is_ready(&self, name: &str) -> bool {
        self.processes[name].is_ready(&format!("{}/readyz", self.address(name))).await
    }

    pub(crate) fn mesh(&self) -> Mesh {
        let url = format!("http://127.0.0.1:{}", self.plan.port("gateway"));
        Mesh { api: Api::new(&url, ADMIN_TOKEN), workspaces: self.sandbox.path().join("workspaces") }
    }

    /// True where there is a process of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.processes.contains_key(name)
    }

    /// The address of a process.
    pub(crate) fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.plan.port(name))
    }

    /// The url of the database of a service.
    pub(crate) fn database(&self, service: &str) -> &str {
        self.plan.database(service)
    }

    async fn ready(&mut self, name: &str) {
        let url = format!("{}/readyz", self.address(name));
        self.process(name).ready(&url, LONG).await;
    }

    fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).expect("a process")
    }
}

fn serve(name: &str, plan: &Plan) -> Command {
    let mut command = command("chatmesh");
    command.args(["serve", service_of(name)]).envs(plan.environment(name));
    command
}
