//! Connections to a port of this machine.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_runtime::Tasks;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::tunnel;
use crate::client::{Client, Socket, Workspace, is_passing};
use crate::terminal;

/// How many connections are carried at the same time; others wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// How long a connection here waits for a mesh that is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// One port of this machine.
#[derive(Debug, Clone)]
pub(super) struct Front {
    client: Client,
    workspace: Workspace,
    port: u16,
    tasks: Tasks,
    room: Arc<Semaphore>,
}

impl Front {
    pub(super) fn new(client: Client, workspace: Workspace, port: u16, tasks: Tasks) -> Self {
        Self { client, workspace, port, tasks, room: Arc::new(Semaphore::new(MAX_CONNECTIONS)) }
    }

    /// Accepts connections until the process ends.
    pub(super) async fn serve(self, listener: TcpListener) {
        let soft = self.tasks.shutdown().soft().clone();
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            // The room is never closed.
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = soft.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    backoff.reset();
                    let front = self.clone();
                    self.tasks.spawn("connection", async move {
                        front.carry(stream).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    terminal::complain(format!("a connection was not accepted: {error}"));
                    tokio::time::sleep(backoff.next_pause()).await;
                }
            }
        }
    }

    async fn carry(&self, stream: TcpStream) {
        // Without it, small messages wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        let outcome = match self.dial().await {
            Ok(socket) => tunnel::carry(stream, socket).await,
            Err(error) => {
                // A reset, not an end: nothing was there.
                let _ = stream.set_zero_linger();
                Err(error)
            }
        };
        if let Err(error) = outcome {
            terminal::complain(format!("port {} of {}: {error:#}", self.port, self.workspace.name));
        }
    }

    /// Connects to the workspace's port, again and again while the mesh is away.
    async fn dial(&self) -> anyhow::Result<Socket> {
        let path = format!("/api/v1/workspaces/{}/ports/{}:connect", self.workspace.id, self.port);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.client.socket(&path).await {
                Ok(socket) => return Ok(socket),
                Err(error) if is_passing(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(backoff.next_pause()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
