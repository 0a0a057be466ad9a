//! The chats that a worker runs or is about to run, by lease, and how much room is left.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use super::cancel::{Cancel, Cause};
use crate::domain::{ChatId, RunnerId};
use crate::state::State;
use crate::store::{Pool, Room};

/// How many chats that were stopped are ended at the same time beside those that run.
pub(super) const MAX_ENDING: usize = 16;

/// The places of a worker.
#[derive(Debug)]
pub(super) struct Slots {
    state: Arc<State>,
    capacity: Room,
    held: Mutex<HashMap<RunnerId, Held>>,
    free: watch::Sender<Room>,
}

#[derive(Debug)]
struct Held {
    chat: ChatId,
    /// Whose room it takes; none where it is only to be ended.
    pool: Option<Pool>,
    cancel: Cancel,
    /// The answer to the lease has come.
    is_leased: bool,
    /// When the lease was last known to be alive.
    renewed_at: Option<Instant>,
}

impl Held {
    /// When the lease is `lifetime` old; `None` where nothing runs under it any more, or yet.
    fn expiry(&self, lifetime: Duration) -> Option<Instant> {
        let renewed_at = self.renewed_at.filter(|_| self.is_leased && !self.cancel.is_cancelled());
        renewed_at.map(|renewed_at| renewed_at + lifetime)
    }
}

impl Slots {
    pub(super) fn new(state: Arc<State>) -> Arc<Self> {
        let capacity = Room { roots: state.config.max_running, subagents: state.config.max_running_subagents };
        Arc::new(Self { state, capacity, held: Mutex::default(), free: watch::Sender::new(capacity) })
    }

    /// How many more chats there is room for.
    pub(super) fn free(&self) -> Room {
        *self.free.borrow()
    }

    /// Follows how many more chats there is room for.
    pub(super) fn follow(&self) -> watch::Receiver<Room> {
        self.free.subscribe()
    }

    /// How many chats run here, or are about to.
    pub(super) fn len(&self) -> usize {
        self.held.lock().len()
    }

    /// Takes a place before the lease is asked for, so that a lease which comes late has one too.
    /// `None` where there is no room, or where the chat is being leased already.
    pub(super) fn take(self: &Arc<Self>, chat: ChatId, pool: Pool) -> Option<Place> {
        let held = self.held.lock();
        if is_leasing(&held, chat) || self.free().of(pool) == 0 {
            return None;
        }
        Some(self.hold(held, chat, Some(pool)))
    }

    /// Takes a place for a chat that was stopped. There is always one, within bounds: who stops a chat does not
    /// wait for the turns of others.
    pub(super) fn take_to_end(self: &Arc<Self>, chat: ChatId) -> Option<Place> {
        let held = self.held.lock();
        let ending = held.values().filter(|held| held.pool.is_none()).count();
        if is_leasing(&held, chat) || ending >= MAX_ENDING {
            return None;
        }
        Some(self.hold(held, chat, None))
    }

    fn hold(
        self: &Arc<Self>,
        mut held: MutexGuard<'_, HashMap<RunnerId, Held>>,
        chat: ChatId,
        pool: Option<Pool>,
    ) -> Place {
        let runner = RunnerId(self.state.ids.next());
        let cancel = Cancel::new();
        held.insert(runner, Held { chat, pool, cancel: cancel.clone(), is_leased: false, renewed_at: None });
        self.count(&held);
        Place { slots: Arc::clone(self), chat, runner, cancel, only_ends: pool.is_none() }
    }

    /// True while a lease of this chat is being asked for.
    pub(super) fn is_leasing(&self, chat: ChatId) -> bool {
        is_leasing(&self.held.lock(), chat)
    }

    /// The leases that this worker believes to hold.
    pub(super) fn leases(&self) -> HashSet<(ChatId, RunnerId)> {
        let held = self.held.lock();
        let leased = held.iter().filter(|(_, held)| held.is_leased);
        leased.map(|(runner, held)| (held.chat, *runner)).collect()
    }

    /// True where a place was taken under this name, be the lease there yet or not.
    pub(super) fn has(&self, runner: RunnerId) -> bool {
        self.held.lock().contains_key(&runner)
    }

    /// The database has said which leases are alive: `alive`, of those that were `asked` for.
    pub(super) fn renewed(
        &self,
        asked: &HashSet<(ChatId, RunnerId)>,
        alive: &HashSet<(ChatId, RunnerId)>,
        at: Instant,
    ) {
        let mut held = self.held.lock();
        for (_, runner) in alive {
            if let Some(held) = held.get_mut(runner) {
                held.renewed_at = Some(at);
            }
        }
        for (_, runner) in asked.difference(alive) {
            if let Some(held) = held.get(runner) {
                held.cancel.cancel(Cause::OwnershipLost);
            }
        }
    }

    /// Asks runners to look at their chats.
    pub(super) fn nudge(&self, runners: &[RunnerId]) {
        let held = self.held.lock();
        runners.iter().filter_map(|runner| held.get(runner)).for_each(|held| held.cancel.nudge());
    }

    /// When the first lease is `lifetime` old and nobody renewed it.
    pub(super) fn first_expiry(&self, lifetime: Duration) -> Option<Instant> {
        self.held.lock().values().filter_map(|held| held.expiry(lifetime)).min()
    }

    /// Stops the turns whose leases nobody renewed for `lifetime`. Returns how many.
    pub(super) fn stop_expired(&self, lifetime: Duration, now: Instant) -> usize {
        let held = self.held.lock();
        let expired = held.values().filter(|held| held.expiry(lifetime).is_some_and(|expiry| expiry <= now));
        expired.map(|held| held.cancel.cancel(Cause::OwnershipLost)).count()
    }

    fn count(&self, held: &HashMap<RunnerId, Held>) {
        let mut free = self.capacity;
        for pool in held.values().filter_map(|held| held.pool) {
            let left = free.of_mut(pool);
            *left = left.saturating_sub(1);
        }
        self.free.send_if_modified(|current| std::mem::replace(current, free) != free);
    }

    fn leave(&self, place: &Place) {
        let mut held = self.held.lock();
        let Some(left) = held.remove(&place.runner) else { return };
        if left.is_leased {
            self.state.metrics.running.dec();
        }
        // A later lease of the same chat may be at work already.
        if held.values().all(|other| other.chat != left.chat) {
            self.state.episodes.close(left.chat);
        }
        self.count(&held);
    }
}

fn is_leasing(held: &HashMap<RunnerId, Held>, chat: ChatId) -> bool {
    held.values().any(|held| held.chat == chat && !held.is_leased)
}

/// A place for one lease. Dropping it makes it free.
#[derive(Debug)]
pub(super) struct Place {
    slots: Arc<Slots>,
    pub(super) chat: ChatId,
    pub(super) runner: RunnerId,
    pub(super) cancel: Cancel,
    /// There is room to end what was stopped, and for nothing else.
    pub(super) only_ends: bool,
}

impl Place {
    /// The lease is there; the statement that made it was sent at `at`.
    pub(super) fn leased(&self, at: Instant) {
        if let Some(held) = self.slots.held.lock().get_mut(&self.runner) {
            held.is_leased = true;
            held.renewed_at = held.renewed_at.max(Some(at));
            self.slots.state.metrics.running.inc();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.leave(self);
    }
}
