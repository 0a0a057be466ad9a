//! Configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// Two reports may be lost before an agent counts as disconnected.
const MAX_REPORT_INTERVAL: Duration = Duration::from_secs(15);

/// Within the usual grace of a process.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);

/// The service's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The URL at which other replicas of `relay` reach this one, like `http://10.1.2.3:7085`. By
    /// default the address that it listens on, where that names one machine. Agents that are connected
    /// here are reached through this replica only where there is none.
    pub advertise_address: Option<String>,
    /// How often it is recorded that an agent is connected, and looked whether its build is still the
    /// latest; 15 s. `workspaces` takes an agent that was not reported for 30 s for disconnected.
    #[serde(with = "humantime_serde")]
    pub report_interval: Duration,
    /// How long the agents of a replica that ends may take to move to other replicas, and calls that are in progress
    /// to end; 15 s, and three quarters of `lifecycle.grace` at most. Where there is no other replica, agents are cut off
    /// at once.
    #[serde(with = "humantime_serde")]
    pub drain_limit: Duration,
    /// A port of its own for agents, over TLS, for meshes without an ingress that does that.
    pub tls: Option<TlsConfig>,
}

/// A port for agents over TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// A file with the certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// A file with the certificate's key, PEM.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { advertise_address: None, report_interval: MAX_REPORT_INTERVAL, drain_limit: DRAIN_LIMIT, tls: None }
    }
}

impl Config {
    /// Checks the configuration.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), String> {
        if self.advertise_address.as_deref().is_some_and(|address| !address.starts_with("http")) {
            return Err("relay.advertise_address must be a URL, like http://10.1.2.3:7085".to_owned());
        }
        if self.report_interval.is_zero() || self.report_interval > MAX_REPORT_INTERVAL {
            return Err("relay.report_interval must be more than 0s and 15s at most".to_owned());
        }
        Ok(())
    }
}
