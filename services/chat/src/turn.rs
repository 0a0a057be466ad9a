//! A turn: from a user's message to the model's last word.
//!
//! Each step asks the model once, runs the tools that it asked for, all at the same time, and
//! commits the answer and the results in one transaction. The answer is kept while the tools
//! run: a worker that takes the chat over in that time runs the tools again under the same
//! idempotency keys, which yields the first outcomes, and does not ask the model twice.

mod answer;
mod generate;
mod markers;
mod partial;
mod prompt;
mod retry;
mod tools;

use std::sync::Arc;
use std::time::Instant;

use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Role, ToolDefinition};
use tracing::{Instrument as _, info, info_span};

pub(crate) use answer::Answer;
pub(crate) use markers::cleared_context;
pub(crate) use partial::{Partial, StopReason};

use crate::domain::{Chat, NewMessage, RunnerId};
use crate::machine::Status;
use crate::state::State;
use crate::store::{Fence, StoreError};
use generate::Generated;
use prompt::Prompt;

/// A turn of one chat under one lease.
pub(crate) struct Turn {
    state: Arc<State>,
    chat: Chat,
    runner: RunnerId,
}

/// What a step leads to.
enum Next {
    /// Ask the model again.
    Continue,
    /// The turn is over, and the chat is as the last transaction left it.
    Over(Box<Chat>),
}

impl Turn {
    pub(crate) fn new(state: Arc<State>, chat: Chat, runner: RunnerId) -> Self {
        Self { state, chat, runner }
    }

    /// Runs the turn to its end, or to the end of what may be done in one turn. What was not
    /// committed when the future is dropped is in `partial`.
    pub(crate) async fn run(mut self, partial: &mut Partial) -> Result<Chat, StoreError> {
        let offered = match tools::list(&self.state, &self.chat).await {
            Ok(offered) => offered,
            Err(error) => return self.fail(error, partial).await,
        };
        let history = self.state.store.prompt_messages(self.chat.id).await?;
        let mut prompt = Prompt::new(&self.chat, &offered.workspace_context, history);
        for step in 1..=self.state.config.max_steps {
            let span = info_span!("chat.step", chat.step = step);
            match self.step(&mut prompt, &offered.tools, partial).instrument(span).await? {
                Next::Continue => {}
                Next::Over(chat) => return Ok(*chat),
            }
        }
        info!(chat = %self.chat.id, "the most steps of a turn are done");
        self.finish().await
    }

    async fn step(
        &mut self,
        prompt: &mut Prompt,
        tools: &[ToolDefinition],
        partial: &mut Partial,
    ) -> Result<Next, StoreError> {
        let kept = self.state.store.kept_step(self.chat.id, self.chat.versions.history).await?;
        let answer = match kept {
            Some(message) => {
                let answer = Answer::from_message(message);
                partial.resume(self.chat.versions.history, &answer);
                answer
            }
            None => match generate::generate(&mut *self, prompt, tools, partial).await? {
                Generated::Answer(answer) => self.keep(answer).await?,
                Generated::Failed(error) => return self.fail(error, partial).await.map(over),
            },
        };
        if answer.is_empty() {
            return match answer.finish_reason {
                FinishReason::ContentFilter => self.fail(content_filtered(), partial).await.map(over),
                _ => self.finish().await.map(over),
            };
        }
        let calls = answer.local_calls();
        let results = tools::run(&self.state, &self.chat, &calls, answer.finish_reason, partial).await;
        let goes_on = answer.goes_on();
        let messages = answer.into_messages(results);
        self.commit(messages, prompt).await?;
        *partial = Partial::default();
        if goes_on { Ok(Next::Continue) } else { self.finish().await.map(over) }
    }

    /// Keeps an answer that asks for tools before they run.
    async fn keep(&mut self, answer: Answer) -> Result<Answer, StoreError> {
        if !answer.local_calls().is_empty() {
            let fence = self.fence();
            self.chat = self.state.store.record_step(fence, &answer.message, self.state.clock.now()).await?;
        }
        Ok(answer)
    }

    async fn commit(&mut self, messages: Vec<NewMessage>, prompt: &mut Prompt) -> Result<(), StoreError> {
        let began = Instant::now();
        let span = info_span!("chat.persist");
        let fence = self.fence();
        let now = self.state.clock.now();
        let (chat, committed) = self.state.store.commit_step(fence, messages, now).instrument(span).await?;
        self.chat = chat;
        prompt.extend(committed);
        self.state.metrics.steps.inc();
        self.state.hints.changed(&self.chat).await;
        tracing::debug!(took = ?began.elapsed(), "step committed");
        Ok(())
    }

    async fn finish(&mut self) -> Result<Chat, StoreError> {
        let chat = self.state.store.finish_turn(self.fence(), self.state.clock.now()).await?;
        self.announce_end(&chat).await;
        Ok(chat)
    }

    async fn fail(&mut self, error: GenerationError, partial: &mut Partial) -> Result<Chat, StoreError> {
        info!(chat = %self.chat.id, kind = error.kind, "turn failed: {}", error.message);
        let said = std::mem::take(partial).into_stopped_messages(self.chat.versions.history, StopReason::Failed);
        let now = self.state.clock.now();
        let chat = self.state.store.finish_error(self.fence(), said, error, now).await?;
        self.announce_end(&chat).await;
        Ok(chat)
    }

    async fn announce_end(&self, chat: &Chat) {
        self.state.hints.changed(chat).await;
        if chat.status != Status::Running {
            self.state.hints.listed(chat, WatchKind::StatusChange).await;
        }
    }

    fn fence(&self) -> Fence {
        Fence { chat_id: self.chat.id, runner_id: self.runner, history_version: self.chat.versions.history }
    }
}

fn over(chat: Chat) -> Next {
    Next::Over(Box::new(chat))
}

fn content_filtered() -> GenerationError {
    GenerationError {
        message: "The provider blocked the answer. Change the last message and send it again.".to_owned(),
        kind: ErrorKind::ContentFilter.into(),
        ..GenerationError::default()
    }
}

/// A message with the results of tools is the model's to read: it carries the role `tool`.
fn tool_message(part: chatmesh_proto::common::v1::Part) -> NewMessage {
    NewMessage::new(Role::Tool, vec![part])
}
