//! Time that stands still unless a test moves it.

use std::sync::mpsc;
use std::time::Duration;

use chatmesh_core::{Clock, SystemClock, Timestamp};
use tokio::time::Instant;

/// How long a condition may take to come true, in real time.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps paused time from moving on by itself. The runtime moves it where it finds nothing to do,
/// and knows nothing of the threads that work for the database; while a blocking task runs, it does not.
#[derive(Debug)]
pub(super) struct Standstill {
    _release: mpsc::Sender<()>,
}

impl Standstill {
    pub(super) fn begin() -> Self {
        let (release, released) = mpsc::channel::<()>();
        // An error says that the test is over.
        drop(tokio::task::spawn_blocking(move || released.recv().is_err()));
        Self { _release: release }
    }
}

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
pub(super) async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let give_up_at = std::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(std::time::Instant::now() < give_up_at, "it never came to be that {what}");
        let pause = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1)));
        pause.await.expect("a pause");
    }
}
