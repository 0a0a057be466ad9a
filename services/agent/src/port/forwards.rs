//! The connections to ports that are open.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::Error;

/// How many connections may be open: a quarter of the calls that a connection to the relay
/// carries at once, so that there is always room for others.
pub(super) const MAX_OPEN: usize = 256;
/// How long connections have to notice that the agent shuts down.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The connections to ports; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Forwards {
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    closing: CancellationToken,
}

impl Forwards {
    /// No connections.
    pub(crate) fn new() -> Self {
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        Self { permits: Arc::new(Semaphore::new(MAX_OPEN)), tasks, closing }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        MAX_OPEN - self.permits.available_permits()
    }

    /// The right to one more, until it is dropped.
    pub(super) fn admit(&self) -> Result<OwnedSemaphorePermit, Error> {
        if self.closing.is_cancelled() {
            return Err(Error::ShuttingDown);
        }
        Arc::clone(&self.permits).try_acquire_owned().map_err(|_| Error::TooMany(MAX_OPEN))
    }

    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Refuses new connections and breaks those that are open.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        // A call that nobody reads does not notice, and ends with the connection to the relay.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await;
    }
}
