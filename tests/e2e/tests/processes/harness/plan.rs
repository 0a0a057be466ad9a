//! What is decided of a cluster before its first process starts.

use std::collections::BTreeMap;

use chatmesh_testkit::free_port;

use super::balancer::Balancer;
use super::binaries::binary;
use super::sandbox::Sandbox;
use super::servers::Servers;

/// All services; those that others wait for come first.
pub(crate) const SERVICES: [&str; 8] =
    ["identity", "workspaces", "relay", "llm", "tools", "chat", "gateway", "provisioner"];
/// The replicas of the chat service, in the order in which they are added.
pub(crate) const CHAT_REPLICAS: [&str; 3] = ["chat", "chat-2", "chat-3"];
const STATEFUL: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];
const PEERS: [&str; 6] = ["identity", "workspaces", "relay", "llm", "tools", "chat"];

pub(super) const ADMIN_TOKEN: &str = "the-token-of-the-first-administrator";
const MESH_SECRET: &str = "a secret that the processes of a test share";
/// 32 bytes in base64.
const ENCRYPTION_KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Where services keep their tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Databases {
    /// Each in a database of its own.
    Separate,
    /// All in one.
    Shared,
}

/// How a cluster is to be.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    databases: Databases,
    chat_replicas: usize,
    settings: Vec<(String, String)>,
}

impl From<Databases> for Layout {
    fn from(databases: Databases) -> Self {
        Self { databases, chat_replicas: 1, settings: Vec::new() }.leases("2s", "6s")
    }
}

impl Layout {
    /// With so many processes that run chats.
    pub(crate) fn chat_replicas(mut self, count: usize) -> Self {
        self.chat_replicas = count;
        self
    }

    /// With leases on chats that are renewed and that expire after these times.
    pub(crate) fn leases(mut self, heartbeat: &str, duration: &str) -> Self {
        self.settings =
            vec![variable("chat", "heartbeat_interval", heartbeat), variable("chat", "lease_duration", duration)];
        self
    }

    /// The names of the processes.
    fn processes(&self) -> Vec<&'static str> {
        let further = CHAT_REPLICAS[..self.chat_replicas].iter().skip(1);
        SERVICES.iter().chain(further).copied().collect()
    }
}

/// Ports, databases and settings.
#[derive(Debug)]
pub(super) struct Plan {
    ports: BTreeMap<&'static str, u16>,
    databases: BTreeMap<&'static str, String>,
    common: Vec<(String, String)>,
    /// Before the replicas, where there are several.
    _balancer: Option<Balancer>,
}

impl Plan {
    pub(super) async fn new(servers: &Servers, layout: &Layout, sandbox: &Sandbox) -> Self {
        let ports: BTreeMap<_, _> = layout.processes().into_iter().map(|name| (name, free_port())).collect();
        let mut databases = BTreeMap::new();
        let shared = servers.create_database().await;
        for name in STATEFUL {
            let url = match layout.databases {
                Databases::Shared => shared.clone(),
                Databases::Separate => servers.create_database().await,
            };
            databases.insert(name, url);
        }
        let balancer = match layout.chat_replicas {
            1 => None,
            count => Some(Balancer::start(CHAT_REPLICAS[..count].iter().map(|name| ports[name]).collect()).await),
        };
        let mut common = vec![
            variable("bus", "url", &servers.nats),
            variable("mesh", "secret", MESH_SECRET),
            variable("identity", "admin_token", ADMIN_TOKEN),
            variable("llm", "encryption_key", ENCRYPTION_KEY),
            variable("tools", "encryption_key", ENCRYPTION_KEY),
            variable("provisioner", "data_dir", sandbox.path().to_str().expect("a path of letters")),
            variable("provisioner", "agent_program", binary("chatmesh-agent").to_str().expect("a path of letters")),
            variable("provisioner", "agent_url", &local(ports["relay"])),
        ];
        common.extend(PEERS.map(|name| match &balancer {
            Some(balancer) if name == "chat" => variable("peers", name, &local(balancer.port())),
            _ => variable("peers", name, &local(ports[name])),
        }));
        common.extend(layout.settings.clone());
        Self { ports, databases, common, _balancer: balancer }
    }

    /// The names of the processes, those that others wait for first.
    pub(super) fn processes(&self) -> Vec<&'static str> {
        let replicas = self.ports.keys().copied().filter(|name| !SERVICES.contains(name));
        SERVICES.into_iter().chain(replicas).collect()
    }

    pub(super) fn port(&self, process: &str) -> u16 {
        self.ports[process]
    }

    /// The url of a service's database.
    pub(super) fn database(&self, service: &str) -> &str {
        &self.databases[service]
    }

    pub(super) fn environment(&self, process: &str) -> Vec<(String, String)> {
        let mut environment = self.common.clone();
        environment.push(variable("server", "listen", &format!("127.0.0.1:{}", self.ports[process])));
        if let Some(url) = self.databases.get(service_of(process)) {
            environment.push(variable("database", "url", url));
        }
        if service_of(process) == "chat" {
            environment.push(variable("chat", "advertise_address", &local(self.ports[process])));
        }
        environment
    }
}

/// What a process serves.
pub(super) fn service_of(process: &str) -> &str {
    process.split_once('-').map_or(process, |(service, _)| service)
}

fn local(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

pub(crate) fn variable(section: &str, field: &str, value: &str) -> (String, String) {
    (format!("CHATMESH_{}__{}", section.to_uppercase(), field.to_uppercase()), value.to_owned())
}
