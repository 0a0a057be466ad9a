//! The paths that the tool calls of chats have touched, which is how the agent knows in which
//! repositories a chat works.

mod recent;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::chat::ChatId;
use recent::Recent;

/// How many chats are remembered; each takes 256 paths at most.
const MAX_CHATS: usize = 512;

/// What chats have touched, in memory only; clones share it.
///
/// What a chat touches counts for all chats that it descends from as well, and for callers
/// without a chat, who see everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    inner: Arc<Mutex<Chats>>,
}

#[derive(Debug, Default)]
struct Chats {
    /// Under `None` stands what any chat, or none, has touched.
    known: HashMap<Option<ChatId>, Chat>,
    /// Grows with each use, so that the chat that was not used for longest is known.
    clock: u64,
}

#[derive(Debug, Default)]
struct Chat {
    /// Who a chat descends from does not change, so one call that says it is enough.
    ancestors: Vec<ChatId>,
    paths: watch::Sender<Recent>,
    used: u64,
}

impl Touched {
    /// Remembers which chats the chat of a call descends from.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the call names its chats wrongly.
    pub(crate) fn learn(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let ancestors = ChatId::ancestors_from_metadata(metadata)?;
        if let (Some(chat), false) = (ChatId::from_metadata(metadata)?, ancestors.is_empty()) {
            self.inner.lock().chat(Some(chat)).ancestors = ancestors;
        }
        Ok(())
    }

    /// Notes that a tool call of `chat` has touched a file or directory, or that something in it may
    /// have changed: those who watch look again, also where the path is an old one.
    pub(crate) fn touch(&self, chat: Option<&ChatId>, path: &Path) {
        let mut chats = self.inner.lock();
        let mut concerned = vec![None];
        if let Some(chat) = chat {
            let ancestors = chats.chat(Some(chat.clone())).ancestors.clone();
            concerned.extend(ancestors.into_iter().chain([chat.clone()]).map(Some));
        }
        for chat in concerned {
            chats.chat(chat).paths.send_modify(|paths| paths.add(path));
        }
    }

    /// Follows what `chat` touches.
    pub(crate) fn subscribe(&self, chat: Option<&ChatId>) -> Subscription {
        Subscription { paths: self.inner.lock().chat(chat.cloned()).paths.subscribe() }
    }
}

impl Chats {
    fn chat(&mut self, id: Option<ChatId>) -> &mut Chat {
        self.clock += 1;
        if self.known.len() >= MAX_CHATS && !self.known.contains_key(&id) {
            self.forget_one();
        }
        let chat = self.known.entry(id).or_default();
        chat.used = self.clock;
        chat
    }

    /// Forgets the chat that was not used for longest and that nobody watches.
    fn forget_one(&mut self) {
        let unwatched = self.known.iter().filter(|(_, chat)| chat.paths.receiver_count() == 0);
        if let Some(id) = unwatched.min_by_key(|(_, chat)| chat.used).map(|(id, _)| id.clone()) {
            self.known.remove(&id);
        }
    }
}

/// Follows what a chat touches. It exists before anything is read from it, so nothing that is
/// touched in between is missed.
#[derive(Debug)]
pub(crate) struct Subscription {
    paths: watch::Receiver<Recent>,
}

impl Subscription {
    /// The paths up to now, in the order in which they were last touched.
    pub(crate) fn paths(&mut self) -> Vec<PathBuf> {
        self.paths.borrow_and_update().iter().cloned().collect()
    }

    /// Waits until something was touched that [`Subscription::paths`] has not seen.
    pub(crate) async fn changed(&mut self) {
        if self.paths.changed().await.is_err() {
            // The chat was forgotten while nobody else knew it; there is nothing to come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn metadata(chat: &str, ancestors: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("chatmesh-chat-id", chat.parse().expect("value"));
        metadata.insert("chatmesh-ancestor-chat-ids", ancestors.parse().expect("value"));
        metadata
    }

    fn paths(touched: &Touched, chat: Option<&str>) -> Vec<String> {
        let paths = touched.subscribe(chat.map(ChatId::for_test).as_ref()).paths();
        paths.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn what_a_chat_touches_counts_for_its_ancestors_and_not_for_other_chats() {
        let touched = Touched::default();
        touched.learn(&metadata("child", "parent,grandparent")).expect("valid");
        touched.learn(&metadata("child", "")).expect("a call that does not say it takes nothing back");
        touched.touch(Some(&ChatId::for_test("child")), Path::new("/c"));
        touched.touch(Some(&ChatId::for_test("parent")), Path::new("/p"));
        touched.touch(None, Path::new("/n"));
        assert_eq!(paths(&touched, Some("child")), ["/c"]);
        assert_eq!(paths(&touched, Some("parent")), ["/c", "/p"]);
        assert_eq!(paths(&touched, Some("grandparent")), ["/c"]);
        assert_eq!(paths(&touched, Some("stranger")), Vec::<String>::new());
        assert_eq!(paths(&touched, None), ["/c", "/p", "/n"]);
        assert!(touched.learn(&metadata("child", "a,,b")).is_err());
    }

    /// G01
    #[test]
    fn g01_a_path_that_is_touched_between_subscribing_and_reading_is_seen_at_once_and_later_ones_wake() {
        let touched = Touched::default();
        let chat = ChatId::for_test("c");
        let mut subscription = touched.subscribe(Some(&chat));
        touched.touch(Some(&chat), Path::new("/between"));
        assert!(subscription.changed().now_or_never().is_some(), "the wake-up is not lost");
        assert_eq!(subscription.paths(), [Path::new("/between")]);
        assert!(subscription.changed().now_or_never().is_none());
        touched.touch(Some(&chat), Path::new("/between"));
        assert!(subscription.changed().now_or_never().is_some(), "an old path wakes as well");
        assert_eq!(subscription.paths(), [Path::new("/between")]);
    }

    #[test]
    fn chats_are_bounded_and_those_that_are_watched_are_kept() {
        let touched = Touched::default();
        let watched = ChatId::for_test("watched");
        let mut subscription = touched.subscribe(Some(&watched));
        for number in 0..2 * MAX_CHATS {
            touched.touch(Some(&ChatId::for_test(&number.to_string())), Path::new("/p"));
        }
        assert_eq!(touched.inner.lock().known.len(), MAX_CHATS);
        touched.touch(Some(&watched), Path::new("/w"));
        assert_eq!(subscription.paths(), [Path::new("/w")]);
        assert_eq!(paths(&touched, Some(&(2 * MAX_CHATS - 1).to_string())), ["/p"]);
        assert_eq!(paths(&touched, Some("0")), Vec::<String>::new());
    }
}
