//! Wakes those who wait for an agent to connect, here or elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use chatmesh_core::Uuid;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Who waits for which agent.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    waited_for: Mutex<HashMap<Uuid, Weak<Notify>>>,
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

    #[test]
    fn those_who_left_are_not_remembered() {
        let arrivals = Arrivals::default();
        for id in 0..100 {
            drop(arrivals.subscribe(Uuid::from_u128(id)));
        }
        assert!(arrivals.waited_for.lock().len() <= 1);
    }
}
