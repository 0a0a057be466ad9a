//! How often a repository may be scanned.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// When the next scan may begin; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    next: Arc<Mutex<Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { next: Arc::new(Mutex::new(Instant::now())) }
    }
}

impl Pace {
    /// Waits until a scan may begin.
    pub(super) async fn keep(&self) {
        let next = *self.next.lock();
        sleep_until(next).await;
    }

    /// Forbids scans before `next`.
    pub(super) fn set(&self, next: Instant) {
        *self.next.lock() = next;
    }

    /// True where a scan may begin now.
    pub(super) fn is_over(&self) -> bool {
        *self.next.lock() <= Instant::now()
    }
}
