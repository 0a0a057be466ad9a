//! Goes on with chats whose clients did not hand in the results of their tools in time. All
//! workers look; the row lock lets one of them act.

use chatmesh_core::Backoff;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use super::{STATEMENT_TIMEOUT, Worker};
use crate::domain::ChatId;
use crate::machine::Status;
use crate::store::StoreError;

/// How many chats are looked at at once.
const BATCH: u32 = 50;

impl Worker {
    pub(super) async fn action_loop(self) {
        let stop = self.state.tasks.shutdown().soft().clone();
        let mut poll = tokio::time::interval(self.state.config.poll_interval);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        while !stop.is_cancelled() {
            tokio::select! {
                _ = poll.tick() => {}
                () = stop.cancelled() => return,
            }
            let pause = match tokio::time::timeout(STATEMENT_TIMEOUT, self.sweep()).await {
                Ok(Ok(())) => {
                    backoff.reset();
                    continue;
                }
                Ok(Err(error)) => {
                    warn!(%error, "deadlines of tools of clients could not be looked at");
                    backoff.next_pause()
                }
                Err(_) => {
                    warn!("looking at deadlines of tools of clients takes too long");
                    backoff.next_pause()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// As long as a batch is full of chats to go on with, there may be more.
    async fn sweep(&self) -> Result<(), StoreError> {
        loop {
            let due = self.state.store.expired_actions(self.state.clock.now(), BATCH).await?;
            let is_full = due.len() == BATCH as usize;
            let mut ended = 0;
            for chat in &due {
                match self.cancel_action(*chat).await {
                    Ok(is_ended) => ended += usize::from(is_ended),
                    // One chat that cannot be read holds no others up.
                    Err(error) => warn!(%chat, %error, "a chat cannot go on without its client"),
                }
            }
            if !is_full || ended < due.len() {
                return Ok(());
            }
        }
    }

    /// Returns whether this worker was the one that acted.
    async fn cancel_action(&self, id: ChatId) -> Result<bool, StoreError> {
        match self.state.store.cancel_action(id, self.state.clock.now()).await {
            // It answered, asked for tools again, and has a new deadline.
            Ok(chat) if chat.status == Status::RequiresAction => Ok(false),
            Ok(chat) => {
                info!(chat = %id, "the client's tools did not answer in time");
                self.state.hints.status_changed(&chat).await;
                Ok(true)
            }
            Err(StoreError::Rejected(_) | StoreError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
