//! Leases runnable chats and runs them.
//!
//! Four loops. One acquires while there is room, woken by hints, by chats that ended here, and by
//! a slow poll. One renews all leases with one statement and stops the turns whose lease is gone;
//! beside it, whoever has the workspaces is told which of them are used.
//! One tells the other workers how much room there is. One ends the wait for clients' tools that
//! do not answer.

mod acquire;
mod actions;
mod activity;
mod cancel;
mod control;
mod heartbeat;
mod presence;
mod runner;
mod share;
mod slots;
mod stops;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tracing::debug;

use crate::domain::{Chat, RunnerId};
use crate::state::State;
use crate::store::{Acquired, StoreError};
use crate::turn::{Partial, Turn};
use acquire::Acquisition;
use runner::Runner;
use slots::{Place, Slots};

/// How long the database may take to list, to lease or to renew: a connection that hangs must not
/// hold the loops up for longer than the leases last.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);
/// How many chats are handed over at the same time when the process ends.
const HAND_OVERS_AT_ONCE: usize = 8;

/// Runs the turn of a chat that a worker has leased.
#[async_trait]
pub(crate) trait RunTurn: std::fmt::Debug + Send + Sync + 'static {
    /// Runs it to its end. What was not committed when the future is dropped is in `partial`.
    async fn run(&self, chat: Chat, runner: RunnerId, partial: &mut Partial) -> Result<Chat, StoreError>;
}

/// Turns as they are.
#[derive(Debug)]
struct Turns(Arc<State>);

#[async_trait]
impl RunTurn for Turns {
    async fn run(&self, chat: Chat, runner: RunnerId, partial: &mut Partial) -> Result<Chat, StoreError> {
        Turn::new(Arc::clone(&self.0), chat, runner).run(partial).await
    }
}

/// The worker of this process; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    state: Arc<State>,
    turns: Arc<dyn RunTurn>,
    slots: Arc<Slots>,
    hand_overs: Arc<Semaphore>,
}

impl Worker {
    pub(crate) fn new(state: Arc<State>) -> Self {
        let turns = Arc::new(Turns(Arc::clone(&state)));
        Self::with_turns(state, turns)
    }

    fn with_turns(state: Arc<State>, turns: Arc<dyn RunTurn>) -> Self {
        let slots = Slots::new(Arc::clone(&state));
        Self { state, turns, slots, hand_overs: Arc::new(Semaphore::new(HAND_OVERS_AT_ONCE)) }
    }

    /// Starts the loops.
    pub(crate) fn start(&self) {
        let tasks = &self.state.tasks;
        tasks.spawn_loop("chat.acquire", Acquisition::run(self.clone()));
        tasks.spawn_loop("chat.heartbeat", self.clone().heartbeat_loop());
        tasks.spawn_loop("chat.presence", self.clone().presence_loop());
        tasks.spawn_loop("chat.actions", self.clone().action_loop());
        tasks.spawn_loop("chat.stops", self.clone().stop_loop());
    }

    /// Works on a chat until it ends or is lost; its place is free after that, however it ends.
    async fn run(&self, acquired: Acquired, place: Place) {
        debug!(chat = %place.chat, "chat leased");
        self.state.hints.changed(&acquired.chat).await;
        let runner = Runner {
            state: Arc::clone(&self.state),
            turns: Arc::clone(&self.turns),
            hand_overs: Arc::clone(&self.hand_overs),
            acquired,
            cancel: place.cancel.clone(),
            only_ends: place.only_ends,
        };
        self.state.tasks.spawn("chat.runner", async move {
            // A bug must not be met again and again, with a paid model call each time.
            if AssertUnwindSafe(runner.run()).catch_unwind().await.is_err() {
                runner.crashed().await;
            }
            drop(place);
        });
    }
}
