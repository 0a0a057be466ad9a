//! Waiting for something that nobody announces.

use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take before it counts as never: far longer than it takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `look` finds what it wants, and returns that.
///
/// # Panics
/// It is not found within `limit`; the message says what was seen last.
pub(crate) async fn eventually<T, Seen: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, Seen>,
) -> T {
    let deadline = Deadline::after(limit);
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => deadline.pause(what, &seen).await,
        }
    }
}

/// The end of a wait, for those that [`eventually`] is too general for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    limit: Duration,
    at: Instant,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { limit, at: Instant::now() + limit }
    }

    /// Waits a little before the next look.
    ///
    /// # Panics
    /// There is no more time; the message says what was seen last.
    pub(crate) async fn pause(&self, what: &str, seen: &impl Debug) {
        assert!(Instant::now() < self.at, "not within {:?}: {what}; last seen: {seen:#?}", self.limit);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a file holds something, and returns that.
pub(crate) async fn file_appears(path: &Path) -> String {
    eventually(&format!("{} is written", path.display()), LONG, async || match std::fs::read_to_string(path) {
        Ok(text) if !text.is_empty() => Ok(text),
        other => Err(other),
    })
    .await
}
