//! A turn: from a user's message to the model's last word.
//!
//! Each step asks the model once, runs the tools that it asked for, all at the same time, and
//! commits the answer and the results in one transaction. The answer is kept while the tools
//! run: a worker that takes the chat over in that time runs the tools again under the same
//! idempotency keys, which yields the first outcomes, and does not ask the model twice.
//!
//! A conversation that becomes too long is summarised between two steps, at the end, or where the model
//! refuses it; the turn then goes on from the summary. Where the model asks for tools of the client, the turn
//! ends with what there is, and another one goes on when the client has answered.

mod answer;
mod attempt;
mod chain;
mod compaction;
mod generate;
mod listen;
mod markers;
mod own;
mod partial;
mod persist;
mod phase;
mod prepare;
mod prompt;
mod retry;
mod rows;
#[cfg(test)]
mod tests;
mod tools;
mod workspace;

use std::sync::Arc;

use chatmesh_core::Uuid;
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_proto::common::v1::{ErrorKind, FinishReason, GenerationError, Part, Role};
use tokio::time::Instant;
use tracing::{Instrument as _, info, info_span};

pub(crate) use answer::Answer;
pub(crate) use markers::cleared_context;
pub(crate) use partial::{Abandoned, Partial, StopReason};
pub(crate) use persist::persist;
pub(crate) use tools::end_commands;

use crate::domain::{Chat, Message, NewMessage, RunnerId};
use crate::machine::Status;
use crate::metrics::{ModelLabels, StageLabels};
use crate::parts::Episode;
use crate::state::State;
use crate::store::{Fence, KeptStep, StoreError};
use compaction::{Verdict, judge, last_measure};
use generate::Generated;
use phase::Phase;
use prepare::Work;
use tools::{Bench, Primer};

/// How often a turn goes on after its end because a summary took the place of what was said.
const MAX_RE_ENTRIES: u32 = 3;

/// A turn of one chat under one lease.
pub(crate) struct Turn {
    state: Arc<State>,
    chat: Chat,
    runner: RunnerId,
    phase: Phase,
    /// How many calls since the messages last changed were no failures of the model.
    forgiven: u32,
}

/// What a step leads to.
enum Next {
    /// It was committed; whether the model is to be asked again.
    Committed { goes_on: bool },
    /// The conversation is longer than the model's context.
    Overflow(GenerationError),
    /// The turn is over, and the chat is as the last transaction left it.
    Over(Box<Chat>),
}

impl Turn {
    pub(crate) fn new(state: Arc<State>, chat: Chat, runner: RunnerId) -> Self {
        let phase = Phase::begin(&state.metrics.turn);
        Self { state, chat, runner, phase, forgiven: 0 }
    }

    /// Runs the turn to its end, or to the end of what may be done in one turn. What was not
    /// committed when the future is dropped is in `partial`.
    pub(crate) async fn run(mut self, partial: &mut Partial) -> Result<Chat, StoreError> {
        let began = Instant::now();
        let prepared = prepare::prepare(&self, partial).instrument(info_span!("chat.prepare")).await?;
        self.state.metrics.turn.stage(&StageLabels::PREPARE, began.elapsed());
        let mut work = match prepared {
            Ok(work) => work,
            Err(error) => return self.fail(error, partial).await,
        };
        if self.chat.compaction_requested_at.is_some() {
            return self.summarise_as_wanted(&mut work, partial).await;
        }
        if work.is_over {
            return self.finish().await;
        }
        let mut primer = Primer::default();
        for step in 1..=self.state.config.max_steps {
            if let Err(error) = prepare::refresh_tools(&self, &mut work, &mut primer).await {
                return self.fail(error, partial).await;
            }
            let span = info_span!("chat.step", chat.step = step);
            let step = Box::pin(self.step(&mut work, partial).instrument(span));
            let next = primer.alongside(step).await?;
            let after = Box::pin(self.after(next, &mut work, partial));
            if let Some(chat) = primer.alongside(after).await? {
                return Ok(chat);
            }
        }
        info!(chat = %self.chat.id, "the most steps of a turn are done");
        self.finish().await
    }

