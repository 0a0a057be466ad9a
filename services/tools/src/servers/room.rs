//! Room for what tools of servers answer. An answer may have as many bytes as a file and is in memory as a whole: how
//! many come at once is not up to those who ask, nor to a server that takes its time.
//!
//! How long an answer is shows when it is there. So a call takes room for the longest one before it is made, and gives
//! it back with its outcome. Where there is none for a while the call is not made, and nothing is done.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::domain::ServerId;

/// How many bytes the answers have together in this process, at the most.
const MAX_BYTES: usize = 1024 * 1024 * 1024;
/// How many calls wait for an answer at once.
pub(super) const MAX_CALLS: usize = MAX_BYTES / chatmesh_mcp::MAX_MESSAGE_BYTES;
/// How many of them are of one server: one that hangs leaves room for the others.
pub(super) const MAX_OF_SERVER: usize = MAX_CALLS / 2;
/// How long a call waits for room.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The room of this process.
#[derive(Debug)]
pub(super) struct Room {
    all: Arc<Semaphore>,
    /// Those of servers that are called.
    of_servers: Mutex<HashMap<ServerId, Arc<Semaphore>>>,
}

impl Default for Room {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_CALLS)), of_servers: Mutex::default() }
    }
}

/// Room for one answer, for as long as this is held.
#[derive(Debug)]
pub(super) struct Taken {
    _of_server: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Room {
    /// Waits for room for an answer of a server; `None` where there is none in time.
    pub(super) async fn take(&self, server: ServerId) -> Option<Taken> {
        let (of_server, all) = (self.of_server(server), Arc::clone(&self.all));
        let taking = async {
            let of_server = of_server.acquire_owned().await.ok()?;
            let of_all = all.acquire_owned().await.ok()?;
            Some(Taken { _of_server: of_server, _of_all: of_all })
        };
        timeout(TIMEOUT, taking).await.ok().flatten()
    }

    fn of_server(&self, server: ServerId) -> Arc<Semaphore> {
        let mut of_servers = self.of_servers.lock();
        // Whoever holds room of a server, or waits for it, holds its semaphore, too.
        of_servers.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        Arc::clone(of_servers.entry(server).or_insert_with(|| Arc::new(Semaphore::new(MAX_OF_SERVER))))
    }
}
