//! Lists the worker where others find it, and says how much more it can take.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::debug;

use super::Worker;
use crate::store::{Room, StoreError};

/// The shortest time between two announcements.
const PAUSE: Duration = Duration::from_millis(250);
/// How long an announcement may take: it is a hint, and the next one comes soon.
const TIMEOUT: Duration = Duration::from_secs(5);
/// After how many lease durations without a word a worker is taken off the list.
const FORGOTTEN_AFTER: u32 = 10;

impl Worker {
    /// Announces the worker until its last turn has ended.
    pub(super) async fn presence_loop(self) {
        let soft = self.state.tasks.shutdown().soft().clone();
        let mut tick = tokio::time::interval(self.state.config.heartbeat_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        let mut free = self.slots.follow();
        self.forget_others().await;
        while !soft.is_cancelled() {
            let room = *free.borrow_and_update();
            self.announce(room).await;
            let earliest = Instant::now() + PAUSE;
            tokio::select! {
                _ = tick.tick() => {}
                _ = free.changed() => {}
                () = soft.cancelled() => {}
            }
            tokio::select! {
                () = tokio::time::sleep_until(earliest) => {}
                () = soft.cancelled() => {}
            }
        }
        // Found by those who follow its chats for as long as it has some, but not by new work.
        self.announce(Room::default()).await;
        while self.slots.len() > 0 && free.changed().await.is_ok() {}
        let leaving = self.state.workers.leave(self.state.worker_id);
        attempt("the worker is still listed", leaving).await;
    }

    async fn announce(&self, room: Room) {
        let state = &self.state;
        let address = state.config.advertise_address.as_deref();
        let now = state.clock.now();
        let announcing = state.workers.announce(state.worker_id, address, room.roots, room.subagents, now);
        attempt("the worker is not announced", announcing).await;
    }

    /// Those that ended without a word.
    async fn forget_others(&self) {
        let before = self.state.clock.now() - self.state.config.lease_duration * FORGOTTEN_AFTER;
        attempt("workers of the past are still listed", self.state.workers.forget(before)).await;
    }
}

async fn attempt<T>(otherwise: &str, writing: impl Future<Output = Result<T, StoreError>>) {
    match tokio::time::timeout(TIMEOUT, writing).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => debug!(%error, "{otherwise}"),
        Err(_) => debug!("{otherwise}: the database takes too long"),
    }
}
