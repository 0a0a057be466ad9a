//! Works on one chat under one lease, until there is nothing more to do or the lease is gone.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use tracing::{Instrument as _, debug, info_span, warn};

use super::control::{Cancel, Cause, Control};
use crate::domain::Chat;
use crate::machine::Status;
use crate::service::State;
use crate::store::{Acquired, Fence, StoreError};
use crate::turn::{Partial, Turn};

/// How often a write is tried while the database is away. Together with the pauses this is longer
/// than a database needs to restart, and shorter than the lease.
const WRITE_ATTEMPTS: usize = 10;

pub(crate) struct Runner {
    state: Arc<State>,
    acquired: Acquired,
    cancel: Cancel,
}

/// How a stretch of work ended.
enum Ended {
    /// The chat is as the last transaction left it.
    Went(Result<Chat, StoreError>),
    /// It was stopped.
    Stopped(Cause),
}

impl Runner {
    pub(crate) fn new(state: Arc<State>, acquired: Acquired, cancel: Cancel) -> Self {
        Self { state, acquired, cancel }
    }

    pub(crate) async fn run(self) {
        let runner = self.acquired.lease.runner_id;
        let id = self.acquired.chat.id;
        let mut chat = self.acquired.chat.clone();
        let mut control = Control::new(Arc::clone(&self.state), id, runner, self.cancel.clone()).await;
        let mut partial = Partial::default();
        loop {
            let next = match chat.status {
                Status::Running => match self.work(&chat, &mut control, &mut partial).await {
                    Ended::Went(result) => result,
                    Ended::Stopped(Cause::Interrupted) => self.reread(&chat).await,
                    Ended::Stopped(Cause::Shutdown) => return self.abandon(&chat).await,
                    Ended::Stopped(Cause::LeaseLost) => return,
                },
                Status::Interrupting => self.finish_interruption(&chat, &mut partial).await,
                Status::Waiting | Status::Error | Status::RequiresAction => return,
            };
            // The history may have gone on: then the chat is looked at again.
            let next = match next {
                Err(StoreError::LeaseLost | StoreError::Rejected(_)) => self.reread(&chat).await,
                other => other,
            };
            match next {
                Ok(fresh) if fresh.lease.is_none_or(|lease| lease.runner_id == runner) => chat = fresh,
                Ok(_) | Err(StoreError::LeaseLost | StoreError::NotFound) => return,
                Err(error) => {
                    // Whoever acquires the chat when this lease has expired goes on from the last commit.
                    warn!(chat = %id, %error, "giving a chat up");
                    return;
                }
            }
            if chat.lease.is_none() {
                return;
            }
        }
    }

    async fn work(&self, chat: &Chat, control: &mut Control, partial: &mut Partial) -> Ended {
        let span = info_span!("chat.turn", gen_ai.conversation.id = %chat.id);
        if let Some(traceparent) = &chat.traceparent {
            chatmesh_rpc::trace::adopt_traceparent(&span, traceparent);
        }
        let turn = Turn::new(Arc::clone(&self.state), chat.clone(), self.acquired.lease.runner_id);
        tokio::select! {
            // Stopping comes first, so that a turn with quick steps can be stopped too.
            biased;
            cause = control.stopped() => Ended::Stopped(cause),
            ended = Box::pin(turn.run(partial).instrument(span)) => Ended::Went(ended),
        }
    }

    async fn finish_interruption(&self, chat: &Chat, partial: &mut Partial) -> Result<Chat, StoreError> {
        let messages = std::mem::take(partial).into_interrupted_messages(chat.versions.history);
        let fence = self.fence(chat);
        let finished = self
            .persist(|| {
                let (state, messages) = (Arc::clone(&self.state), messages.clone());
                async move { state.store.finish_interruption(fence, messages, state.clock.now()).await }
            })
            .await?;
        self.state.hints.status_changed(&finished).await;
        Ok(finished)
    }

    async fn abandon(&self, chat: &Chat) {
        let runner = self.acquired.lease.runner_id;
        match self.state.store.abandon(chat.id, runner, self.state.clock.now()).await {
            Ok(chat) => self.state.hints.changed(&chat).await,
            Err(error) => debug!(chat = %chat.id, %error, "lease not given back"),
        }
    }

    async fn reread(&self, chat: &Chat) -> Result<Chat, StoreError> {
        let id = chat.id;
        let fresh = self
            .persist(|| {
                let state = Arc::clone(&self.state);
                async move { state.store.get(id).await }
            })
            .await?;
        fresh.ok_or(StoreError::NotFound)
    }

    /// Tries again while the database is away.
    async fn persist<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        for _ in 1..WRITE_ATTEMPTS {
            match write().await {
                Err(StoreError::Database(error)) => {
                    warn!(%error, "write failed, trying again");
                    tokio::time::sleep(backoff.next_pause()).await;
                }
                other => return other,
            }
        }
        write().await
    }

    fn fence(&self, chat: &Chat) -> Fence {
        Fence {
            chat_id: chat.id,
            runner_id: self.acquired.lease.runner_id,
            history_version: chat.versions.history,
        }
    }
}
