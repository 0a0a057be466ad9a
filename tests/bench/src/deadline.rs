//! Waiting for something that nobody announces.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::Instant;

/// How long anything may take that takes a moment: far longer than on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Looks every `pause` until `look` finds something, and returns that.
pub(crate) async fn eventually<T>(
    what: &str,
    limit: Duration,
    pause: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = look().await.with_context(|| what.to_owned())? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(pause).await;
    }
}
