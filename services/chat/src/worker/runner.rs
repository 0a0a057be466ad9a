//! Works on one chat under one lease, until there is nothing more to do or the lease is gone.

use std::sync::Arc;

use chatmesh_db::DbError;
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, debug, error, info, info_span, warn};

use super::RunTurn;
use super::cancel::{Cancel, Cause};
use super::control::Control;
use crate::domain::{Chat, RunnerId};
use crate::machine::{Rejected, Status};
use crate::state::State;
use crate::store::{Acquired, Fence, StoreError};
use crate::turn::{Abandoned, Answer, Partial, StopReason, end_commands, persist};

pub(super) struct Runner {
    pub(super) state: Arc<State>,
    pub(super) turns: Arc<dyn RunTurn>,
    pub(super) hand_overs: Arc<Semaphore>,
    pub(super) acquired: Acquired,
    pub(super) cancel: Cancel,
    /// There is room to end what was stopped; what waits behind it is anybody's.
    pub(super) only_ends: bool,
}

/// How a stretch of work ended.
enum Ended {
    /// The chat is as the last transaction left it.
    Went(Box<Result<Chat, StoreError>>),
    /// It was stopped.
    Stopped(Cause),
}

impl Runner {
    pub(super) async fn run(&self) {
        let mut control = Control::open(Arc::clone(&self.state), &self.acquired, self.cancel.clone()).await;
        let mut chat = self.acquired.chat.clone();
        let mut partial = Partial::default();
        while self.holds(&chat) {
            let next = match chat.status {
                Status::Running if self.only_ends => return self.abandon(&chat).await,
                Status::Running => match self.turn(&chat, &mut control, &mut partial).await {
                    Ended::Went(result) => *result,
                    Ended::Stopped(Cause::Interrupted) => self.reread(&chat).await,
                    Ended::Stopped(Cause::Deadline) => self.time_out(&chat, &mut partial).await,
                    Ended::Stopped(Cause::Shutdown) => match self.reread(&chat).await {
                        // Its user was faster: only this runner knows what was said.
                        Ok(fresh) if fresh.status == Status::Interrupting => Ok(fresh),
                        _ => return self.abandon(&chat).await,
                    },
                    Ended::Stopped(Cause::OwnershipLost) => return,
                },
                Status::Interrupting => {
                    self.finish_interruption(&chat, &mut partial).instrument(turn_span(&chat)).await
                }
                Status::Waiting | Status::Error | Status::RequiresAction => return,
            };
            match self.go_on(&chat, next, &mut partial).await {
                Some(fresh) => chat = fresh,
                None => return,
            }
        }
    }

    /// The chat to go on with. `None` where there is nothing more to do for this runner.
    async fn go_on(&self, chat: &Chat, next: Result<Chat, StoreError>, partial: &mut Partial) -> Option<Chat> {
        let next = match next {
            // The history may have gone on: then the chat is looked at again.
            Err(StoreError::LeaseLost) => self.look_again(chat).await,
            Err(StoreError::Rejected(rejected)) if rejected != Rejected::Invalid => self.look_again(chat).await,
            other => other,
        };
        match next {
            // Nothing can be done with the chat as it is: doing it again would be no better.
            Ok(fresh) if fresh == *chat && fresh.status == Status::Running => {
                warn!(chat = %chat.id, "a turn ended and left its chat as it was");
                self.give_up(chat, partial).await;
            }
            Ok(fresh) => return Some(fresh),
            // What is stored contradicts itself: asking the model again would not mend that.
            // The same goes for what cannot be stored: the model would be asked for it for ever.
            Err(
                error @ (StoreError::Rejected(_)
                | StoreError::Database(
                    DbError::Inconsistent { .. } | DbError::Text(_) | DbError::Unique(_) | DbError::Driver(_),
                )),
            ) => {
                // The text of such an error does not say what the database said.
                error!(chat = %chat.id, ?error, "a turn cannot go on");
                let fresh = self.reread(chat).await;
                self.give_up(fresh.as_ref().unwrap_or(chat), partial).await;
            }
            Err(StoreError::LeaseLost | StoreError::NotFound) => {}
            Err(error) => {
                warn!(chat = %chat.id, %error, "giving a chat up");
                // Otherwise the next heartbeat gives the lease back: not at once, because whoever
                // acquired the chat would meet the same error.
                if self.state.tasks.shutdown().soft().is_cancelled() {
                    self.abandon(chat).await;
                }
            }
        }
        None
    }

