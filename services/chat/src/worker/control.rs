//! Why a turn is stopped, and how a runner learns of it.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::Hint;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

use crate::domain::{Chat, ChatId, RunnerId};
use crate::hints::{self, Listener};
use crate::machine::Status;
use crate::state::State;

/// How often a runner looks at its chat when no hint comes.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Why a turn is stopped. The causes are kept apart: only an interrupted turn keeps its partial answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its user asked for it.
    Interrupted,
    /// The process ends: another worker goes on.
    Shutdown,
    /// The lease is somebody else's: nothing may be written any more.
    LeaseLost,
}

/// Stops a turn from outside of it; the first cause counts.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(Arc<watch::Sender<Option<Cause>>>);

impl Cancel {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    pub(crate) fn cancel(&self, cause: Cause) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(cause);
            first
        });
    }

    async fn cancelled(&self) -> Cause {
        let mut cause = self.0.subscribe();
        match cause.wait_for(Option::is_some).await {
            Ok(cause) => cause.unwrap_or(Cause::LeaseLost),
            Err(_) => Cause::LeaseLost,
        }
    }
}

/// Watches one chat for its runner.
pub(crate) struct Control {
    state: Arc<State>,
    chat: ChatId,
    runner: RunnerId,
    cancel: Cancel,
    hints: Listener,
    poll: Interval,
    /// A hint was heard and the database not looked at yet. It outlives the future that heard it.
    look: bool,
}

impl Control {
    pub(crate) async fn new(state: Arc<State>, chat: ChatId, runner: RunnerId, cancel: Cancel) -> Self {
        let hints = Listener::open(&state.bus, hints::about(chat)).await;
        let mut poll = tokio::time::interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        poll.reset();
        Self { state, chat, runner, cancel, hints, poll, look: false }
    }

    /// Waits until the turn has to stop. A hint or the poll only makes it look: what counts is the database.
    pub(crate) async fn stopped(&mut self) -> Cause {
        loop {
            if self.look {
                // A read that fails is made again at the next poll.
                let read = self.state.store.get(self.chat).await;
                self.look = false;
                if let Ok(Some(chat)) = read
                    && let Some(cause) = self.cause(&chat)
                {
                    return cause;
                }
            }
            self.look = tokio::select! {
                cause = self.cancel.cancelled() => return cause,
                hint = self.hints.next() => self.concerns_us(&hint),
                _ = self.poll.tick() => true,
            };
        }
    }

    /// Most hints are about what this runner did itself.
    fn concerns_us(&self, hint: &Hint) -> bool {
        let Hint::Message { payload, .. } = hint else { return true };
        let Some(changed) = hints::read_changed(payload) else { return false };
        let ours = changed.runner_id == self.runner.to_string();
        !ours || changed.status == i32::from(crate::convert::status(Status::Interrupting))
    }

    fn cause(&self, chat: &Chat) -> Option<Cause> {
        if chat.lease.is_none_or(|lease| lease.runner_id != self.runner) {
            return Some(Cause::LeaseLost);
        }
        (chat.status == Status::Interrupting).then_some(Cause::Interrupted)
    }
}
