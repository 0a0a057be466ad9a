//! One connection, from its beginning to its end.

use chatmesh_proto::relay::v1::Welcome;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::info;

use super::error::AttemptError;
use super::{Connection, handshake};
use crate::serve::serve;

/// A connection on which the relay has welcomed the agent.
#[derive(Debug)]
pub(super) struct Session {
    io: Upgraded,
}

impl Session {
    /// Dials the relay and greets it.
    ///
    /// # Errors
    /// The relay can not be reached, or does not want the agent.
    pub(super) async fn begin(connection: &Connection) -> Result<Self, AttemptError> {
        let mut io = TokioIo::new(connection.dialer.dial().await?);
        let welcome = handshake::greet(&mut io, &connection.hello).await?;
        let Welcome { version, agent_id, session_id, epoch } = welcome;
        info!(version, agent_id, session_id, epoch, "connected to the relay");
        connection.connected.cancel();
        Ok(Self { io: io.into_inner() })
    }

    /// Serves calls until the relay is gone, or `shutdown` is cancelled and calls have had their time.
    ///
    /// # Errors
    /// The connection broke.
    pub(super) async fn serve(self, routes: Routes, shutdown: &CancellationToken) -> Result<(), AttemptError> {
        serve(self.io, routes, shutdown).await.map_err(AttemptError::Broken)
    }
}
