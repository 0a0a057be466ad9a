//! What a subscriber of a chat is sent: a snapshot, then everything as it happens.
//!
//! The loop is level-triggered: hints and a slow poll only say "look"; what is sent follows from
//! comparing the chat's versions with those that the subscriber has seen. It is pulled by the
//! client's reading: a slow client holds nothing but its own stream up.

mod view;

use std::sync::Arc;
use std::time::Duration;

use async_stream::try_stream;

use chatmesh_proto::chat::v1::{MessagePart, StreamChatResponse};
use futures::Stream;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::Status;

use crate::domain::ChatId;
use crate::hints::Listener;
use crate::parts::Episode;
use crate::state::State;
use crate::store::{Since, Snapshot};
use crate::{Error, hints};
use view::View;

/// How often to look when no hint comes.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// What made the loop look.
enum Wake {
    /// The chat may have changed.
    Sync,
    /// Live parts are there.
    Parts,
    /// The process ends.
    Shutdown,
}

/// Follows a chat from after the message `after`.
///
/// # Errors
/// There is no such chat, or the database cannot be used.
pub(crate) async fn stream(
    state: Arc<State>,
    chat: ChatId,
    after: u32,
) -> Result<impl Stream<Item = Result<StreamChatResponse, Status>> + Send + use<>, Error> {
    // Subscribe before reading: what changes in between is then hinted at.
    let hints = Listener::open(&state.bus, hints::about(chat)).await;
    let first = state.store.snapshot(chat, Since::Message(after)).await.map_err(|error| Error::on(chat, error))?;
    let first = first.ok_or(Error::NotFound(chat))?;
    let subscriber = Subscriber::new(state, chat, hints);
    Ok(subscriber.follow(first))
}

struct Subscriber {
    state: Arc<State>,
    chat: ChatId,
    hints: Listener,
    poll: Interval,
    view: View,
    episode: Option<Arc<Episode>>,
    /// How many parts of the episode were sent.
    sent: usize,
}

impl Subscriber {
    fn new(state: Arc<State>, chat: ChatId, hints: Listener) -> Self {
        let mut poll = tokio::time::interval_at(Instant::now() + POLL_INTERVAL, POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        state.metrics.subscribers.inc();
        Self { state, chat, hints, poll, view: View::default(), episode: None, sent: 0 }
    }

    fn follow(mut self, first: Snapshot) -> impl Stream<Item = Result<StreamChatResponse, Status>> + Send + use<> {
        try_stream! {
            for event in self.apply(first) {
                yield event;
            }
            loop {
                match self.wake().await {
                    Wake::Parts => {
                        for part in self.unsent_parts() {
                            yield view::part(self.chat, &part);
                        }
                    }
                    Wake::Sync => {
                        let snapshot = self.read().await?;
                        // What is committed now was said before: nobody misses the end of an answer.
                        for part in self.unsent_parts() {
                            yield view::part(self.chat, &part);
                        }
                        for event in self.apply(snapshot) {
                            yield event;
                        }
                    }
                    Wake::Shutdown => Err(Status::unavailable(
                        "this process ends: connect again with after_message_id = the highest id that you hold",
                    ))?,
                }
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let shutdown = self.state.tasks.shutdown().soft().clone();
        let parts = async {
            match &self.episode {
                Some(episode) => episode.more_than(self.sent).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // What is committed comes before live parts, which it may make void.
            biased;
            () = shutdown.cancelled() => Wake::Shutdown,
            _ = self.hints.next() => Wake::Sync,
            _ = self.poll.tick() => Wake::Sync,
            () = parts => Wake::Parts,
        }
    }

    fn unsent_parts(&mut self) -> Vec<Arc<MessagePart>> {
        let parts = self.episode.as_ref().map(|episode| episode.after(self.sent)).unwrap_or_default();
        self.sent += parts.len();
        parts
    }

    async fn read(&mut self) -> Result<Snapshot, Status> {
        self.poll.reset();
        let snapshot = self.state.store.snapshot(self.chat, self.view.since()).await;
        let snapshot = snapshot.map_err(|_| Status::unavailable("the database is not available: connect again"))?;
        snapshot.ok_or_else(|| Status::not_found("the chat is gone"))
    }

    fn apply(&mut self, snapshot: Snapshot) -> Vec<StreamChatResponse> {
        let versions = snapshot.chat.versions;
        let events = self.view.apply(snapshot, self.sent > 0);
        if self.view.episode_changed() {
            self.sent = 0;
            self.episode = None;
        }
        if self.episode.is_none() && versions.generation_attempt > 0 {
            self.episode = self.state.episodes.find(self.chat, versions.history, versions.generation_attempt);
        }
        events
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.state.metrics.subscribers.dec();
    }
}
