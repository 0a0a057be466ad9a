//! The receipts in memory.

use std::collections::{HashMap, VecDeque};

use chatmesh_core::Timestamp;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::record::{Fate, Outcome, Record, Startup};
use super::{Digest, Key};
use crate::chat::{ChatId, is_visible};

/// What is known of a key.
#[derive(Debug)]
enum Slot {
    /// A call is at work; `done` is cancelled when it is not any more.
    AtWork { digest: Digest, done: CancellationToken, announced: Option<Record> },
    /// The effect was done.
    Kept(Record),
}

/// What a claim finds.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Nothing; the key is now claimed.
    Claimed,
    /// A receipt.
    Kept(Outcome),
    /// Another call; wait for the token, then look again.
    AtWork(CancellationToken),
    /// The key stands for another input.
    Conflict,
}

/// All keys, in the order in which they got their receipts.
#[derive(Debug)]
pub(super) struct Slots {
    slots: HashMap<Key, Slot>,
    order: VecDeque<Key>,
    /// The newest start of a build, which is not dropped: the agent may come back to it much later.
    startup: Option<Key>,
    max: usize,
}

impl Slots {
    pub(super) fn new(max: usize) -> Self {
        Self { slots: HashMap::new(), order: VecDeque::new(), startup: None, max }
    }

    pub(super) fn claim(&mut self, key: Key, digest: Digest) -> Lookup {
        match self.slots.get(&key) {
            None => {
                self.slots.insert(key, Slot::AtWork { digest, done: CancellationToken::new(), announced: None });
                Lookup::Claimed
            }
            Some(Slot::AtWork { digest: first, .. }) if *first != digest => Lookup::Conflict,
            // Whoever gave it up did not know the input.
            Some(Slot::Kept(Record { outcome: Outcome::Canceled, .. })) => Lookup::Kept(Outcome::Canceled),
            Some(Slot::Kept(record)) if record.digest != digest => Lookup::Conflict,
            Some(Slot::AtWork { done, .. }) => Lookup::AtWork(done.clone()),
            Some(Slot::Kept(record)) => Lookup::Kept(record.outcome.clone()),
        }
    }

    /// What is to be known of a key before it is given up.
    pub(super) fn look(&self, key: Key) -> Option<Lookup> {
        self.slots.get(&key).map(|slot| match slot {
            Slot::AtWork { done, .. } => Lookup::AtWork(done.clone()),
            Slot::Kept(record) => Lookup::Kept(record.outcome.clone()),
        })
    }

    /// Gives a claimed key back.
    pub(super) fn release(&mut self, key: Key) {
        if let Some(Slot::AtWork { .. }) = self.slots.get(&key) {
            self.remove(key);
        }
    }

    /// Notes what the call that holds a key is about to do.
    pub(super) fn announce(&mut self, record: Record) {
        if let Some(Slot::AtWork { announced, .. }) = self.slots.get_mut(&record.key) {
            *announced = Some(record);
        }
    }

    /// Keeps a record, or forgets its key.
    pub(super) fn put(&mut self, record: Record) {
        let key = record.key;
        if record.outcome == Outcome::Forgotten {
            return self.remove(key);
        }
        if record.is_startup() {
            self.startup = Some(key);
        }
        match self.slots.insert(key, Slot::Kept(record)) {
            Some(Slot::Kept(_)) => return,
            Some(Slot::AtWork { done, .. }) => done.cancel(),
            None => {}
        }
        self.order.push_back(key);
        self.drop_oldest();
    }

    pub(super) fn has(&self, key: Key) -> bool {
        matches!(self.slots.get(&key), Some(Slot::Kept(_)))
    }

    /// Replaces the outcome of a key that has one.
    pub(super) fn update(&mut self, key: Key, outcome: Outcome) -> Option<Record> {
        let Some(Slot::Kept(record)) = self.slots.get_mut(&key) else { return None };
        record.outcome = outcome;
        Some(record.clone())
    }

    pub(super) fn end_process(&mut self, key: Key, exit_code: i32, exit_time: Timestamp) -> Option<Record> {
        let Some(Slot::Kept(record)) = self.slots.get_mut(&key) else { return None };
        let Outcome::Process(process) = &mut record.outcome else { return None };
        process.fate = Fate::Exited { exit_code, exit_time };
        Some(record.clone())
    }

    pub(super) fn find_process(&self, id: Uuid, chat: Option<&ChatId>) -> Option<Outcome> {
        let outcomes = self.records().map(|record| &record.outcome);
        let mut processes = outcomes.filter(|outcome| match outcome {
            Outcome::Process(process) => process.id == id && is_visible(process.chat.as_ref(), chat),
            _ => false,
        });
        processes.next().cloned()
    }

    /// Marks what ran under a former agent.
    pub(super) fn lose_running(&mut self) {
        for slot in self.slots.values_mut() {
            let Slot::Kept(record) = slot else { continue };
            match &mut record.outcome {
                Outcome::Process(process) if process.fate == Fate::Running => process.fate = Fate::Lost,
                Outcome::Startup(startup @ Startup::Running) => *startup = Startup::Lost,
                _ => {}
            }
        }
    }

    /// All receipts, the oldest first, and what is announced.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        let kept = self.order.iter().filter_map(|key| match self.slots.get(key) {
            Some(Slot::Kept(record)) => Some(record),
            _ => None,
        });
        let announced = self.slots.values().filter_map(|slot| match slot {
            Slot::AtWork { announced, .. } => announced.as_ref(),
            Slot::Kept(_) => None,
        });
        kept.chain(announced)
    }

    fn remove(&mut self, key: Key) {
        match self.slots.remove(&key) {
            Some(Slot::AtWork { done, .. }) => done.cancel(),
            Some(Slot::Kept(_)) => self.order.retain(|kept| *kept != key),
            None => {}
        }
    }

    fn drop_oldest(&mut self) {
        for _ in 0..self.order.len() {
            if self.order.len() <= self.max {
                return;
            }
            let Some(key) = self.order.pop_front() else { return };
            match self.slots.get(&key) {
                Some(Slot::Kept(record)) if record.is_running() || self.startup == Some(key) => {
                    self.order.push_back(key);
                }
                _ => drop(self.slots.remove(&key)),
            }
        }
    }
}
