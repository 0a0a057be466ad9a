//! Live parts: what a model says before it is committed.
//!
//! An episode belongs to one model call, `(history_version, generation_attempt)`. The runner
//! appends, subscribers read at their own pace with a cursor: a slow one holds nobody up, and
//! none can miss a part that the episode still has.

use std::sync::Arc;

use chatmesh_proto::chat::v1::MessagePart;
use chatmesh_proto::common::v1::{Part, Role};
use dashmap::DashMap;
use parking_lot::RwLock;
use prost::Message as _;
use tokio::sync::watch;

use crate::convert;
use crate::domain::ChatId;

/// The most bytes of parts that an episode keeps. What comes after is seen when it is committed.
const MAX_EPISODE_BYTES: usize = 16 * 1024 * 1024;

/// The episodes of the chats that this process runs.
#[derive(Debug, Default)]
pub(crate) struct Episodes {
    by_chat: DashMap<ChatId, Arc<Episode>>,
}

impl Episodes {
    /// Opens an episode; an earlier one of the chat is no longer found.
    pub(crate) fn open(&self, chat: ChatId, history_version: u32, generation_attempt: u32) -> Arc<Episode> {
        let episode = Arc::new(Episode {
            history_version,
            generation_attempt,
            parts: RwLock::default(),
            count: watch::Sender::new(0),
        });
        self.by_chat.insert(chat, Arc::clone(&episode));
        episode
    }

    /// Finds the episode of a chat, where it is this one.
    pub(crate) fn find(&self, chat: ChatId, history_version: u32, generation_attempt: u32) -> Option<Arc<Episode>> {
        let episode = self.by_chat.get(&chat)?;
        let same = episode.history_version == history_version && episode.generation_attempt == generation_attempt;
        same.then(|| Arc::clone(&episode))
    }

    /// Forgets the chat: nobody here runs it any more.
    pub(crate) fn close(&self, chat: ChatId) {
        self.by_chat.remove(&chat);
    }
}

/// The parts of one model call.
#[derive(Debug)]
pub(crate) struct Episode {
    history_version: u32,
    generation_attempt: u32,
    parts: RwLock<Parts>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Parts {
    list: Vec<Arc<MessagePart>>,
    bytes: usize,
}

impl Episode {
    /// Appends a part.
    pub(crate) fn push(&self, role: Role, index: u32, part: Part) {
        let mut parts = self.parts.write();
        if parts.bytes > MAX_EPISODE_BYTES {
            return;
        }
        let seq = u32::try_from(parts.list.len()).unwrap_or(u32::MAX).saturating_add(1);
        let part = MessagePart {
            role: role.into(),
            part: Some(convert::public(part)),
            history_version: self.history_version,
            generation_attempt: self.generation_attempt,
            seq,
            index,
        };
        parts.bytes += part.encoded_len();
        parts.list.push(Arc::new(part));
        self.count.send_replace(parts.list.len());
    }

    /// The parts after the first `seen`.
    pub(crate) fn after(&self, seen: usize) -> Vec<Arc<MessagePart>> {
        self.parts.read().list.get(seen..).unwrap_or_default().to_vec()
    }

    /// Waits until there are more parts than `seen`.
    pub(crate) async fn more_than(&self, seen: usize) {
        let mut count = self.count.subscribe();
        // The sender lives as long as `self`.
        let _ = count.wait_for(|count| *count > seen).await;
    }
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};
    use chatmesh_proto::common::v1::ProviderMetadata;
    use chatmesh_proto::common::v1::part::Body;

    use super::*;

    #[tokio::test]
    async fn parts_are_numbered_from_one_and_read_by_cursor() {
        let episodes = Episodes::default();
        let chat = ChatId(SystemIds.next());
        let episode = episodes.open(chat, 3, 1);
        for word in ["a", "b", "c"] {
            let secret = ProviderMetadata { namespace: "anthropic".to_owned(), ..ProviderMetadata::default() };
            let part =
                Part { body: Some(Body::Text(word.to_owned())), provider_metadata: vec![secret], ..Part::default() };
            episode.push(Role::Assistant, 0, part);
        }
        let found = episodes.find(chat, 3, 1).expect("open");
        found.more_than(2).await;
        let seqs: Vec<u32> = found.after(1).iter().map(|part| part.seq).collect();
        assert_eq!(seqs, [2, 3]);
        let leaked = found.after(0).iter().any(|p| !p.part.as_ref().expect("a part").provider_metadata.is_empty());
        assert!(!leaked, "provider metadata never leaves the service");
        assert!(episodes.find(chat, 3, 2).is_none());
        episodes.close(chat);
        assert!(episodes.find(chat, 3, 1).is_none());
    }
}
