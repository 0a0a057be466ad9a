//! A process for each service, on PostgreSQL and NATS.

use std::collections::BTreeMap;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use chatmesh_testkit::{fresh_database, nats_url, postgres_url};

use super::binaries::{binary, command};
use super::deadline::LONG;
use super::ports::free_port;
use super::process::Process;
use super::sandbox::Sandbox;
use super::{Api, Mesh};

/// All services; those that others wait for come first.
pub(crate) const SERVICES: [&str; 8] =
    ["identity", "workspaces", "relay", "llm", "tools", "chat", "gateway", "provisioner"];
const STATEFUL: [&str; 5] = ["identity", "workspaces", "relay", "llm", "chat"];
const PEERS: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];

const ADMIN_TOKEN: &str = "the-token-of-the-first-administrator";
const MESH_SECRET: &str = "a secret that the processes of a test share";
/// 32 bytes in base64.
const ENCRYPTION_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// What a cluster does not bring itself.
#[derive(Debug)]
pub(crate) struct Servers {
    postgres: String,
    nats: String,
}

impl Servers {
    /// The servers for tests, where they are named. Says loudly where one is not.
    pub(crate) fn find() -> Option<Self> {
        Some(Self { postgres: postgres_url()?, nats: nats_url()? })
    }
}

/// Where services keep their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Databases {
    /// Each in a database of its own.
    Separate,
    /// All in one.
    Shared,
}

/// A mesh of eight processes; the agents are further ones.
#[derive(Debug)]
pub(crate) struct Cluster {
    services: BTreeMap<&'static str, Service>,
    sandbox: Sandbox,
}

#[derive(Debug)]
struct Service {
    process: Process,
    port: u16,
    environment: Vec<(String, String)>,
}

impl Cluster {
    /// Starts all services and waits until they are ready.
    pub(crate) async fn start(servers: &Servers, databases: Databases) -> Self {
        let sandbox = Sandbox::new();
        let plan = Plan::new(servers, databases, &sandbox).await;
        let services = SERVICES.map(|name| {
            let environment = plan.environment(name);
            let process = Process::start(name, serve(name, &environment), sandbox.path());
            (name, Service { process, port: plan.ports[name], environment })
        });
        let mut cluster = Self { services: services.into(), sandbox };
        for name in SERVICES {
            cluster.ready(name).await;
        }
        cluster
    }

    /// Kills the process of a service.
    pub(crate) fn kill(&mut self, name: &str) {
        self.service(name).process.kill();
    }

    /// Ends the process of a service in order.
    pub(crate) async fn terminate(&mut self, name: &str, limit: Duration) -> ExitStatus {
        self.service(name).process.terminate(limit).await
    }

    /// Starts a service again that has ended.
    pub(crate) async fn start_again(&mut self, name: &'static str) {
        let command = serve(name, &self.service(name).environment);
        self.service(name).process = Process::start(name, command, self.sandbox.path());
        self.ready(name).await;
    }

    pub(crate) fn mesh(&self) -> Mesh {
        let url = format!("http://127.0.0.1:{}", self.services["gateway"].port);
        Mesh { api: Api::new(&url, ADMIN_TOKEN), workspaces: self.sandbox.path().join("workspaces") }
    }

    async fn ready(&mut self, name: &str) {
        let service = self.service(name);
        let url = format!("http://127.0.0.1:{}/readyz", service.port);
        service.process.ready(&url, LONG).await;
    }

    fn service(&mut self, name: &str) -> &mut Service {
        self.services.get_mut(name).expect("a service")
    }
}

/// What is decided before the first process starts.
struct Plan {
    ports: BTreeMap<&'static str, u16>,
    databases: BTreeMap<&'static str, String>,
    common: Vec<(String, String)>,
}

impl Plan {
    async fn new(servers: &Servers, databases: Databases, sandbox: &Sandbox) -> Self {
        let ports: BTreeMap<_, _> = SERVICES.map(|name| (name, free_port())).into();
        let mut urls = BTreeMap::new();
        let shared = fresh_database(&servers.postgres).await;
        for name in STATEFUL {
            let url = match databases {
                Databases::Shared => shared.clone(),
                Databases::Separate => fresh_database(&servers.postgres).await,
            };
            urls.insert(name, url);
        }
        let mut common = vec![
            variable("bus", "url", &servers.nats),
            variable("mesh", "secret", MESH_SECRET),
            variable("identity", "admin_token", ADMIN_TOKEN),
            variable("llm", "encryption_key", ENCRYPTION_KEY),
            variable("chat", "heartbeat_interval", "2s"),
            variable("chat", "lease_duration", "6s"),
            variable("provisioner", "data_dir", sandbox.path().to_str().expect("a path of letters")),
            variable("provisioner", "agent_program", binary("chatmesh-agent").to_str().expect("a path of letters")),
            variable("provisioner", "agent_url", &format!("http://127.0.0.1:{}", ports["relay"])),
        ];
        common.extend(PEERS.map(|name| variable("peers", name, &format!("http://127.0.0.1:{}", ports[name]))));
        Self { ports, databases: urls, common }
    }

    fn environment(&self, name: &str) -> Vec<(String, String)> {
        let mut environment = self.common.clone();
        environment.push(variable("server", "listen", &format!("127.0.0.1:{}", self.ports[name])));
        if let Some(url) = self.databases.get(name) {
            environment.push(variable("database", "url", url));
        }
        environment
    }
}

fn variable(section: &str, field: &str, value: &str) -> (String, String) {
    (format!("CHATMESH_{}__{}", section.to_uppercase(), field.to_uppercase()), value.to_owned())
}

fn serve(name: &str, environment: &[(String, String)]) -> Command {
    let mut command = command("chatmesh");
    command.args(["serve", name]).envs(environment.iter().map(|(name, value)| (name, value)));
    command
}
