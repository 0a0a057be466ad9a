//! What calls need of the database, kept for a few seconds, so that a call asks it nothing.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chatmesh_db::DbError;
use moka::future::Cache;
use tokio::time::Instant;

use crate::Error;

/// How long a value is used without asking again. What another replica wrote is seen after it.
const FRESH: Duration = Duration::from_secs(5);

/// How long one call has to load an old value before others do so too.
const HEAD_START: Duration = Duration::from_secs(1);

/// How long a value stands in where the database is not there.
const GRACE: Duration = Duration::from_secs(300);

/// How many values are kept.
const CAPACITY: u64 = 10_000;

/// Values that are loaded once every few seconds, however many ask for them.
#[derive(Debug)]
pub(crate) struct Recent<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> {
    values: Cache<K, Arc<Entry<V>>>,
    /// Counts what was forgotten: what was loaded before that does not count after it.
    era: AtomicU64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    era: u64,
    loaded_at: Instant,
    /// Until when it may stand in.
    good_until: Instant,
    /// Someone loads it again.
    is_loading: AtomicBool,
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Recent<K, V> {
    pub(crate) fn new() -> Self {
        Self { values: Cache::builder().max_capacity(CAPACITY).time_to_live(GRACE).build(), era: AtomicU64::new(0) }
    }

    /// Returns the value, loading it where it is missing or old. Where the database is not there,
    /// an older value is better than none.
    pub(crate) async fn get(&self, key: K, load: impl Future<Output = Result<V, Error>>) -> Result<V, Error> {
        let era = self.era.load(Ordering::Acquire);
        let now = Instant::now();
        let known = self.values.get(&key).await.filter(|entry| entry.era == era && now < entry.good_until);
        if let Some(entry) = &known {
            let age = now.duration_since(entry.loaded_at);
            // One call loads it again, the others do not wait for that.
            if age < FRESH || (age < FRESH + HEAD_START && entry.is_loading.swap(true, Ordering::AcqRel)) {
                return Ok(entry.value.clone());
            }
        }
        let (value, good_until) = match (load.await, known) {
            (Ok(value), _) => (value, now + GRACE),
            (Err(Error::Database(DbError::Unavailable(_))), Some(entry)) => (entry.value.clone(), entry.good_until),
            (Err(error), _) => return Err(error),
        };
        let is_loading = AtomicBool::new(false);
        let entry = Entry { value: value.clone(), era, loaded_at: Instant::now(), good_until, is_loading };
        self.values.insert(key, Arc::new(entry)).await;
        Ok(value)
    }

    /// Forgets everything: something was written.
    pub(crate) fn forget(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
        self.values.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_value_is_loaded_again_when_it_is_old_or_forgotten() {
        let loads = AtomicU32::new(0);
        let recent: Recent<u8, u32> = Recent::new();
        let get = async || recent.get(1, async { Ok(loads.fetch_add(1, Ordering::Relaxed)) }).await.unwrap();
        assert_eq!((get().await, get().await), (0, 0));
        tokio::time::advance(FRESH).await;
        assert_eq!((get().await, get().await), (1, 1));
        recent.forget();
        assert_eq!((get().await, get().await), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_loads_an_old_value_and_the_others_do_not_wait() {
        let recent: Recent<u8, u32> = Recent::new();
        recent.get(1, async { Ok(1) }).await.unwrap();
        tokio::time::advance(FRESH).await;
        let slow = recent.get(1, async {
            assert_eq!(recent.get(1, std::future::pending()).await.unwrap(), 1);
            tokio::time::advance(HEAD_START).await;
            assert_eq!(recent.get(1, async { Ok(2) }).await.unwrap(), 2, "it takes too long");
            Ok(3)
        });
        assert_eq!(slow.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_loaded_before_a_write_does_not_count_after_it() {
        let recent: Recent<u8, u32> = Recent::new();
        let old = recent.get(1, async {
            recent.forget();
            Ok(1)
        });
        assert_eq!(old.await.unwrap(), 1);
        assert_eq!(recent.get(1, async { Ok(2) }).await.unwrap(), 2);
    }
}