    async fn step(&mut self, work: &mut Work, partial: &mut Partial) -> Result<Next, StoreError> {
        let is_repeated = work.kept.is_some();
        // An answer acts on the workspace that the model was told of, wherever the chat is by then.
        let mut made_for = work.toolbox.workspace_id;
        let answer = match work.kept.take() {
            Some(KeptStep { answer, workspace_id }) => {
                made_for = workspace_id;
                self.take_up(answer, made_for, partial).await?
            }
            None => match generate::generate(self, work, partial).await? {
                Generated::Answer(answer) => self.keep(answer, made_for).await?,
                Generated::Overflow(error) => return Ok(Next::Overflow(error)),
                Generated::Failed(error) => return self.fail(error, partial).await.map(over),
            },
        };
        if answer.is_empty() {
            return match answer.finish_reason {
                FinishReason::ContentFilter => self.fail(content_filtered(), partial).await.map(over),
                _ => self.finish().await.map(over),
            };
        }
        partial.run_tools(made_for);
        let began = Instant::now();
        let bench = Bench {
            state: &self.state,
            chat: &self.chat,
            fence: self.fence(),
            toolbox: &work.toolbox,
            provider: &work.provider,
            made_for,
            is_repeated,
        };
        let done = bench.run(&answer, partial).await;
        if !done.replies.is_empty() {
            self.state.metrics.turn.stage(&StageLabels::TOOLS, began.elapsed());
        }
        work.is_moved |= done.has_new_workspace;
        let goes_on = answer.goes_on();
        let messages = answer.into_messages(done.replies);
        if done.waits_for_client {
            let chat = self.hand_over(messages, work).await?;
            *partial = Partial::default();
            return Ok(over(chat));
        }
        self.commit(messages, work).await?;
        *partial = Partial::default();
        work.was_too_long = false;
        Ok(Next::Committed { goes_on })
    }

    /// Decides what comes after a step. Returns the chat where that is nothing.
    async fn after(&mut self, next: Next, work: &mut Work, partial: &mut Partial) -> Result<Option<Chat>, StoreError> {
        let goes_on = match next {
            Next::Over(chat) => return Ok(Some(*chat)),
            // One summary, and one more call: what does not fit then will not fit at all.
            Next::Overflow(error) => {
                let may_help = !std::mem::replace(&mut work.was_too_long, true);
                if may_help && self.summarise(work, last_measure(work)).await? {
                    return Ok(None);
                }
                return self.fail(error, partial).await.map(Some);
            }
            Next::Committed { goes_on } => goes_on,
        };
        let verdict = judge(work.prompt.rows(), work.threshold_percent);
        if !goes_on {
            let is_summarised = match verdict {
                Verdict::TooLong(measure) if work.re_entries < MAX_RE_ENTRIES => self.summarise(work, measure).await?,
                // What the model wanted to say is said.
                _ => false,
            };
            work.re_entries += 1;
            // A message that waits is what to go on with.
            return if is_summarised && self.chat.queued_count == 0 { Ok(None) } else { self.finish().await.map(Some) };
        }
        match verdict {
            Verdict::Fits => {}
            Verdict::StillTooLong => return self.fail(compaction::still_too_long(), partial).await.map(Some),
            // Without a summary it goes on as long as it fits.
            Verdict::TooLong(_) if work.resting > 0 => work.resting -= 1,
            Verdict::TooLong(measure) => drop(self.summarise(work, measure).await?),
        }
        Ok(None)
    }

    /// Begins a call of the model: it has a number from here on, and people can watch it.
    async fn begin_attempt(&mut self) -> Result<Arc<Episode>, StoreError> {
        self.chat = self.state.store.record_attempt(self.fence(), self.state.clock.now()).await?;
        let versions = self.chat.versions;
        let episode = self.state.episodes.open(self.chat.id, versions.history, versions.generation_attempt);
        self.state.hints.changed(&self.chat).await;
        Ok(episode)
    }

    /// The call that was begun last is no failure of the model, whatever comes of it.
    fn forgive_attempt(&mut self) {
        self.forgiven += 1;
    }

    /// How many calls in a row failed, those of earlier workers included.
    fn failures(&self) -> u32 {
        self.chat.versions.generation_attempt.saturating_sub(self.forgiven)
    }

    /// Where people watch the call that was begun last.
    fn episode(&self) -> Option<Arc<Episode>> {
        let versions = self.chat.versions;
        self.state.episodes.find(self.chat.id, versions.history, versions.generation_attempt)
    }

