//! One subscriber of a chat.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::{Hint, Listener};
use chatmesh_proto::chat::v1::StreamChatResponse;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tonic::Status;

use super::outbox::{End, Outbox};
use super::read;
use super::source::Source;
use super::view::{self, Look, View};
use crate::domain::ChatId;
use crate::hints;
use crate::parts::News;
use crate::state::State;

/// How often to look when no hint comes.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// What the loop does next.
enum Wake {
    /// The chat may have changed.
    Look,
    /// Live parts are there.
    Parts,
}

pub(super) struct Subscriber {
    state: Arc<State>,
    chat: ChatId,
    hints: Listener,
    poll: Interval,
    view: View,
    source: Source,
}

impl Subscriber {
    pub(super) fn new(state: Arc<State>, chat: ChatId, hints: Listener) -> Self {
        let mut poll = tokio::time::interval_at(Instant::now() + POLL_INTERVAL, POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        state.metrics.subscribers.inc();
        let source = Source::new(Arc::clone(&state));
        Self { state, chat, hints, poll, view: View::default(), source }
    }

    /// Sends what there is and what happens, until somebody ends it.
    pub(super) async fn run(mut self, first: Look, outbox: &Outbox<StreamChatResponse>) -> End {
        let stop = self.state.tasks.shutdown().soft().clone();
        tokio::select! {
            biased;
            () = outbox.left() => End::Left,
            () = stop.cancelled() => End::Failed(Status::unavailable(
                "this process ends: connect again with after_message_id = the highest id that you hold",
            )),
            ended = self.follow(first, outbox) => match ended {
                Ok(never) => match never {},
                Err(end) => end,
            },
        }
    }

    async fn follow(&mut self, first: Look, outbox: &Outbox<StreamChatResponse>) -> Result<Infallible, End> {
        self.show(first, outbox).await?;
        loop {
            match self.wake().await {
                Wake::Parts => self.send_parts(outbox).await?,
                Wake::Look => {
                    self.poll.reset();
                    let look = read::next(&self.state, self.chat, &self.view).await?;
                    self.show(look, outbox).await?;
                }
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        loop {
            tokio::select! {
                // What is committed comes before live parts, which it may make void.
                biased;
                hint = self.hints.next() => if self.is_news(&hint) { return Wake::Look },
                _ = self.poll.tick() => return Wake::Look,
                news = self.source.news() => return match news {
                    News::Parts => Wake::Parts,
                    // The hint about what came after may be lost.
                    News::Ended | News::Doubt => Wake::Look,
                },
            }
        }
    }

    /// Hints come late, twice and in any order: most of them are about what was seen already.
    fn is_news(&self, hint: &Hint) -> bool {
        let Hint::Message { payload, .. } = hint else { return true };
        hints::read_changed(payload).is_none_or(|changed| self.view.is_older_than(changed.snapshot_version))
    }

    async fn show(&mut self, look: Look, outbox: &Outbox<StreamChatResponse>) -> Result<(), End> {
        if self.view.is_older_than(look.snapshot.chat.versions.snapshot) {
            if self.completes_parts(&look) {
                self.send_parts(outbox).await?;
            }
            let chat = look.snapshot.chat.clone();
            for event in self.view.apply(look) {
                outbox.send(event).await?;
            }
            self.source.turn_to(&chat);
        }
        Ok(())
    }

    /// True where the parts that were not sent yet are said and not void: nobody misses the end of an answer.
    fn completes_parts(&self, look: &Look) -> bool {
        let versions = look.snapshot.chat.versions;
        let goes_on = self.source.follows(versions.history, versions.generation_attempt);
        !look.reset && look.snapshot.chat.retry_state.is_none() && (goes_on || view::has_answer(&look.snapshot))
    }

    async fn send_parts(&mut self, outbox: &Outbox<StreamChatResponse>) -> Result<(), End> {
        loop {
            let parts = self.source.take();
            if parts.is_empty() {
                return Ok(());
            }
            self.view.previewed();
            for part in parts {
                outbox.send(view::part(self.chat, &part)).await?;
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.state.metrics.subscribers.dec();
    }
}
