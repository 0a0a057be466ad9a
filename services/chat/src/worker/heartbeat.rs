//! Renews the leases of a worker, all with one statement, and stops the turns that lost theirs.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::{debug, warn};

use super::activity::Activity;
use super::{STATEMENT_TIMEOUT, Worker};
use crate::domain::{ChatId, RunnerId};

type Leases = HashSet<(ChatId, RunnerId)>;

impl Worker {
    /// Goes on through the shutdown, until the last lease was given back.
    pub(super) async fn heartbeat_loop(self) {
        let soft = self.state.tasks.shutdown().soft().clone();
        let mut tick = tokio::time::interval(self.state.config.heartbeat_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut free = self.slots.follow();
        let mut activity = Activity::new(std::sync::Arc::clone(&self.state));
        while !soft.is_cancelled() || self.slots.len() > 0 {
            tokio::select! {
                _ = tick.tick() => {
                    if self.slots.len() > 0 {
                        activity.tell();
                    }
                    self.heartbeat().await;
                }
                () = expiry(self.slots.first_expiry(self.lifetime())) => self.stop_expired(),
                _ = free.changed(), if soft.is_cancelled() => {}
                () = soft.cancelled(), if !soft.is_cancelled() => {}
            }
        }
    }

    /// How old a lease may become before its turn is stopped: others may take the chat an interval later.
    fn lifetime(&self) -> Duration {
        self.state.config.lease_duration.saturating_sub(self.state.config.heartbeat_interval)
    }

    async fn heartbeat(&self) {
        // Asked before the statement: what is leased meanwhile is not missed by it.
        let asked = self.slots.leases();
        let sent_at = Instant::now();
        let answer_by = self
            .slots
            .first_expiry(self.lifetime())
            .map_or(sent_at + STATEMENT_TIMEOUT, |expiry| expiry.min(sent_at + STATEMENT_TIMEOUT));
        self.state.metrics.heartbeats.inc();
        let renewing = self.state.leases.heartbeat(self.state.worker_id, self.state.clock.now());
        let alive: Leases = match tokio::time::timeout_at(answer_by, renewing).await {
            Ok(Ok(alive)) => alive.into_iter().collect(),
            // The leases hold for a while: only the word of the database, or its silence for long, ends a turn.
            Ok(Err(error)) => return warn!(%error, "leases were not renewed"),
            Err(_) => return warn!("renewing leases takes too long"),
        };
        self.slots.renewed(&asked, &alive, sent_at);
        let unheld = alive.into_iter().filter(|lease| !asked.contains(lease) && !self.slots.has(lease.1));
        if tokio::time::timeout(STATEMENT_TIMEOUT, self.give_back(unheld.collect())).await.is_err() {
            warn!("giving leases back takes too long");
        }
    }

    /// Leases without a runner: theirs gave up, or the answer to the lease was lost.
    async fn give_back(&self, unheld: Vec<(ChatId, RunnerId)>) {
        for (chat, runner) in unheld {
            match self.state.leases.abandon(chat, runner, self.state.clock.now()).await {
                Ok(chat) => self.state.hints.changed(&chat).await,
                Err(error) => debug!(%chat, %error, "lease not given back"),
            }
        }
    }

    fn stop_expired(&self) {
        let turns = self.slots.stop_expired(self.lifetime(), Instant::now());
        if turns > 0 {
            warn!(turns, "leases could not be renewed in time: their turns are stopped");
        }
    }
}

async fn expiry(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
