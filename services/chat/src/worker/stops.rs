//! Finds the chats of this worker that were stopped by a word which no hint brought: one look for
//! all of them, instead of one for each.

use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::debug;

use super::{STATEMENT_TIMEOUT, Worker};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(5);

impl Worker {
    pub(super) async fn stop_loop(self) {
        let soft = self.state.tasks.shutdown().soft().clone();
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = soft.cancelled() => return,
            }
            if self.slots.len() == 0 {
                continue;
            }
            let looking = self.state.leases.interrupted(self.state.worker_id);
            match tokio::time::timeout(STATEMENT_TIMEOUT, looking).await {
                Ok(Ok(runners)) => self.slots.nudge(&runners),
                Ok(Err(error)) => debug!(%error, "stopped chats could not be looked for"),
                Err(_) => debug!("looking for stopped chats takes too long"),
            }
        }
    }
}
