//! Turns that do as they are told, and a record of what happened to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{FinishReason, Part, Role, ToolCall};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::domain::{Chat, ChatId, NewMessage, RunnerId, WorkerId};
use crate::state::State;
use crate::store::{Fence, StoreError};
use crate::turn::{Answer, Partial};
use crate::worker::RunTurn;

/// What a turn does.
#[derive(Debug, Clone, Default)]
pub(super) enum Plan {
    /// It goes on until it is stopped.
    #[default]
    Hang,
    /// It ends at once.
    End,
    /// It ends after a while.
    EndAfter(Duration),
    /// It ends when it is told.
    EndWhenTold(Arc<Semaphore>),
    /// It has an answer that waits for a tool, and hangs.
    AwaitTool,
    /// Likewise, but when it is told it commits that answer.
    CommitWhenTold(Arc<Semaphore>),
    /// It ends, and with it its process begins to end.
    EndWithTheProcess,
    /// It meets a bug.
    Panic,
}

/// What became of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Running,
    /// It came to its end.
    Returned,
    /// It was stopped from outside.
    Stopped,
}

/// A turn that was begun.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// The chat as the turn was given it.
    pub(super) chat: Chat,
    pub(super) worker: WorkerId,
    pub(super) runner: RunnerId,
    pub(super) fate: Fate,
}

/// What the turns of all workers do, and did.
#[derive(Debug, Default)]
pub(super) struct Script {
    otherwise: Plan,
    plans: Mutex<HashMap<ChatId, Plan>>,
    begun: Mutex<Vec<Begun>>,
}

impl Script {
    /// What turns do that have no plan of their own.
    pub(super) fn new(otherwise: Plan) -> Self {
        Self { otherwise, ..Self::default() }
    }

    pub(super) fn plan(&self, chat: ChatId, plan: Plan) {
        self.plans.lock().insert(chat, plan);
    }

    /// The turns that were begun, in order.
    pub(super) fn begun(&self) -> Vec<Begun> {
        self.begun.lock().clone()
    }

    /// The turns of a chat that were begun, in order.
    pub(super) fn of(&self, chat: ChatId) -> Vec<Begun> {
        self.begun().into_iter().filter(|begun| begun.chat.id == chat).collect()
    }

    /// How many turns run on a worker.
    pub(super) fn running_on(&self, worker: WorkerId) -> usize {
        let begun = self.begun.lock();
        begun.iter().filter(|begun| begun.worker == worker && begun.fate == Fate::Running).count()
    }

    fn plan_of(&self, chat: ChatId) -> Plan {
        self.plans.lock().get(&chat).cloned().unwrap_or_else(|| self.otherwise.clone())
    }
}

/// The turns of one worker.
#[derive(Debug)]
pub(super) struct ScriptedTurns {
    pub(super) state: Arc<State>,
    pub(super) script: Arc<Script>,
}

#[async_trait]
impl RunTurn for ScriptedTurns {
    async fn run(&self, chat: Chat, runner: RunnerId, partial: &mut Partial) -> Result<Chat, StoreError> {
        let mut record = self.begin(&chat, runner);
        let history = chat.versions.history;
        let fence = Fence { chat_id: chat.id, runner_id: runner, history_version: history };
        let plan = self.script.plan_of(chat.id);
        let outcome = match plan {
            Plan::Hang => std::future::pending().await,
            Plan::Panic => panic!("a bug, on purpose"),
            Plan::End => self.finish(fence).await,
            Plan::EndAfter(pause) => {
                tokio::time::sleep(pause).await;
                self.finish(fence).await
            }
            Plan::EndWhenTold(told) => {
                told.acquire().await.expect("open").forget();
                self.finish(fence).await
            }
            Plan::EndWithTheProcess => {
                let ended = self.finish(fence).await;
                self.state.tasks.shutdown().begin();
                ended
            }
            Plan::AwaitTool => {
                partial.resume(history, &Answer::from_message(answer("let me look")), chat.workspace_id);
                std::future::pending().await
            }
            Plan::CommitWhenTold(told) => {
                let said = answer("let me look");
                partial.resume(history, &Answer::from_message(said.clone()), chat.workspace_id);
                told.acquire().await.expect("open").forget();
                let committed = self.state.store.commit_step(fence, vec![said], self.state.clock.now()).await;
                committed.map(|(chat, _)| chat)
            }
        };
        record.fate = Fate::Returned;
        outcome
    }
}

impl ScriptedTurns {
    async fn finish(&self, fence: Fence) -> Result<Chat, StoreError> {
        let chat = self.state.store.finish_turn(fence, self.state.clock.now()).await?;
        self.state.hints.changed(&chat).await;
        Ok(chat)
    }

    fn begin(&self, chat: &Chat, runner: RunnerId) -> Record {
        let mut begun = self.script.begun.lock();
        let worker = self.state.worker_id;
        begun.push(Begun { chat: chat.clone(), worker, runner, fate: Fate::Running });
        Record { script: Arc::clone(&self.script), number: begun.len() - 1, fate: Fate::Stopped }
    }
}

/// Writes down what became of a turn.
struct Record {
    script: Arc<Script>,
    number: usize,
    fate: Fate,
}

impl Drop for Record {
    fn drop(&mut self) {
        self.script.begun.lock()[self.number].fate = self.fate;
    }
}

/// An answer that asks for a tool.
pub(super) fn answer(words: &str) -> NewMessage {
    let call = ToolCall {
        call_id: Uuid::from_u128(7).to_string(),
        name: "execute".to_owned(),
        args: "{}".to_owned(),
        ..ToolCall::default()
    };
    let parts = [Body::Text(words.to_owned()), Body::ToolCall(call)];
    let content = parts.map(|body| Part { body: Some(body), ..Part::default() });
    NewMessage { finish_reason: Some(FinishReason::ToolCalls), ..NewMessage::new(Role::Assistant, content.into()) }
}
