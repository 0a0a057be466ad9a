//! The processes that are known.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use uuid::Uuid;

use super::entry::Entry;
use super::error::Error;
use crate::chat::{ChatId, is_visible};

/// The most processes in a list.
const MAX_LISTED: usize = 10;
/// How many processes without a key are remembered after they were forgotten otherwise; those with
/// a key have a receipt.
const MAX_REAPED: usize = 4096;

/// Processes that run or ended a short while ago.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<Uuid, Arc<Entry>>,
    max_running: usize,
    max_entries: usize,
    /// Places that were taken for processes which are about to start.
    starting: usize,
    reaped: VecDeque<Reaped>,
    is_closed: bool,
}

/// What is left of a process without a key.
#[derive(Debug)]
struct Reaped {
    id: Uuid,
    chat: Option<ChatId>,
    exit_code: i32,
}

impl Table {
    pub(super) fn new(max_running: usize, max_entries: usize) -> Self {
        let (entries, reaped) = (HashMap::new(), VecDeque::new());
        Self { entries, max_running, max_entries, starting: 0, reaped, is_closed: false }
    }

    /// Refuses new processes from here on.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Those that run.
    pub(super) fn running(&self) -> Vec<Arc<Entry>> {
        self.entries.values().filter(|entry| entry.is_running()).cloned().collect()
    }

    /// How many run.
    pub(super) fn count_running(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_running()).count()
    }

    /// Takes a place for one more process, which ends in [`Self::insert`] or [`Self::release`].
    pub(super) fn reserve(&mut self) -> Result<(), Error> {
        let running = self.count_running() + self.starting;
        if self.is_closed {
            Err(Error::ShuttingDown)
        } else if running >= self.max_running {
            Err(Error::TooMany(running))
        } else {
            self.starting += 1;
            Ok(())
        }
    }

    /// Gives a place back.
    pub(super) fn release(&mut self) {
        self.starting -= 1;
    }

    /// Adds a process in the place that was taken for it. Where there are too many, the one that
    /// ended first goes before its time.
    pub(super) fn insert(&mut self, entry: Arc<Entry>) {
        self.starting -= 1;
        if self.entries.len() >= self.max_entries {
            let ended =
                self.entries.values().filter_map(|entry| Some((entry.exit.borrow().as_ref()?.time, entry.about.id)));
            if let Some((_, first)) = ended.min() {
                self.reap(first);
            }
        }
        self.entries.insert(entry.about.id, entry);
    }

    /// Forgets a process and its output, not that it was there and how it ended.
    pub(super) fn reap(&mut self, id: Uuid) {
        let Some(entry) = self.entries.remove(&id) else { return };
        let exit = *entry.exit.borrow();
        if let (None, Some(exit)) = (entry.about.key, exit) {
            if self.reaped.len() == MAX_REAPED {
                self.reaped.pop_front();
            }
            self.reaped.push_back(Reaped { id, chat: entry.about.chat.clone(), exit_code: exit.code });
        }
    }

    /// The exit code of a process without a key that was reaped.
    pub(super) fn reaped(&self, id: Uuid, chat: Option<&ChatId>) -> Option<i32> {
        let mut reaped = self.reaped.iter().filter(|reaped| is_visible(reaped.chat.as_ref(), chat));
        reaped.find(|reaped| reaped.id == id).map(|reaped| reaped.exit_code)
    }

    pub(super) fn get(&self, id: Uuid, chat: Option<&ChatId>) -> Option<Arc<Entry>> {
        self.entries.get(&id).filter(|entry| is_visible(entry.about.chat.as_ref(), chat)).cloned()
    }

    /// What `chat` may see: running ones first, then the newest first.
    pub(super) fn list(&self, chat: Option<&ChatId>) -> Vec<Arc<Entry>> {
        let visible = self.entries.values().filter(|entry| is_visible(entry.about.chat.as_ref(), chat));
        let mut entries: Vec<_> = visible.map(|entry| (!entry.is_running(), entry)).collect();
        entries.sort_by(|(ended, entry), (other_ended, other)| {
            (ended, other.about.start_time, other.about.id).cmp(&(other_ended, entry.about.start_time, entry.about.id))
        });
        entries.into_iter().take(MAX_LISTED).map(|(_, entry)| Arc::clone(entry)).collect()
    }
}
