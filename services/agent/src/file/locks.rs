//! Who may replace a file.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::error::Error;

/// How many locks there are. Files share them; more than one call at a time is rare.
const LOCKS: usize = 64;
/// How long another call is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// One lock for each file, more or less: of two calls that change one file, the second sees what
/// the first left. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Locks {
    locks: Arc<[Arc<Mutex<()>>]>,
    hasher: RandomState,
}

/// Holds files until it is dropped.
#[derive(Debug)]
pub(super) struct Held(#[expect(dead_code, reason = "held, never read")] Vec<OwnedMutexGuard<()>>);

impl Locks {
    pub(super) fn new() -> Self {
        Self { locks: (0..LOCKS).map(|_| Arc::default()).collect(), hasher: RandomState::new() }
    }

    /// Waits until nobody else changes these files, whose links are resolved.
    ///
    /// # Errors
    /// Another call takes more than 30 seconds.
    pub(super) async fn hold(&self, files: impl IntoIterator<Item = &Path>) -> Result<Held, Error> {
        // In the order of their numbers, so that no two calls wait for each other.
        let numbers: BTreeSet<usize> = files.into_iter().map(|file| self.number(file)).collect();
        let all = async {
            let mut held = Vec::with_capacity(numbers.len());
            for number in numbers {
                held.push(Arc::clone(&self.locks[number]).lock_owned().await);
            }
            Held(held)
        };
        timeout(PATIENCE, all).await.map_err(|_| Error::Busy)
    }

    fn number(&self, file: &Path) -> usize {
        let bounded = self.hasher.hash_one(file) % self.locks.len() as u64;
        usize::try_from(bounded).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_another_call_holds_for_too_long_is_busy() {
        let locks = Locks::new();
        let (one, other) = (Path::new("/one"), Path::new("/other"));
        let held = locks.hold([one, other]).await.expect("free");
        assert!(matches!(locks.hold([other]).await, Err(Error::Busy)));
        drop(held);
        let again = locks.hold([other, one, other]).await.expect("free again, and named twice");
        drop(again);
    }
}
