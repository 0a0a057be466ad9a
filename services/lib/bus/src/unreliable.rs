//! A bus that does what a bus may do, and does it often: hints are lost, doubled and reordered.
//! For tests of whoever relies on hints.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Bus, BusError, Filter, Hint, Subject, Subscription};

/// How many hints of a hundred are lost.
const LOST: u64 = 20;
/// How many are heard twice.
const DOUBLED: u64 = 15;
/// How many are heard later than those after them.
const LATE: u64 = 20;
/// The most hints that are held back at once.
const MAX_LATE: usize = 8;

/// A bus on top of a reliable one. Each subscription loses hints of its own.
#[derive(Debug, Clone)]
pub(crate) struct UnreliableBus {
    inner: Box<Bus>,
    seeds: Arc<AtomicU64>,
}

impl UnreliableBus {
    pub(crate) fn new(inner: Bus, seed: u64) -> Self {
        Self { inner: Box::new(inner), seeds: Arc::new(AtomicU64::new(seed)) }
    }

    pub(crate) async fn publish(&self, subject: &Subject, payload: bytes::Bytes) {
        Box::pin(self.inner.publish(subject, payload)).await;
    }

    pub(crate) async fn subscribe(&self, filter: &Filter) -> Result<UnreliableSubscription, BusError> {
        let inner = Box::pin(self.inner.subscribe(filter)).await?;
        let dice = Dice(self.seeds.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed));
        Ok(UnreliableSubscription { inner, dice, ready: VecDeque::new(), late: Vec::new() })
    }
}

/// A subscription that loses, doubles and reorders what it hears.
#[derive(Debug)]
pub(crate) struct UnreliableSubscription {
    inner: Subscription,
    dice: Dice,
    ready: VecDeque<Hint>,
    late: Vec<Hint>,
}

impl UnreliableSubscription {
    /// Waits for the next hint. Nothing is lost by dropping the future that would not have been lost anyway.
    pub(crate) async fn next(&mut self) -> Option<Hint> {
        loop {
            if let Some(hint) = self.ready.pop_front() {
                return Some(hint);
            }
            let hint = Box::pin(self.inner.next()).await?;
            self.hear(hint);
        }
    }

    fn hear(&mut self, hint: Hint) {
        let roll = self.dice.roll(100);
        if roll < LOST {
            return;
        }
        if roll < LOST + LATE && self.late.len() < MAX_LATE {
            self.late.push(hint);
            return;
        }
        if roll < LOST + LATE + DOUBLED {
            self.ready.push_back(hint.clone());
        }
        self.ready.push_back(hint);
        while !self.late.is_empty() && self.dice.roll(3) == 0 {
            let index = usize::try_from(self.dice.roll(self.late.len() as u64)).unwrap_or_default();
            self.ready.push_back(self.late.swap_remove(index));
        }
    }
}

/// Repeatable chance (SplitMix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    async fn heard(seed: u64) -> Vec<u8> {
        let bus = Bus::unreliable(Bus::memory(), seed);
        let subject = Subject::of("test", seed);
        let mut subscription = bus.subscribe(&Filter::only(&subject)).await.expect("subscribed");
        for n in 0..200 {
            bus.publish(&subject, Bytes::from(vec![n])).await;
        }
        let mut heard = Vec::new();
        while let Ok(Some(Hint::Message { payload, .. })) =
            tokio::time::timeout(Duration::from_millis(1), subscription.next()).await
        {
            heard.push(payload[0]);
        }
        heard
    }

    #[tokio::test(start_paused = true)]
    async fn hints_are_lost_doubled_and_reordered_in_the_same_way_for_the_same_seed() {
        let first = heard(7).await;
        assert!((0..200).any(|n| !first.contains(&n)), "none is lost");
        assert!((0..200).any(|n| first.iter().filter(|heard| **heard == n).count() == 2), "none is doubled");
        assert!(!first.is_sorted(), "none is late");
        assert!(first.len() > 100, "{} of 200 are heard", first.len());
        assert_eq!(first, heard(7).await);
        assert_ne!(first, heard(8).await);
    }
}
