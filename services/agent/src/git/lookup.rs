//! Finds the repositories of many paths.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::root::find;

/// How long the disk may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many look at once. A disk that does not answer holds as many threads, and no more.
const MAX_LOOKUPS: usize = 4;

/// Looks paths up on threads that may block; clones share their number.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    permits: Arc<Semaphore>,
}

/// The disk does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the repositories of the paths could not be found within {} seconds; the disk is slow", DEADLINE.as_secs())]
pub(super) struct TooSlow;

impl Default for Lookup {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_LOOKUPS)) }
    }
}

impl Lookup {
    /// Returns the worktrees that the paths are in; paths in none are left out.
    pub(super) async fn roots(&self, paths: Vec<PathBuf>) -> Result<BTreeSet<PathBuf>, TooSlow> {
        let permits = Arc::clone(&self.permits);
        let looking = async {
            // Only a semaphore that is closed gives none, and this one never is.
            let permit = permits.acquire_owned().await.map_err(|_| TooSlow)?;
            let found = tokio::task::spawn_blocking(move || {
                let roots = paths.iter().filter_map(|path| find(path)).collect();
                drop(permit);
                roots
            });
            found.await.map_err(|_| TooSlow)
        };
        timeout(DEADLINE, looking).await.unwrap_or(Err(TooSlow))
    }
}
