//! Where a subscriber's live parts come from: an episode of this process, or a mirror of another
//! one's. One at a time, and each from its first part to its last.

use std::sync::Arc;

use chatmesh_proto::chat::v1::MessagePart;

use crate::domain::{Chat, WorkerId};
use crate::machine::Status;
use crate::parts::relay::Mirror;
use crate::parts::{Cursor, EpisodeKey, News};
use crate::state::State;

/// How many parts are taken at once.
const BATCH: usize = 256;

/// The source of one subscriber's live parts.
pub(super) struct Source {
    state: Arc<State>,
    current: Option<Current>,
}

/// The episode that is followed.
struct Current {
    key: EpisodeKey,
    /// Who ran the chat when the episode was chosen.
    worker: Option<WorkerId>,
    feed: Feed,
}

enum Feed {
    /// Nobody runs the chat.
    Nowhere,
    /// This process is about to open the episode.
    Opening,
    /// The episode is here.
    Here(Cursor),
    /// Another process has the episode. The mirror lives as long as it is held.
    There { _mirror: Arc<Mirror>, cursor: Cursor },
}

impl Feed {
    fn cursor(&mut self) -> Option<&mut Cursor> {
        match self {
            Self::Nowhere | Self::Opening => None,
            Self::Here(cursor) | Self::There { cursor, .. } => Some(cursor),
        }
    }
}

impl Source {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state, current: None }
    }

    /// Turns to the episode of the chat as it is now; stays with it where it is the same. Between two
    /// attempts there is none: what the failed one said is void.
    pub(super) fn turn_to(&mut self, chat: &Chat) {
        let speaks = matches!(chat.status, Status::Running | Status::Interrupting)
            && chat.versions.generation_attempt > 0
            && chat.retry_state.is_none();
        if !speaks {
            self.current = None;
            return;
        }
        let key = EpisodeKey {
            chat: chat.id,
            history_version: chat.versions.history,
            generation_attempt: chat.versions.generation_attempt,
        };
        let worker = chat.lease.map(|lease| lease.worker_id);
        let stays = self.current.as_mut().is_some_and(|current| {
            let has_parts = current.feed.cursor().is_some_and(|cursor| cursor.taken() > 0);
            current.key == key && (current.worker == worker || has_parts)
        });
        if !stays {
            self.current = Some(Current { key, worker, feed: self.feed(key, worker) });
        }
    }

    fn feed(&self, key: EpisodeKey, worker: Option<WorkerId>) -> Feed {
        match worker {
            None => Feed::Nowhere,
            Some(worker) if worker == self.state.worker_id => match self.state.episodes.get(key) {
                Some(episode) => Feed::Here(Cursor::new(episode, 0)),
                None => Feed::Opening,
            },
            Some(worker) => {
                let mirror = self.state.relay.mirror(key, worker);
                let cursor = Cursor::new(Arc::clone(mirror.episode()), 0);
                Feed::There { _mirror: mirror, cursor }
            }
        }
    }

    /// True where the parts are those of this call of the model.
    pub(super) fn follows(&self, history_version: u32, generation_attempt: u32) -> bool {
        self.current.as_ref().is_some_and(|current| {
            (current.key.history_version, current.key.generation_attempt) == (history_version, generation_attempt)
        })
    }

    /// Waits for news of the episode. Safe to use in `select!`.
    pub(super) async fn news(&mut self) -> News {
        let Some(current) = &mut self.current else { return std::future::pending().await };
        if matches!(current.feed, Feed::Opening) {
            let episode = self.state.episodes.opened(current.key).await;
            current.feed = Feed::Here(Cursor::new(episode, 0));
        }
        match current.feed.cursor() {
            Some(cursor) => cursor.news().await,
            None => std::future::pending().await,
        }
    }

    /// Takes the next parts that are there; none where all were taken.
    pub(super) fn take(&mut self) -> Vec<Arc<MessagePart>> {
        let cursor = self.current.as_mut().and_then(|current| current.feed.cursor());
        cursor.map(|cursor| cursor.take(BATCH)).unwrap_or_default()
    }
}
