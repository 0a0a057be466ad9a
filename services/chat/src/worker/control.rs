//! How a runner learns that its turn has to stop.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::{Hint, Listener};
use chatmesh_proto::chat::v1::ChatChanged;
use tokio::time::Instant;

use super::cancel::{Cancel, Cause};
use crate::convert;
use crate::domain::{Chat, RunnerId};
use crate::hints;
use crate::machine::Status;
use crate::state::State;
use crate::store::Acquired;

/// How long to wait before a look that failed is taken again.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Watches one chat for its runner. A hint only makes it look: what counts is the database, read
/// under the runner's own name, so that nothing which concerned an earlier lease ends this one.
pub(super) struct Control {
    state: Arc<State>,
    runner: RunnerId,
    cancel: Cancel,
    hints: Listener,
    /// When to look again after a look that failed.
    retry_at: Option<Instant>,
    chat: Chat,
    /// The chat is to be looked at. It outlives the future that found this out.
    look: bool,
}

impl Control {
    /// Listens first; what changed between the lease and that is found by the first look.
    pub(super) async fn open(state: Arc<State>, acquired: &Acquired, cancel: Cancel) -> Self {
        let chat = acquired.chat.clone();
        let hints = Listener::open(&state.bus, hints::about(chat.id)).await;
        Self { state, runner: acquired.lease.runner_id, cancel, hints, retry_at: None, chat, look: true }
    }

    /// Waits until the turn has to stop.
    pub(super) async fn stopped(&mut self) -> Cause {
        loop {
            if self.look
                && let Some(cause) = self.look().await
            {
                return cause;
            }
            self.look = tokio::select! {
                cause = told(&self.cancel, &self.state) => return cause,
                hint = self.hints.next() => self.is_news(&hint),
                () = self.cancel.nudged() => true,
                () = retry(self.retry_at) => true,
            };
        }
    }

    async fn look(&mut self) -> Option<Cause> {
        let read = tokio::select! {
            biased;
            cause = told(&self.cancel, &self.state) => return Some(cause),
            read = self.state.store.get(self.chat.id) => read,
        };
        self.look = false;
        self.retry_at = read.is_err().then(|| Instant::now() + RETRY_PAUSE);
        let chat = read.ok().flatten()?;
        let cause = self.cause(&chat);
        if chat.versions.snapshot > self.chat.versions.snapshot {
            self.chat = chat;
        }
        cause
    }

    /// False for hints of the past, and for those about what this runner did itself.
    fn is_news(&self, hint: &Hint) -> bool {
        let Hint::Message { payload, .. } = hint else { return true };
        let Some(changed) = hints::read_changed(payload) else { return false };
        let newer = changed.snapshot_version > self.chat.versions.snapshot;
        newer && !self.is_our_own(&changed)
    }

    fn is_our_own(&self, changed: &ChatChanged) -> bool {
        let stopped = changed.status == i32::from(convert::status(Status::Interrupting));
        changed.runner_id == self.runner.to_string() && !stopped
    }

    fn cause(&self, chat: &Chat) -> Option<Cause> {
        match chat.lease {
            Some(lease) if lease.runner_id == self.runner => {
                (chat.status == Status::Interrupting).then_some(Cause::Interrupted)
            }
            Some(_) => Some(Cause::OwnershipLost),
            // An edit takes the lease away and leaves the chat running.
            None if chat.status.needs_worker() => Some(Cause::OwnershipLost),
            // The turn ended, as a rule by its own hand: it is about to return.
            None => None,
        }
    }
}

async fn retry(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits for a word from this process.
async fn told(cancel: &Cancel, state: &State) -> Cause {
    tokio::select! {
        biased;
        cause = cancel.cancelled() => cause,
        () = state.tasks.shutdown().soft().cancelled() => Cause::Shutdown,
    }
}