    /// Takes up an answer whose tools another worker was running, and shows it again to those who watch.
    async fn take_up(
        &mut self,
        message: NewMessage,
        workspace: Option<Uuid>,
        partial: &mut Partial,
    ) -> Result<Answer, StoreError> {
        let answer = Answer::from_message(message);
        partial.resume(self.chat.versions.history, &answer, workspace);
        let episode = self.begin_attempt().await?;
        self.forgive_attempt();
        for (index, part) in (0..).zip(&answer.message.content) {
            episode.push(Role::Assistant, index, part.clone());
        }
        Ok(answer)
    }

    /// Keeps an answer that asks for tools before they run.
    async fn keep(&mut self, answer: Answer, workspace: Option<Uuid>) -> Result<Answer, StoreError> {
        if !answer.local_calls().is_empty() {
            let fence = self.fence();
            let keep = || self.state.store.record_step(fence, &answer.message, workspace, self.state.clock.now());
            self.chat = persist(&self.state, keep).await?;
        }
        Ok(answer)
    }

    async fn commit(&mut self, messages: Vec<NewMessage>, work: &mut Work) -> Result<(), StoreError> {
        let began = Instant::now();
        let (fence, now) = (self.fence(), self.state.clock.now());
        let commit = || self.state.store.commit_step(fence, messages.clone(), now);
        let (chat, committed) = persist(&self.state, commit).await?;
        let committed = self.committed(chat, committed, began).await;
        work.prompt.extend(committed);
        self.count_step(&messages, work);
        Ok(())
    }

    /// Commits a step and waits for the client's tools. Where the conversation has become too long, a summary of
    /// what was before the step is committed with it: the step itself must stay, because it waits for results.
    async fn hand_over(&mut self, messages: Vec<NewMessage>, work: &Work) -> Result<Chat, StoreError> {
        let mut rows = self.summary_before(&messages, work).await?;
        rows.extend(messages);
        let began = Instant::now();
        let (fence, now) = (self.fence(), self.state.clock.now());
        let deadline = now + self.state.config.action_timeout;
        let enter = || self.state.store.enter_requires_action(fence, rows.clone(), deadline, now);
        let (chat, committed) = persist(&self.state, enter).await?;
        self.committed(chat, committed, began).await;
        for kind in [WatchKind::StatusChange, WatchKind::ActionRequired] {
            self.state.hints.listed(&self.chat, kind).await;
        }
        self.count_step(&rows, work);
        Ok(self.chat.clone())
    }

    /// Counts a step under who made it.
    fn count_step(&self, messages: &[NewMessage], work: &Work) {
        let mut answers = messages.iter().filter(|message| message.role == Role::Assistant && !message.compressed);
        let model = answers.next().and_then(|answer| answer.model.clone()).unwrap_or_default();
        let labels = ModelLabels { provider: work.provider.clone(), model };
        self.state.metrics.turn.steps.get_or_create(&labels).inc();
    }

    /// The history went on: tells everyone who follows the chat.
    async fn committed(&mut self, chat: Chat, committed: Vec<Message>, began: Instant) -> Vec<Message> {
        self.chat = chat;
        self.forgiven = 0;
        self.state.metrics.turn.stage(&StageLabels::PERSIST, began.elapsed());
        self.state.hints.changed(&self.chat).await;
        committed
    }

    async fn finish(&mut self) -> Result<Chat, StoreError> {
        let fence = self.fence();
        let finish = || self.state.store.finish_turn(fence, self.state.clock.now());
        let chat = persist(&self.state, finish).await?;
        self.announce_end(&chat).await;
        Ok(chat)
    }

    async fn fail(&mut self, error: GenerationError, partial: &mut Partial) -> Result<Chat, StoreError> {
        info!(chat = %self.chat.id, kind = error.kind, "turn failed: {}", error.message);
        // An interruption may come while this is written: then it still has what was said.
        let said = partial.clone().into_stopped_messages(self.chat.versions.history, StopReason::Failed);
        let (fence, now) = (self.fence(), self.state.clock.now());
        let finish = || self.state.store.finish_error(fence, said.clone(), error.clone(), now);
        let chat = persist(&self.state, finish).await?;
        *partial = Partial::default();
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

/// What a call is answered with: its result, and the file that the tool gave to the chat, where it gave one.
type Reply = Vec<Part>;

/// A message with the result of a tool is the model's to read: it carries the role `tool`.
fn tool_message(reply: Reply) -> NewMessage {
    NewMessage::new(Role::Tool, reply)
}
