//! The configuration of a process, one section per crate.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use chatmesh_core::SecretString;
use chatmesh_db::DbConfig;
use chatmesh_runtime::LifecycleConfig;
use serde::Deserialize;

use crate::mesh::Service;

/// All sections. A process reads those that it needs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The port.
    pub server: ServerConfig,
    /// The database of this service.
    pub database: DatabaseConfig,
    /// The bus.
    pub bus: BusConfig,
    /// Logs and traces.
    pub telemetry: chatmesh_telemetry::Config,
    /// The orderly end.
    pub lifecycle: LifecycleConfig,
    /// What all processes of one mesh share.
    pub mesh: MeshConfig,
    /// Where the other services are.
    pub peers: PeersConfig,
    /// Users and tokens.
    pub identity: IdentityConfig,
    /// The door.
    pub gateway: chatmesh_gateway::Config,
    /// Chats.
    pub chat: chatmesh_chat::Config,
    /// The way to agents.
    pub relay: chatmesh_relay::Config,
    /// Models.
    pub llm: chatmesh_llm::Config,
    /// Tools.
    pub tools: chatmesh_tools::Config,
    /// Workspaces and their templates.
    pub workspaces: chatmesh_workspaces::Config,
    /// Workspaces on this machine.
    pub provisioner: chatmesh_provisioner::Config,
}

/// The port.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7080)) }
    }
}

/// The database of a service.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`, or `sqlite:FILE`.
    pub url: String,
    /// The most connections to hold.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: String::new(), max_connections: 16 }
    }
}

impl DatabaseConfig {
    /// Reads the url.
    ///
    /// # Errors
    /// It is not set, or names no engine.
    pub fn parse(&self) -> anyhow::Result<DbConfig> {
        if self.url.starts_with("postgres://") || self.url.starts_with("postgresql://") {
            Ok(DbConfig::Postgres { url: self.url.clone(), max_connections: self.max_connections.max(1) })
        } else if let Some(path) = self.url.strip_prefix("sqlite:") {
            Ok(DbConfig::Sqlite { path: Path::new(path).to_owned() })
        } else {
            anyhow::bail!(
                "database.url must begin with postgres:// or sqlite: (set CHATMESH_DATABASE__URL or `url` in [database])"
            )
        }
    }
}

/// The bus.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BusConfig {
    /// `nats://host:port`, or `memory:` for a single process.
    pub url: String,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self { url: "memory:".to_owned() }
    }
}

/// What all processes of one mesh share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeshConfig {
    /// The secret that services know each other by; at least 32 characters.
    pub secret: SecretString,
}

/// Users and tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// A token that the first administrator has from the start.
    pub admin_token: Option<SecretString>,
}

/// Where the other services are, as `http://host:port`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeersConfig {
    /// Chats.
    pub chat: String,
    /// Models.
    pub llm: String,
    /// Tools.
    pub tools: String,
    /// The way to agents.
    pub relay: String,
    /// Workspaces.
    pub workspaces: String,
    /// Users and tokens.
    pub identity: String,
}

impl PeersConfig {
    /// The address of a service.
    ///
    /// # Errors
    /// It is not set.
    pub(crate) fn address(&self, service: Service) -> anyhow::Result<&str> {
        let address = match service {
            Service::Chat => &self.chat,
            Service::Llm => &self.llm,
            Service::Tools => &self.tools,
            Service::Relay => &self.relay,
            Service::Workspaces => &self.workspaces,
            Service::Identity => &self.identity,
            Service::Gateway | Service::Provisioner => anyhow::bail!("{service} is not called by others"),
        };
        if address.is_empty() {
            let name = service.to_string().to_uppercase();
            anyhow::bail!("peers.{service} must be set, like http://{service}:7081 (CHATMESH_PEERS__{name})");
        }
        Ok(address)
    }
}
