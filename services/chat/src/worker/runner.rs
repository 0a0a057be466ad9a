//! Works on one chat under one lease, until there is nothing more to do or the lease is gone.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_db::DbError;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use tokio::time::Instant;
use tracing::{Instrument as _, debug, info_span, warn};

use super::control::{Cancel, Cause, Control};
use crate::domain::Chat;
use crate::machine::{Rejected, Status};
use crate::state::State;
use crate::store::{Acquired, Fence, StoreError};
use crate::turn::{Answer, Partial, StopReason, Turn};

pub(crate) struct Runner {
    state: Arc<State>,
    acquired: Acquired,
    cancel: Cancel,
}

/// How a stretch of work ended.
enum Ended {
    /// The chat is as the last transaction left it.
    Went(Box<Result<Chat, StoreError>>),
    /// It was stopped.
    Stopped(Cause),
}

impl Runner {
    pub(crate) fn new(state: Arc<State>, acquired: Acquired, cancel: Cancel) -> Self {
        Self { state, acquired, cancel }
    }

    pub(crate) async fn run(&self) {
        let runner = self.acquired.lease.runner_id;
        let id = self.acquired.chat.id;
        let mut chat = self.acquired.chat.clone();
        let mut control = Control::new(Arc::clone(&self.state), id, runner, self.cancel.clone()).await;
        let mut partial = Partial::default();
        loop {
            let next = match chat.status {
                Status::Running => match self.work(&chat, &mut control, &mut partial).await {
                    Ended::Went(result) => *result,
                    Ended::Stopped(Cause::Interrupted) => self.reread(&chat).await,
                    Ended::Stopped(Cause::Shutdown) => return self.abandon(&chat).await,
                    Ended::Stopped(Cause::LeaseLost) => return,
                },
                Status::Interrupting => self.finish_interruption(&chat, &mut partial).await,
                Status::Waiting | Status::Error | Status::RequiresAction => return,
            };
            // What is stored contradicts itself: asking the model again would not mend that.
            if matches!(next, Err(StoreError::Rejected(Rejected::Invalid))) {
                return self.give_up(&self.reread(&chat).await.unwrap_or(chat)).await;
            }
            // The history may have gone on: then the chat is looked at again.
            let next = match next {
                Err(StoreError::LeaseLost | StoreError::Rejected(_)) => self.reread(&chat).await,
                other => other,
            };
            match next {
                // Nothing can be done with the chat as it is: doing it again would be no better.
                Ok(fresh) if fresh == chat && fresh.status == Status::Running => return self.give_up(&chat).await,
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
            ended = Box::pin(turn.run(partial).instrument(span)) => Ended::Went(Box::new(ended)),
        }
    }

    async fn finish_interruption(&self, chat: &Chat, partial: &mut Partial) -> Result<Chat, StoreError> {
        let history = chat.versions.history;
        if !partial.continues(history) {
            // Another runner said it: what it kept is all that there is.
            let kept = self.state.store.kept_step(chat.id, history).await?;
            if let Some(kept) = kept {
                partial.resume(history, &Answer::from_message(kept));
            }
        }
        let messages = std::mem::take(partial).into_stopped_messages(history, StopReason::Interrupted);
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

    /// The runner panicked: the turn ends with an error that says so.
    pub(crate) async fn crashed(&self) {
        let chat = match self.state.store.get(self.acquired.chat.id).await {
            Ok(Some(chat)) if chat.status == Status::Running => chat,
            _ => return,
        };
        self.give_up(&chat).await;
    }

    /// Ends a turn that cannot go on for a reason of the mesh's own.
    async fn give_up(&self, chat: &Chat) {
        let error = GenerationError {
            message: "The turn failed for a reason inside chatmesh; its log has the cause. Send the message again."
                .to_owned(),
            kind: ErrorKind::Generic.into(),
            ..GenerationError::default()
        };
        let now = self.state.clock.now();
        match self.state.store.finish_error(self.fence(chat), Vec::new(), error, now).await {
            Ok(chat) => self.state.hints.status_changed(&chat).await,
            Err(error) => warn!(chat = %chat.id, %error, "the turn could not be ended"),
        }
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

    /// Tries again while the database is away, for as long as the lease is safely held.
    async fn persist<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        let give_up_at = Instant::now() + self.state.config.lease_duration / 2;
        loop {
            match write().await {
                Err(StoreError::Database(error @ DbError::Unavailable(_))) if Instant::now() < give_up_at => {
                    warn!(%error, "the database is away, trying again");
                    tokio::time::sleep(backoff.next_pause()).await;
                }
                other => return other,
            }
        }
    }

    fn fence(&self, chat: &Chat) -> Fence {
        Fence { chat_id: chat.id, runner_id: self.acquired.lease.runner_id, history_version: chat.versions.history }
    }
}
