//! Time that moves only where a test moves it.

use chatmesh_core::{Clock, SystemClock, Timestamp};
use tokio::time::Instant;

/// The time of day as the runtime's clock has it.
#[derive(Debug)]
pub(super) struct PausedClock {
    began: (Timestamp, Instant),
}

impl PausedClock {
    pub(super) fn new() -> Self {
        Self { began: (SystemClock.now(), Instant::now()) }
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        self.began.0 + self.began.1.elapsed()
    }
}

/// Waits until a condition is true, while other tasks and the threads of the database go on.
pub(super) async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    crate::testing::eventually(what, condition, |is_true| *is_true).await;
}