    async fn turn(&self, chat: &Chat, control: &mut Control, partial: &mut Partial) -> Ended {
        let span = turn_span(chat);
        let deadline = Instant::now() + self.state.config.max_turn_duration;
        tokio::select! {
            // Stopping comes first, so that a turn with quick steps can be stopped too.
            biased;
            cause = control.stopped() => Ended::Stopped(cause),
            () = tokio::time::sleep_until(deadline) => Ended::Stopped(Cause::Deadline),
            ended = self.turns.run(chat.clone(), self.name(), partial).instrument(span) => {
                Ended::Went(Box::new(ended))
            }
        }
    }

    async fn finish_interruption(&self, chat: &Chat, partial: &mut Partial) -> Result<Chat, StoreError> {
        let history = chat.versions.history;
        if !partial.continues(history) {
            // Another runner said it: what it kept is all that there is.
            let kept = persist(&self.state, || self.state.store.kept_step(chat.id, history)).await?;
            if let Some(kept) = kept {
                partial.resume(history, &Answer::from_message(kept.answer), kept.workspace_id);
            }
        }
        let at_work = partial.commands_at_work(history);
        let messages = std::mem::take(partial).into_stopped_messages(history, StopReason::Interrupted);
        let fence = self.fence(chat);
        let finish = || self.state.store.finish_interruption(fence, messages.clone(), self.state.clock.now());
        let finished = persist(&self.state, finish).await;
        self.end_abandoned(chat, at_work, &finished).await;
        let finished = finished?;
        self.state.hints.status_changed(&finished).await;
        Ok(finished)
    }

    /// Ends the commands of an interrupted turn once their results are in the history, and not before: a call without
    /// a result would be made again. Where it is not known what was written, the history tells: while a chat is being
    /// interrupted, only the end of the interruption and an edit that forgets the calls move it.
    async fn end_abandoned(&self, chat: &Chat, at_work: Option<Abandoned>, finished: &Result<Chat, StoreError>) {
        let Some(at_work) = at_work else { return };
        let is_over = match finished {
            Ok(_) => true,
            Err(_) => self.reread(chat).await.is_ok_and(|fresh| fresh.versions.history != chat.versions.history),
        };
        if is_over {
            end_commands(&self.state, chat, at_work);
        }
    }

    /// The turn took too long. What was said is kept.
    async fn time_out(&self, chat: &Chat, partial: &mut Partial) -> Result<Chat, StoreError> {
        let chat = self.reread(chat).await?;
        if chat.status != Status::Running || !self.holds(&chat) {
            return Ok(chat);
        }
        let limit = self.state.config.max_turn_duration;
        info!(chat = %chat.id, ?limit, "the turn took too long");
        let error = GenerationError {
            message: format!(
                "The turn took longer than {} seconds and was ended. Send a message to go on from here.",
                limit.as_secs()
            ),
            kind: ErrorKind::Timeout.into(),
            ..GenerationError::default()
        };
        // Its user may stop it while this is written: then the interruption still has what was said.
        let said = partial.clone().into_stopped_messages(chat.versions.history, StopReason::Failed);
        let fence = self.fence(&chat);
        let finish = || self.state.store.finish_error(fence, said.clone(), error.clone(), self.state.clock.now());
        let finished = persist(&self.state, finish).await?;
        *partial = Partial::default();
        self.state.hints.status_changed(&finished).await;
        Ok(finished)
    }

    /// The runner panicked: the turn ends, with an error that says so.
    pub(super) async fn crashed(&self) {
        let Ok(chat) = self.reread(&self.acquired.chat).await else { return };
        match chat.status {
            Status::Running => self.give_up(&chat, &mut Partial::default()).await,
            Status::Interrupting => {
                let partial = self.recall(&chat, Partial::default()).await;
                let history = chat.versions.history;
                let at_work = partial.commands_at_work(history);
                let said = partial.into_stopped_messages(history, StopReason::Interrupted);
                let now = self.state.clock.now();
                let finished = self.state.store.finish_interruption(self.fence(&chat), said, now).await;
                self.end_abandoned(&chat, at_work, &finished).await;
                self.ended(&chat, finished).await;
            }
            Status::Waiting | Status::Error | Status::RequiresAction => {}
        }
    }

