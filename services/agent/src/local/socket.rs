//! The socket on which programs of the workspace find their agent.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tracing::{debug, warn};

use crate::serve::serve;

/// The variable with the path of the socket.
pub(crate) const VARIABLE: &str = "CHATMESH_AGENT_SOCKET";
/// How many programs are served at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 16;
/// How long a program may stay.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to rest where the system gives no connection.
const PAUSE: Duration = Duration::from_secs(1);

/// A socket that nobody but the agent's user can open. It is gone when this is dropped.
#[derive(Debug)]
pub(crate) struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Private, and removed with what is in it.
    _directory: TempDir,
}

impl LocalSocket {
    /// Makes the socket in a directory of its own, whose path is short enough for one. Blocks.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open() -> io::Result<Self> {
        let mut directory = tempfile::Builder::new();
        let directory = directory.prefix("chatmesh-agent-").permissions(Permissions::from_mode(0o700)).tempdir()?;
        let path = directory.path().join("agent.sock");
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path, _directory: directory })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Serves `routes` until `shutdown` is cancelled.
    pub(crate) async fn run(self, routes: Routes, shutdown: &CancellationToken) {
        let listener = match self.listener.try_clone().and_then(tokio::net::UnixListener::from_std) {
            Ok(listener) => listener,
            Err(error) => return warn!(%error, "programs of the workspace cannot reach the agent"),
        };
        let mut served = FuturesUnordered::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(()) = served.next(), if !served.is_empty() => continue,
                accepted = listener.accept(), if served.len() < MAX_CONNECTIONS => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let routes = routes.clone();
                    served.push(async move {
                        let serving = timeout(CONNECTION_TIMEOUT, serve(TokioIo::new(stream), routes, shutdown));
                        if let Ok(Err(error)) = serving.await {
                            debug!(%error, "a program of the workspace broke off");
                        }
                    });
                }
                Err(error) => {
                    warn!(%error, "a program of the workspace cannot be served");
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_open_the_socket_and_it_goes_with_the_agent() {
        let socket = LocalSocket::open().expect("a socket");
        let path = socket.path().to_owned();
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o600, 0o700));
        drop(socket);
        assert!(!path.exists() && !path.parent().expect("a directory").exists());
    }
}
