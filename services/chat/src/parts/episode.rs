//! The parts of one model call, and a reader's place in them.

use std::sync::Arc;

use chatmesh_proto::chat::v1::MessagePart;
use chatmesh_proto::common::v1::{Part, Role};
use parking_lot::RwLock;
use prometheus_client::metrics::counter::Counter;
use prost::Message as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{EpisodeKey, coarse};
use crate::convert;

/// The most bytes of parts that an episode keeps. What comes after is seen when it is committed.
const MAX_BYTES: usize = 1024 * 1024;
/// The most parts that an episode keeps, likewise.
pub(super) const MAX_PARTS: usize = 10_000;
/// From how many parts on pieces of a text are joined, so that a long answer is shown to its end.
const COARSE_FROM: usize = MAX_PARTS / 2;

/// A part does not follow the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a live part is missing, doubled or of another model call")]
pub(crate) struct Gap;

/// The parts of one model call.
#[derive(Debug)]
pub(crate) struct Episode {
    key: EpisodeKey,
    parts: RwLock<Parts>,
    progress: watch::Sender<Progress>,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Parts {
    list: Vec<Arc<MessagePart>>,
    bytes: usize,
    /// Pieces that wait for more of their kind.
    joined: Option<MessagePart>,
    /// Something did not fit: nothing is taken any more, so that there is no gap.
    full: bool,
    ended_at: Option<Instant>,
}

/// What readers wait for.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    count: usize,
    ended: bool,
    doubts: u32,
}

impl Episode {
    pub(super) fn new(key: EpisodeKey, dropped: Counter) -> Self {
        Self { key, parts: RwLock::default(), progress: watch::Sender::default(), dropped }
    }

    pub(crate) fn key(&self) -> EpisodeKey {
        self.key
    }

    /// Appends a part, without what only providers may see.
    pub(crate) fn push(&self, role: Role, index: u32, part: Part) {
        let mut piece = MessagePart {
            role: role.into(),
            part: Some(convert::public(part)),
            history_version: self.key.history_version,
            generation_attempt: self.key.generation_attempt,
            seq: 0,
            index,
        };
        let mut parts = self.parts.write();
        if parts.list.len() >= COARSE_FROM {
            if let Some(joined) = parts.joined.take() {
                match coarse::join(joined, piece) {
                    Ok(longer) => piece = longer,
                    Err((before, after)) => {
                        self.append(&mut parts, before);
                        piece = after;
                    }
                }
            }
            if coarse::is_short(&piece) {
                parts.joined = Some(piece);
                return;
            }
        }
        self.append(&mut parts, piece);
    }

    /// Appends a part of an episode that another process has.
    ///
    /// # Errors
    /// It is not the next one; nothing changed.
    pub(super) fn mirror(&self, part: MessagePart) -> Result<(), Gap> {
        let mut parts = self.parts.write();
        let ours =
            (part.history_version, part.generation_attempt) == (self.key.history_version, self.key.generation_attempt);
        if !ours || part.seq != next_seq(&parts) {
            return Err(Gap);
        }
        self.append(&mut parts, part);
        Ok(())
    }

    /// Says that no more parts come. What is pushed later is not shown.
    pub(crate) fn close(&self) {
        let mut parts = self.parts.write();
        if parts.ended_at.is_some() {
            return;
        }
        if let Some(joined) = parts.joined.take() {
            self.append(&mut parts, joined);
        }
        parts.ended_at = Some(Instant::now());
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Says that the episode may not be the current one any more: whoever reads it is to look.
    pub(super) fn doubt(&self) {
        self.progress.send_modify(|progress| progress.doubts += 1);
    }

    /// When the episode ended, where it has.
    pub(crate) fn ended_at(&self) -> Option<Instant> {
        self.parts.read().ended_at
    }

    /// How many parts there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.read().list.len()
    }

    fn append(&self, parts: &mut Parts, mut part: MessagePart) {
        if parts.ended_at.is_some() {
            return;
        }
        parts.full |= parts.list.len() >= MAX_PARTS || parts.bytes > MAX_BYTES;
        if parts.full {
            self.dropped.inc();
            return;
        }
        part.seq = next_seq(parts);
        parts.bytes += part.encoded_len();
        parts.list.push(Arc::new(part));
        let count = parts.list.len();
        self.progress.send_modify(|progress| progress.count = count);
    }
}

fn next_seq(parts: &Parts) -> u32 {
    u32::try_from(parts.list.len()).unwrap_or(u32::MAX).saturating_add(1)
}

/// What a reader of an episode is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// There are parts to take.
    Parts,
    /// All parts were taken, and no more will come.
    Ended,
    /// The episode may not be the current one any more.
    Doubt,
}

/// A reader's place in an episode.
#[derive(Debug)]
pub(crate) struct Cursor {
    episode: Arc<Episode>,
    taken: usize,
    told_end: bool,
    doubts: u32,
}

impl Cursor {
    /// A place after the first `taken` parts.
    pub(crate) fn new(episode: Arc<Episode>, taken: usize) -> Self {
        let doubts = episode.progress.borrow().doubts;
        Self { episode, taken, told_end: false, doubts }
    }

    /// How many parts were taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// Takes the next parts, at most `limit`.
    pub(crate) fn take(&mut self, limit: usize) -> Vec<Arc<MessagePart>> {
        let parts = self.episode.parts.read();
        let rest = parts.list.get(self.taken..).unwrap_or_default();
        let next = rest.get(..limit).unwrap_or(rest).to_vec();
        self.taken += next.len();
        next
    }

    /// Waits for news; the end is told once. Safe to use in `select!`.
    pub(crate) async fn news(&mut self) -> News {
        let mut progress = self.episode.progress.subscribe();
        let (taken, told_end, doubts) = (self.taken, self.told_end, self.doubts);
        let is_news = |now: &Progress| now.count > taken || (now.ended && !told_end) || now.doubts != doubts;
        // The sender lives as long as the episode, which is held here.
        let now = progress.wait_for(is_news).await.map(|now| *now).unwrap_or_default();
        if now.count > self.taken {
            News::Parts
        } else if now.doubts != self.doubts {
            self.doubts = now.doubts;
            News::Doubt
        } else {
            self.told_end = true;
            News::Ended
        }
    }
}
