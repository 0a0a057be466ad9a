//! Live parts: what a model says before it is committed.
//!
//! An *episode* belongs to one model call, `(chat, history_version, generation_attempt)`. The runner
//! appends, readers follow at their own pace with a [`Cursor`]: a slow one holds nobody up, and none
//! can miss a part that the episode has. An episode is in the memory of the process that runs the
//! chat; [`relay`] brings it to the subscribers of other replicas, [`serve`] is the other end of that.
//!
//! An episode that has ended is kept for a while, so that whoever reads it can finish.

mod coarse;
mod episode;
pub(crate) mod relay;
pub(crate) mod serve;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

pub(crate) use episode::{Cursor, Episode, News};

use crate::ChatMetrics;
use crate::domain::ChatId;
use crate::state::State;

/// How long an episode that has ended is kept for those who have not read it to its end.
const KEPT_AFTER_END: Duration = Duration::from_secs(15);
/// How often the janitor looks for what nobody needs any more.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Names an episode; no other call of the model of the chat ever has the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EpisodeKey {
    /// The chat.
    pub(crate) chat: ChatId,
    /// The version of the history that the answer continues.
    pub(crate) history_version: u32,
    /// Which attempt to answer it is, from 1.
    pub(crate) generation_attempt: u32,
}

/// The episodes of the chats that this process runs.
#[derive(Debug, Default)]
pub(crate) struct Episodes {
    by_chat: DashMap<ChatId, Vec<Arc<Episode>>>,
    /// Counts the episodes that were opened, for those who wait for one.
    opened: watch::Sender<u64>,
    dropped: Counter,
}

/// How much is kept at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Episodes.
    pub(crate) episodes: usize,
    /// Parts of all of them.
    pub(crate) parts: usize,
    /// Parts of the one that has the most.
    pub(crate) most: usize,
}

impl Kept {
    fn add(&mut self, episode: &Episode) {
        let parts = episode.len();
        self.episodes += 1;
        self.parts += parts;
        self.most = self.most.max(parts);
    }
}

impl Episodes {
    /// No episodes yet; what does not fit is counted in `metrics`.
    pub(crate) fn new(metrics: &ChatMetrics) -> Self {
        Self { dropped: metrics.parts_dropped.clone(), ..Self::default() }
    }

    /// Opens an episode; those of the chat before it have ended.
    pub(crate) fn open(&self, chat: ChatId, history_version: u32, generation_attempt: u32) -> Arc<Episode> {
        let key = EpisodeKey { chat, history_version, generation_attempt };
        let episode = Arc::new(Episode::new(key, self.dropped.clone()));
        let mut episodes = self.by_chat.entry(chat).or_default();
        for earlier in episodes.iter() {
            if earlier.key() <= key {
                earlier.close();
            } else if earlier.ended_at().is_none() {
                // A runner that lost its lease comes late: what it says is not shown.
                episode.close();
            }
        }
        episodes.push(Arc::clone(&episode));
        drop(episodes);
        self.opened.send_modify(|count| *count += 1);
        episode
    }

    /// Finds an episode of a chat, also one that has just ended.
    pub(crate) fn find(&self, chat: ChatId, history_version: u32, generation_attempt: u32) -> Option<Arc<Episode>> {
        self.get(EpisodeKey { chat, history_version, generation_attempt })
    }

    /// Finds an episode, also one that has just ended.
    pub(crate) fn get(&self, key: EpisodeKey) -> Option<Arc<Episode>> {
        self.by_chat.get(&key.chat)?.iter().rfind(|episode| episode.key() == key).cloned()
    }

    /// Waits until an episode is opened. Safe to use in `select!`.
    pub(crate) async fn opened(&self, key: EpisodeKey) -> Arc<Episode> {
        let mut opened = self.opened.subscribe();
        loop {
            if let Some(episode) = self.get(key) {
                return episode;
            }
            // The sender lives as long as `self`.
            let _ = opened.changed().await;
        }
    }

    /// Ends the episodes of a chat: nobody here runs it any more.
    pub(crate) fn close(&self, chat: ChatId) {
        if let Some(episodes) = self.by_chat.get(&chat) {
            episodes.iter().for_each(|episode| episode.close());
        }
    }

    /// Forgets the episodes that ended a while ago and that nobody reads.
    pub(crate) fn sweep(&self, now: Instant) {
        self.by_chat.retain(|_, episodes| {
            // Whoever follows an episode holds it: a count of one is the list alone.
            episodes.retain(|episode| {
                let over = episode.ended_at().is_some_and(|at| now.duration_since(at) >= KEPT_AFTER_END);
                !over || Arc::strong_count(episode) > 1
            });
            !episodes.is_empty()
        });
    }

    /// How much is kept now.
    pub(crate) fn kept(&self) -> Kept {
        let mut kept = Kept::default();
        for episodes in &self.by_chat {
            episodes.iter().for_each(|episode| kept.add(episode));
        }
        kept
    }
}

/// Forgets from time to time what nobody needs, and measures what is kept.
pub(crate) async fn janitor(state: Arc<State>) {
    let stop = state.tasks.shutdown().soft().clone();
    let mut tick = tokio::time::interval(SWEEP_INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => sweep(&state),
            () = stop.cancelled() => return,
        }
    }
}

fn sweep(state: &State) {
    let now = Instant::now();
    state.episodes.sweep(now);
    state.relay.sweep(now);
    let (here, there) = (state.episodes.kept(), state.relay.kept());
    let metrics = &state.metrics;
    let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    metrics.streams_active.set(gauge(here.episodes + there.episodes));
    metrics.buffer_events.set(gauge(here.parts + there.parts));
    metrics.buffer_size_max.set(gauge(here.most.max(there.most)));
}
