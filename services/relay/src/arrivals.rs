//! Wakes those who wait for an agent to connect, here or elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chatmesh_core::Uuid;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Who waits for which agent.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    waited_for: Mutex<HashMap<Uuid, Weak<Notify>>>,
    /// Those that are about to be here, with how often.
    expected: Mutex<HashMap<Uuid, usize>>,
}

/// An agent is expected while this lives.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    arrivals: &'a Arrivals,
    agent: Uuid,
}

impl Arrivals {
    /// Begins to wait for an agent: wakes whoever was subscribed before the agent arrived. To be
    /// called before looking whether the agent is there.
    pub(crate) fn subscribe(&self, agent: Uuid) -> Arc<Notify> {
        let mut waited_for = self.waited_for.lock();
        if let Some(notify) = waited_for.get(&agent).and_then(Weak::upgrade) {
            return notify;
        }
        waited_for.retain(|_, notify| notify.strong_count() > 0);
        let notify = Arc::new(Notify::new());
        waited_for.insert(agent, Arc::downgrade(&notify));
        notify
    }

    /// Says that an agent is about to be here. When it is, or is not after all, drop the guard.
    pub(crate) fn expect(&self, agent: Uuid) -> Expected<'_> {
        *self.expected.lock().entry(agent).or_default() += 1;
        Expected { arrivals: self, agent }
    }

    /// Waits until an agent is not expected any more, `limit` at most. Returns at once for one that is not.
    pub(crate) async fn expected(&self, agent: Uuid, limit: Duration) {
        let is_expected = || self.expected.lock().contains_key(&agent);
        if !is_expected() {
            return;
        }
        let arrival = self.subscribe(agent);
        let waiting = async {
            loop {
                let mut arrived = std::pin::pin!(arrival.notified());
                arrived.as_mut().enable();
                if !is_expected() {
                    return;
                }
                arrived.await;
            }
        };
        // Whoever called looks again.
        let _ = tokio::time::timeout(limit, waiting).await;
    }

    /// An agent is connected.
    pub(crate) fn of(&self, agent: Uuid) {
        if let Some(notify) = self.waited_for.lock().get(&agent).and_then(Weak::upgrade) {
            notify.notify_waiters();
        }
    }

    /// Any agent may be connected.
    pub(crate) fn all(&self) {
        self.waited_for.lock().values().filter_map(Weak::upgrade).for_each(|notify| notify.notify_waiters());
    }
}

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        let mut expected = self.arrivals.expected.lock();
        if let Some(count) = expected.get_mut(&self.agent) {
            *count -= 1;
            if *count == 0 {
                expected.remove(&self.agent);
            }
        }
        drop(expected);
        self.arrivals.of(self.agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_for_an_agent_wake_and_nobody_else() {
        let arrivals = Arrivals::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (first, second, third) = (arrivals.subscribe(one), arrivals.subscribe(one), arrivals.subscribe(other));
        let (mut a, mut b, mut c) =
            (Box::pin(first.notified()), Box::pin(second.notified()), Box::pin(third.notified()));
        assert!(!a.as_mut().enable() && !b.as_mut().enable() && !c.as_mut().enable());
        arrivals.of(one);
        assert!(a.as_mut().enable() && b.as_mut().enable());
        assert!(!c.as_mut().enable());
        arrivals.all();
        assert!(c.as_mut().enable());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_an_agent_that_is_expected_waits_until_it_is_not() {
        let (arrivals, agent, limit) = (Arrivals::default(), Uuid::from_u128(1), Duration::from_secs(2));
        let began = tokio::time::Instant::now();
        arrivals.expected(agent, limit).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        let (first, second) = (arrivals.expect(agent), arrivals.expect(agent));
        let leaving = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            drop(first);
            tokio::time::sleep(Duration::from_millis(500)).await;
            drop(second);
        };
        tokio::join!(arrivals.expected(agent, limit), leaving);
        assert_eq!(began.elapsed(), Duration::from_secs(1));
        let _kept = arrivals.expect(agent);
        arrivals.expected(agent, limit).await;
        assert_eq!(began.elapsed(), Duration::from_secs(3), "no longer than asked");
    }

    #[test]
    fn those_who_left_are_not_remembered() {
        let arrivals = Arrivals::default();
        for id in 0..100 {
            drop(arrivals.subscribe(Uuid::from_u128(id)));
        }
        assert!(arrivals.waited_for.lock().len() <= 1);
    }
}
