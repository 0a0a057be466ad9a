//! The processes that are known.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::entry::Entry;
use super::error::Error;
use crate::chat::{ChatId, is_visible};

/// The most processes in a list.
const MAX_LISTED: usize = 10;

/// Processes that run or ended a short while ago.
#[derive(Debug)]
pub(super) struct Table {
    entries: HashMap<Uuid, Arc<Entry>>,
    max_running: usize,
    max_entries: usize,
    is_closed: bool,
}

impl Table {
    pub(super) fn new(max_running: usize, max_entries: usize) -> Self {
        Self { entries: HashMap::new(), max_running, max_entries, is_closed: false }
    }

    /// Refuses new processes from here on and returns those that run.
    pub(super) fn close(&mut self) -> Vec<Arc<Entry>> {
        self.is_closed = true;
        self.entries.values().filter(|entry| entry.is_running()).cloned().collect()
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_running()).count()
    }

    /// Says whether one more may start.
    pub(super) fn admit(&self) -> Result<(), Error> {
        let running = self.running();
        if self.is_closed {
            Err(Error::ShuttingDown)
        } else if running >= self.max_running {
            Err(Error::TooMany(running))
        } else {
            Ok(())
        }
    }

    /// Adds a process. Where there are too many, the one that ended first goes before its time.
    pub(super) fn insert(&mut self, entry: Arc<Entry>) {
        if self.entries.len() >= self.max_entries {
            let ended =
                self.entries.values().filter_map(|entry| Some((entry.exit.borrow().as_ref()?.time, entry.about.id)));
            if let Some((_, first)) = ended.min() {
                self.entries.remove(&first);
            }
        }
        self.entries.insert(entry.about.id, entry);
    }

    pub(super) fn remove(&mut self, id: Uuid) {
        self.entries.remove(&id);
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
