//! The connection to the relay: dialled by the agent, with HTTP/2 on it in the other direction.

mod dial;
mod error;
mod handshake;
mod proxy;
mod tls;

use std::time::Duration;

use chatmesh_core::{Backoff, Uuid};
use chatmesh_proto::relay::v1::{Hello, Welcome};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::{debug, info, warn};

use crate::config::Config;
use crate::diagnostics::VERSION;
use crate::serve::serve;
use dial::Dialer;
use error::AttemptError;
pub use error::ConnectionError;
#[cfg(fuzzing)]
pub use handshake::greeted;

/// The protocol versions that this agent speaks.
const MIN_VERSION: u32 = 1;
const MAX_VERSION: u32 = 1;
/// Pauses between attempts.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// A connection that held this long was a good one: the next attempt is made soon.
const STABLE: Duration = Duration::from_secs(30);

/// Keeps the agent connected.
#[derive(Debug)]
pub(crate) struct Connection {
    dialer: Dialer,
    hello: Hello,
    routes: Routes,
}

impl Connection {
    /// A connection to be made.
    ///
    /// # Errors
    /// The configuration can not be used.
    pub(crate) fn new(config: &Config, instance: Uuid, routes: Routes) -> Result<Self, ConnectionError> {
        let hello = Hello {
            min_version: MIN_VERSION,
            max_version: MAX_VERSION,
            agent_version: VERSION.to_owned(),
            instance_id: instance.to_string(),
        };
        Ok(Self { dialer: Dialer::new(config)?, hello, routes })
    }

    /// Connects again and again until `shutdown` is cancelled.
    ///
    /// # Errors
    /// The relay refused the agent for good.
    pub(crate) async fn run(&self, shutdown: &CancellationToken) -> Result<(), ConnectionError> {
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        loop {
            let began = Instant::now();
            match self.session(shutdown).await {
                Ok(()) if shutdown.is_cancelled() => return Ok(()),
                Ok(()) => info!("the relay closed the connection"),
                Err(error @ AttemptError::Broken(_)) => info!(error = error.chain(), "the relay is gone"),
                Err(AttemptError::Final(error)) => return Err(error),
                Err(error) => warn!(error = error.chain(), "not connected to the relay"),
            }
            if began.elapsed() >= STABLE {
                backoff.reset();
            }
            let pause = backoff.next_pause();
            debug!(?pause, "connecting again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    /// One connection from its beginning to its end.
    async fn session(&self, shutdown: &CancellationToken) -> Result<(), AttemptError> {
        let connecting = async {
            let mut io = TokioIo::new(self.dialer.dial().await?);
            let welcome = handshake::greet(&mut io, &self.hello).await?;
            Ok::<_, AttemptError>((io, welcome))
        };
        let (io, welcome) = tokio::select! {
            connected = connecting => connected?,
            () = shutdown.cancelled() => return Ok(()),
        };
        let Welcome { version, agent_id, session_id, epoch } = welcome;
        info!(version, agent_id, session_id, epoch, "connected to the relay");
        serve(io.into_inner(), self.routes.clone(), shutdown).await.map_err(AttemptError::Broken)
    }
}
