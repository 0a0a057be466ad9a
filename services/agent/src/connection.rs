//! The connection to the relay: dialled by the agent, with HTTP/2 on it in the other direction.

mod dial;
mod error;
mod handshake;
mod keeper;
mod proxy;
mod session;
mod tls;

use chatmesh_core::Uuid;
use chatmesh_proto::relay::v1::Hello;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::config::Config;
use crate::diagnostics::VERSION;
use dial::Dialer;
pub use error::ConnectionError;
#[cfg(fuzzing)]
pub use handshake::greeted;
use keeper::Keeper;

/// The protocol versions that this agent speaks.
const MIN_VERSION: u32 = 1;
const MAX_VERSION: u32 = 1;

/// What a connection is made with.
#[derive(Debug)]
pub(crate) struct Connection {
    dialer: Dialer,
    hello: Hello,
    routes: Routes,
    /// Counts how often a relay said that it ends soon.
    drains: watch::Receiver<u64>,
    connected: CancellationToken,
}

impl Connection {
    /// A connection to be made. `drains` counts how often a relay said that it ends soon.
    ///
    /// # Errors
    /// The configuration can not be used.
    pub(crate) fn new(
        config: &Config,
        instance: Uuid,
        routes: Routes,
        drains: watch::Receiver<u64>,
    ) -> Result<Self, ConnectionError> {
        let hello = Hello {
            min_version: MIN_VERSION,
            max_version: MAX_VERSION,
            agent_version: VERSION.to_owned(),
            instance_id: instance.to_string(),
        };
        Ok(Self { dialer: Dialer::new(config)?, hello, routes, drains, connected: CancellationToken::new() })
    }

    /// Cancelled when a relay has welcomed the agent for the first time.
    pub(crate) fn connected(&self) -> &CancellationToken {
        &self.connected
    }

    /// Connects again and again until `shutdown` is cancelled.
    ///
    /// # Errors
    /// The relay refused the agent for good.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) -> Result<(), ConnectionError> {
        Keeper::new(self, shutdown).run().await
    }
}
