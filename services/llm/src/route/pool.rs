//! Which of several keys takes the next call. Keys take turns by their weights; one that was
//! refused rests, longer each time, and is tried by one call before the others come back to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::candidate::OpenKey;
use crate::domain::{KeyId, ProviderId};

/// How long a key rests after a refusal; twice as long after each further one.
const FIRST_REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(30 * 60);

/// How long a key rests that reached its rate, where the provider does not say.
const RATE_REST: Duration = Duration::from_secs(5);

/// How many keys are remembered; those of users come and go.
const CAPACITY: usize = 10_000;

type Slot = (ProviderId, Option<KeyId>);

/// What is known of keys from their calls.
#[derive(Debug, Default)]
pub(crate) struct KeyPool(Mutex<HashMap<Slot, Health>>);

#[derive(Debug)]
struct Health {
    /// Of which version of the key this is known; a new secret is a new chance.
    version: Timestamp,
    /// The smooth weighted round robin's balance.
    balance: i64,
    refusals: u32,
    rests_until: Option<Instant>,
    /// A call tries whether the key is well again.
    is_probed: bool,
}

impl Health {
    fn new(version: Timestamp) -> Self {
        Self { version, balance: 0, refusals: 0, rests_until: None, is_probed: false }
    }

    fn may_be_used(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now && !self.is_probed)
    }
}

/// Why a key rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// It was refused, or its quota is used up.
    Refused,
    /// It reached its rate.
    Rate(Option<Duration>),
}

impl Rest {
    /// Whether and why the key of a call that failed has to rest.
    pub(crate) fn after(error: &GenerationError) -> Option<Self> {
        match error.kind() {
            ErrorKind::Auth | ErrorKind::UsageLimit => Some(Self::Refused),
            ErrorKind::RateLimit => {
                let wish = error.retry_after_ms.map(|millis| Duration::from_millis(u64::from(millis)));
                Some(Self::Rate(wish.map(|wish| wish.min(LONGEST_REST))))
            }
            _ => None,
        }
    }
}

impl KeyPool {
    /// Chooses the key for the next attempt among those that were not tried yet, by their
    /// positions. `None` where all of them rest; `anyway` chooses the one that has rested longest.
    pub(crate) fn choose(
        self: &Arc<Self>,
        provider: ProviderId,
        keys: &[Arc<OpenKey>],
        tried: u64,
        anyway: bool,
    ) -> Option<Chosen> {
        let untried = |at: &usize| tried & (1_u64 << at) == 0;
        if let [only] = keys {
            return untried(&0).then(|| Chosen::new(self, 0, (provider, only.id), false));
        }
        let now = Instant::now();
        let mut pool = self.0.lock();
        if pool.len() > CAPACITY {
            pool.retain(|_, health| health.rests_until.is_some_and(|until| until > now));
        }
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for at in (0..keys.len()).filter(untried) {
            let key = &keys[at];
            let health = pool.entry((provider, key.id)).or_insert_with(|| Health::new(key.version));
            if health.version != key.version {
                *health = Health::new(key.version);
            }
            if !health.may_be_used(now) {
                continue;
            }
            let weight = i64::from(key.weight);
            total += weight;
            health.balance += weight;
            if best.is_none_or(|(_, balance)| health.balance > balance) {
                best = Some((at, health.balance));
            }
        }
        if best.is_none() && anyway {
            let rest = |at: &usize| pool.get(&(provider, keys[*at].id)).and_then(|health| health.rests_until);
            let at = (0..keys.len()).filter(untried).min_by_key(rest)?;
            return Some(Chosen::new(self, at, (provider, keys[at].id), false));
        }
        let (at, _) = best?;
        let slot = (provider, keys[at].id);
        let health = pool.get_mut(&slot)?;
        health.balance -= total;
        let is_probe = health.rests_until.is_some();
        health.is_probed |= is_probe;
        drop(pool);
        Some(Chosen::new(self, at, slot, is_probe))
    }

    fn well(&self, slot: Slot) {
        if let Some(health) = self.0.lock().get_mut(&slot) {
            (health.refusals, health.rests_until, health.is_probed) = (0, None, false);
        }
    }

    fn rest(&self, slot: Slot, rest: Rest) {
        if let Some(health) = self.0.lock().get_mut(&slot) {
            let pause = match rest {
                Rest::Refused => {
                    let doubled = FIRST_REST.saturating_mul(1 << health.refusals.min(10));
                    health.refusals += 1;
                    doubled.min(LONGEST_REST)
                }
                Rest::Rate(wish) => wish.unwrap_or(RATE_REST),
            };
            health.rests_until = Some(Instant::now() + pause);
            health.is_probed = false;
        }
    }

    fn unknown(&self, slot: Slot) {
        if let Some(health) = self.0.lock().get_mut(&slot) {
            health.is_probed = false;
        }
    }
}

