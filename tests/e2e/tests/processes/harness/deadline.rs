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
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "not within {limit:?}: {what}; last seen: {seen:#?}"),
        }
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
