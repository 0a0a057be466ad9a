//! Leases runnable chats and runs them.
//!
//! Two loops: one acquires while there is capacity, woken by hints, by chats that ended here,
//! and by a slow poll; the other renews all leases with one statement and ends the runners
//! whose lease is gone.

mod control;
mod runner;

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::domain::{ChatId, RunnerId, WorkerId};
use crate::hints::{self, Listener};
use crate::state::State;
use crate::store::Acquired;
use control::{Cancel, Cause};
use runner::Runner;

/// How many chats are leased at once, so that other workers get some too.
const BATCH: usize = 10;
/// How long the database may take to lease or to renew: a connection that hangs must not hold the
/// loops up for longer than the leases last.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);

/// A worker of this process.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    id: WorkerId,
    state: Arc<State>,
    running: Arc<Mutex<HashMap<ChatId, Held>>>,
    /// How many runners have ended.
    ended: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Clone)]
struct Held {
    runner: RunnerId,
    cancel: Cancel,
}

impl Worker {
    pub(crate) fn new(state: Arc<State>, id: WorkerId) -> Self {
        Self { id, state, running: Arc::default(), ended: Arc::new(watch::Sender::new(0)) }
    }

    /// Starts the loops.
    pub(crate) fn start(&self) {
        let tasks = &self.state.tasks;
        let worker = self.clone();
        tasks.spawn_loop("chat.acquire", async move { worker.acquire_loop().await });
        let worker = self.clone();
        tasks.spawn_loop("chat.heartbeat", async move { worker.heartbeat_loop().await });
    }

    async fn acquire_loop(self) {
        let stop = self.state.tasks.shutdown().soft().clone();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        let mut ended = self.ended.subscribe();
        let mut hints = Listener::open(&self.state.bus, hints::runnable()).await;
        while !stop.is_cancelled() {
            let pause = match self.acquire().await {
                // A full batch: there may be more.
                Ok(true) => Duration::ZERO,
                Ok(false) => {
                    backoff.reset();
                    self.state.config.poll_interval
                }
                Err(error) => {
                    warn!(%error, "no chats could be leased");
                    backoff.next_pause()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = hints.next() => {}
                _ = ended.changed() => {}
                () = stop.cancelled() => {}
            }
        }
        self.hand_over();
    }

    /// Leases as many chats as there is room for. Returns whether a full batch was found.
    async fn acquire(&self) -> Result<bool, crate::StoreError> {
        let room = self.state.config.max_running.saturating_sub(self.running.lock().len()).min(BATCH);
        if room == 0 {
            return Ok(false);
        }
        let runners: Vec<RunnerId> = (0..room).map(|_| RunnerId(self.state.ids.next())).collect();
        let now = self.state.clock.now();
        let stale_after = self.state.config.lease_duration;
        let acquiring = self.state.store.acquire(self.id, &runners, now, stale_after);
        let Ok(acquired) = tokio::time::timeout(STATEMENT_TIMEOUT, acquiring).await else {
            warn!("leasing chats took too long");
            return Ok(false);
        };
        let acquired = acquired?;
        let full = acquired.len() == room;
        for chat in acquired {
            self.run(chat).await;
        }
        Ok(full)
    }

    async fn run(&self, acquired: Acquired) {
        let chat = acquired.chat.id;
        let cancel = Cancel::new();
        let held = Held { runner: acquired.lease.runner_id, cancel: cancel.clone() };
        self.running.lock().insert(chat, held);
        self.state.metrics.running.inc();
        self.state.hints.changed(&acquired.chat).await;
        if self.state.tasks.shutdown().soft().is_cancelled() {
            cancel.cancel(Cause::Shutdown);
        }
        debug!(%chat, "chat leased");
        let entry = Entry { worker: self.clone(), chat, runner: acquired.lease.runner_id };
        let runner = Runner::new(Arc::clone(&self.state), acquired, cancel);
        self.state.tasks.spawn("chat.runner", async move {
            // A bug must not be met again and again, with a paid model call each time.
            if AssertUnwindSafe(runner.run()).catch_unwind().await.is_err() {
                runner.crashed().await;
            }
            drop(entry);
        });
    }

    async fn heartbeat_loop(self) {
        let stop = self.state.tasks.shutdown().hard().clone();
        let soft = self.state.tasks.shutdown().soft().clone();
        let mut tick = tokio::time::interval(self.state.config.heartbeat_interval);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut orphans = HashSet::new();
        let mut ended = self.ended.subscribe();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                _ = ended.changed(), if soft.is_cancelled() => {}
                () = stop.cancelled() => return,
                () = soft.cancelled(), if !soft.is_cancelled() => {}
            }
            if soft.is_cancelled() && self.running.lock().is_empty() {
                return;
            }
            orphans = self.heartbeat(&orphans).await;
        }
    }

    /// Renews the leases and ends the runners that lost theirs. A lease without a runner, left by
    /// one that gave up, is given back the second time that it is seen: the first time it may
    /// belong to a chat whose runner is about to start. Returns such leases.
    async fn heartbeat(&self, orphans: &HashSet<(ChatId, RunnerId)>) -> HashSet<(ChatId, RunnerId)> {
        // Taken before the statement: what is leased meanwhile is not missed by it.
        let registered: Vec<(ChatId, Held)> =
            self.running.lock().iter().map(|(chat, held)| (*chat, held.clone())).collect();
        let renewing = self.state.store.heartbeat(self.id, self.state.clock.now());
        let alive: HashSet<_> = match tokio::time::timeout(STATEMENT_TIMEOUT, renewing).await {
            Ok(Ok(alive)) => alive.into_iter().collect(),
            Err(_) => {
                warn!("renewing leases took too long");
                return HashSet::new();
            }
            Ok(Err(error)) => {
                // The leases hold for a while: only the word of the database ends a turn.
                warn!(%error, "leases were not renewed");
                return HashSet::new();
            }
        };
        for (chat, held) in registered {
            if !alive.contains(&(chat, held.runner)) {
                held.cancel.cancel(Cause::LeaseLost);
            }
        }
        let unheld: HashSet<_> = alive.into_iter().filter(|lease| !self.runs(*lease)).collect();
        for (chat, runner) in unheld.intersection(orphans) {
            match self.state.store.abandon(*chat, *runner, self.state.clock.now()).await {
                Ok(chat) => self.state.hints.changed(&chat).await,
                Err(error) => debug!(%chat, %error, "lease not given back"),
            }
        }
        unheld
    }

    fn runs(&self, (chat, runner): (ChatId, RunnerId)) -> bool {
        self.running.lock().get(&chat).is_some_and(|held| held.runner == runner)
    }

    /// Ends all turns so that other workers can take them up at once.
    fn hand_over(&self) {
        let running = self.running.lock();
        if !running.is_empty() {
            info!(chats = running.len(), "handing running chats over");
        }
        for held in running.values() {
            held.cancel.cancel(Cause::Shutdown);
        }
    }
}

/// Takes a chat off the list when its runner ends, however it ends.
struct Entry {
    worker: Worker,
    chat: ChatId,
    runner: RunnerId,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.worker.running.lock();
        if running.get(&self.chat).is_some_and(|held| held.runner == self.runner) {
            running.remove(&self.chat);
            self.worker.state.episodes.close(self.chat);
        }
        drop(running);
        self.worker.state.metrics.running.dec();
        self.worker.ended.send_modify(|count| *count += 1);
    }
}