/// A key that takes a call. Dropped without a word, nothing is learned of it.
#[derive(Debug)]
pub(crate) struct Chosen {
    pool: Arc<KeyPool>,
    /// Its position among the keys.
    pub(crate) at: usize,
    slot: Slot,
    is_probe: bool,
}

impl Chosen {
    fn new(pool: &Arc<KeyPool>, at: usize, slot: Slot, is_probe: bool) -> Self {
        Self { pool: Arc::clone(pool), at, slot, is_probe }
    }

    /// The provider accepted the key.
    pub(crate) fn well(mut self) {
        self.is_probe = false;
        self.pool.well(self.slot);
    }

    /// The key has to rest.
    pub(crate) fn rest(mut self, rest: Rest) {
        self.is_probe = false;
        self.pool.rest(self.slot, rest);
    }
}

impl Drop for Chosen {
    fn drop(&mut self) {
        if self.is_probe {
            self.pool.unknown(self.slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;
    use crate::client::Target;

    fn key(weight: u32) -> Arc<OpenKey> {
        let version = "2026-01-01T00:00:00Z".parse().unwrap();
        Arc::new(OpenKey { id: Some(KeyId(SystemIds.next())), version, weight, target: Arc::new(Target::default()) })
    }

    struct World {
        pool: Arc<KeyPool>,
        provider: ProviderId,
        keys: Vec<Arc<OpenKey>>,
    }

    impl World {
        fn new(weights: &[u32]) -> Self {
            let keys = weights.iter().map(|weight| key(*weight)).collect();
            Self { pool: Arc::default(), provider: ProviderId(SystemIds.next()), keys }
        }

        fn choose(&self, tried: u64, anyway: bool) -> Option<Chosen> {
            self.pool.choose(self.provider, &self.keys, tried, anyway)
        }

        fn next(&self) -> Option<usize> {
            self.choose(0, false).map(|chosen| chosen.at)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_take_turns_by_their_weights() {
        let world = World::new(&[1, 1]);
        let turns: Vec<_> = (0..6).map(|_| world.next().unwrap()).collect();
        assert_eq!(turns, [0, 1, 0, 1, 0, 1]);
        let world = World::new(&[3, 1]);
        let second = (0..40).filter(|_| world.next() == Some(1)).count();
        assert_eq!(second, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_rests_longer_each_time_and_one_call_tries_it() {
        let world = World::new(&[1, 1]);
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            // The other one is out, so that the next turn is this one's.
            world.choose(0b10, false).unwrap().rest(Rest::Refused);
            for _ in 0..3 {
                assert_eq!(world.next(), Some(1), "it rests for {minutes} minutes");
            }
            tokio::time::advance(Duration::from_secs(minutes * 60 - 1)).await;
            assert!(world.choose(0b10, false).is_none());
            tokio::time::advance(Duration::from_secs(1)).await;
            let probe = world.choose(0b10, false).unwrap();
            assert!(world.choose(0b10, false).is_none(), "one call is enough to try it");
            drop(probe);
            assert!(world.choose(0b10, false).is_some(), "the call told nothing");
        }
        world.choose(0b10, false).unwrap().well();
        world.choose(0b10, false).unwrap().rest(Rest::Refused);
        tokio::time::advance(FIRST_REST).await;
        assert!(world.choose(0b10, false).is_some(), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_at_its_rate_rests_as_long_as_the_provider_says() {
        let world = World::new(&[1, 1]);
        for (wish, pause) in [(None, RATE_REST), (Some(Duration::from_secs(37)), Duration::from_secs(37))] {
            world.choose(0b10, false).unwrap().rest(Rest::Rate(wish));
            tokio::time::advance(pause - Duration::from_millis(1)).await;
            assert!(world.choose(0b10, false).is_none());
            tokio::time::advance(Duration::from_millis(1)).await;
            world.choose(0b10, false).unwrap().well();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_rest_the_one_that_is_nearest_to_its_end_is_asked_anyway() {
        let world = World::new(&[1, 1]);
        world.choose(0b10, false).unwrap().rest(Rest::Refused);
        world.choose(0b01, false).unwrap().rest(Rest::Rate(None));
        assert!(world.choose(0, false).is_none());
        assert_eq!(world.choose(0, true).map(|chosen| chosen.at), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_only_key_never_rests_and_a_new_secret_is_a_new_chance() {
        let world = World::new(&[1]);
        world.choose(0, false).unwrap().rest(Rest::Refused);
        assert!(world.choose(0, false).is_some());

        let mut world = World::new(&[1, 1]);
        world.choose(0b10, false).unwrap().rest(Rest::Refused);
        let old = &world.keys[0];
        let version = old.version + Duration::from_secs(1);
        world.keys[0] = Arc::new(OpenKey { id: old.id, version, weight: 1, target: Arc::clone(&old.target) });
        assert!(world.choose(0b10, false).is_some());
    }
}
