//! Waiting for something that will be so soon.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long a test waits for what should take a moment.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often to look.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until `done` holds of what `look` returns, and returns that.
///
/// # Panics
/// It does not hold in time; the message shows what was seen last.
pub async fn eventually<T: Debug>(what: &str, look: impl AsyncFn() -> T, done: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if done(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not after {PATIENCE:?}; last seen: {seen:#?}");
        tokio::time::sleep(INTERVAL).await;
    }
}
