//! The chats that a worker runs or is about to run, by lease, and how much room is left.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cancel::{Cancel, Cause};
use crate::domain::{ChatId, RunnerId};
use crate::state::State;
use crate::store::{Pool, Room};

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
    pool: Pool,
    cancel: Cancel,
    /// When the lease was last known to be renewed; `None` while there is none yet.
    renewed_at: Option<Instant>,
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
        let runner = RunnerId(self.state.ids.next());
        let cancel = Cancel::new();
        let mut held = self.held.lock();
        if is_leasing(&held, chat) || self.free().of(pool) == 0 {
            return None;
        }
        held.insert(runner, Held { chat, pool, cancel: cancel.clone(), renewed_at: None });
        self.count(&held);
        Some(Place { slots: Arc::clone(self), chat, runner, cancel })
    }

    /// True while a lease of this chat is being asked for.
    pub(super) fn is_leasing(&self, chat: ChatId) -> bool {
        is_leasing(&self.held.lock(), chat)
    }

    /// The leases that this worker believes to hold.
    pub(super) fn leases(&self) -> HashSet<(ChatId, RunnerId)> {
        let held = self.held.lock();
        let leased = held.iter().filter(|(_, held)| held.renewed_at.is_some());
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
        for lease in asked {
            let Some(held) = held.get_mut(&lease.1) else { continue };
            if alive.contains(lease) {
                held.renewed_at = Some(at);
            } else {
                held.cancel.cancel(Cause::OwnershipLost);
            }
        }
    }

    /// When the first lease is `lifetime` old and nobody renewed it.
    pub(super) fn first_expiry(&self, lifetime: Duration) -> Option<Instant> {
        let held = self.held.lock();
        let running = held.values().filter(|held| !held.cancel.is_cancelled());
        running.filter_map(|held| held.renewed_at).min().map(|renewed_at| renewed_at + lifetime)
    }

    /// Stops the turns whose leases nobody renewed for `lifetime`. Returns how many.
    pub(super) fn stop_expired(&self, lifetime: Duration, now: Instant) -> usize {
        let held = self.held.lock();
        let is_expired = |held: &&Held| held.renewed_at.is_some_and(|at| at + lifetime <= now);
        let expired = held.values().filter(|held| !held.cancel.is_cancelled()).filter(is_expired);
        expired.map(|held| held.cancel.cancel(Cause::OwnershipLost)).count()
    }

    fn count(&self, held: &HashMap<RunnerId, Held>) {
        let mut free = self.capacity;
        for held in held.values() {
            let left = free.of_mut(held.pool);
            *left = left.saturating_sub(1);
        }
        self.free.send_if_modified(|current| std::mem::replace(current, free) != free);
    }

    fn leave(&self, place: &Place) {
        let mut held = self.held.lock();
        let Some(left) = held.remove(&place.runner) else { return };
        if left.renewed_at.is_some() {
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
    held.values().any(|held| held.chat == chat && held.renewed_at.is_none())
}

/// A place for one lease. Dropping it makes it free.
#[derive(Debug)]
pub(super) struct Place {
    slots: Arc<Slots>,
    pub(super) chat: ChatId,
    pub(super) runner: RunnerId,
    pub(super) cancel: Cancel,
}

impl Place {
    /// The lease is there; the statement that made it was sent at `at`.
    pub(super) fn leased(&self, at: Instant) {
        if let Some(held) = self.slots.held.lock().get_mut(&self.runner) {
            held.renewed_at = Some(at);
            self.slots.state.metrics.running.inc();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slots.leave(self);
    }
}