    /// Ends a turn that cannot go on for a reason of the mesh's own.
    async fn give_up(&self, chat: &Chat, partial: &mut Partial) {
        let error = GenerationError {
            message: "The turn failed for a reason inside chatmesh; its log has the cause. Send the message again."
                .to_owned(),
            kind: ErrorKind::Generic.into(),
            ..GenerationError::default()
        };
        let partial = self.recall(chat, std::mem::take(partial)).await;
        let said = partial.into_stopped_messages(chat.versions.history, StopReason::Failed);
        let now = self.state.clock.now();
        let mut finished = self.state.store.finish_error(self.fence(chat), said, error.clone(), now).await;
        if matches!(finished, Err(StoreError::Database(_))) {
            // It may be what was kept that cannot be stored: a turn that ends without it ends at least.
            finished = self.state.store.finish_error(self.fence(chat), Vec::new(), error, now).await;
        }
        self.ended(chat, finished).await;
    }

    /// What was said and not committed: here, or by a runner before whose answer was kept.
    async fn recall(&self, chat: &Chat, mut partial: Partial) -> Partial {
        let history = chat.versions.history;
        if !partial.continues(history)
            && let Ok(Some(kept)) = self.state.store.kept_step(chat.id, history).await
        {
            partial.resume(history, &Answer::from_message(kept.answer), kept.workspace_id);
        }
        partial
    }

    async fn ended(&self, chat: &Chat, finished: Result<Chat, StoreError>) {
        match finished {
            Ok(chat) => self.state.hints.status_changed(&chat).await,
            Err(error) => warn!(chat = %chat.id, %error, "the turn could not be ended"),
        }
    }

    /// Gives the lease back with the work undone, and says so, so that others take it up at once.
    async fn abandon(&self, chat: &Chat) {
        // Hundreds of turns end together with their process: the database is not asked for all at
        // once. The semaphore is never closed.
        let _turn = self.hand_overs.acquire().await;
        let abandon = || self.state.leases.abandon(chat.id, self.name(), self.state.clock.now());
        match persist(&self.state, abandon).await {
            Ok(chat) => self.state.hints.changed(&chat).await,
            Err(error) => debug!(chat = %chat.id, %error, "lease not given back"),
        }
    }

    /// The chat after a write that was refused. A write whose answer was lost may have ended the turn: then nobody
    /// has been told of it.
    async fn look_again(&self, chat: &Chat) -> Result<Chat, StoreError> {
        let fresh = self.reread(chat).await?;
        if !self.holds(&fresh) && fresh.versions.snapshot > chat.versions.snapshot {
            self.state.hints.status_changed(&fresh).await;
            if fresh.status == Status::RequiresAction {
                self.state.hints.listed(&fresh, WatchKind::ActionRequired).await;
            }
        }
        Ok(fresh)
    }

    async fn reread(&self, chat: &Chat) -> Result<Chat, StoreError> {
        persist(&self.state, || self.state.store.get(chat.id)).await?.ok_or(StoreError::NotFound)
    }

    /// The lease under which this runner works.
    fn name(&self) -> RunnerId {
        self.acquired.lease.runner_id
    }

    fn holds(&self, chat: &Chat) -> bool {
        chat.lease.is_some_and(|lease| lease.runner_id == self.name())
    }

    fn fence(&self, chat: &Chat) -> Fence {
        Fence { chat_id: chat.id, runner_id: self.name(), history_version: chat.versions.history }
    }
}

/// A span in the trace of the message that is worked on.
fn turn_span(chat: &Chat) -> Span {
    let span = info_span!("chat.turn", gen_ai.conversation.id = %chat.id);
    if let Some(traceparent) = &chat.traceparent {
        chatmesh_rpc::trace::adopt_traceparent(&span, traceparent);
    }
    span
}
