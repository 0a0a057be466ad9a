//! Plays the turn: says and commits what it is told to, under a real lease.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1::Retry;
use chatmesh_proto::common::v1::{GenerationError, Part, Role};

use super::content::{answer, call, result, text};
use super::truth::Truth;
use super::world::Replica;
use crate::domain::{Chat, ChatId, Lease, Message, NewMessage, RunnerId};
use crate::parts::{Episode, EpisodeKey};
use crate::state::State;
use crate::store::{Fence, StoreError};

/// How long a lease counts as alive.
const STALE: Duration = Duration::from_secs(60);

/// A runner of one chat on one replica.
pub(crate) struct Runner {
    state: Arc<State>,
    truth: Truth,
    pub(crate) chat: Chat,
    lease: Lease,
    episode: Option<Arc<Episode>>,
    said: String,
    calls: Vec<String>,
}

impl Runner {
    /// Leases a chat; nobody may have a living lease of it.
    pub(crate) async fn acquire(replica: &Replica, chat: ChatId) -> Result<Self, StoreError> {
        Self::take(replica, chat, STALE).await
    }

    /// The same, and nobody is told.
    pub(crate) async fn acquire_unheard(replica: &Replica, chat: ChatId) -> Result<Self, StoreError> {
        Self::take_unheard(replica, chat, STALE).await
    }

    /// Leases a chat, whoever has it: as if that one had not been heard of for long.
    pub(crate) async fn steal(replica: &Replica, chat: ChatId) -> Result<Self, StoreError> {
        Self::take(replica, chat, Duration::ZERO).await
    }

    async fn take(replica: &Replica, chat: ChatId, stale: Duration) -> Result<Self, StoreError> {
        let runner = Self::take_unheard(replica, chat, stale).await?;
        runner.state.hints.changed(&runner.chat).await;
        Ok(runner)
    }

    async fn take_unheard(replica: &Replica, chat: ChatId, stale: Duration) -> Result<Self, StoreError> {
        let state = Arc::clone(&replica.state);
        let lease = Lease { worker_id: state.worker_id, runner_id: RunnerId(SystemIds.next()) };
        let acquired = state.leases.acquire(chat, lease, state.clock.now(), stale).await?;
        Ok(Self {
            state,
            truth: replica.truth.clone(),
            chat: acquired.chat,
            lease,
            episode: None,
            said: String::new(),
            calls: Vec::new(),
        })
    }

    pub(crate) fn fence(&self) -> Fence {
        Fence { chat_id: self.chat.id, runner_id: self.lease.runner_id, history_version: self.chat.versions.history }
    }

    /// The call of the model that is made now.
    pub(crate) fn key(&self) -> EpisodeKey {
        self.episode.as_ref().expect("a model call").key()
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }

    /// True while this call of the model is made.
    pub(crate) fn says(&self, key: EpisodeKey) -> bool {
        self.episode.as_ref().is_some_and(|episode| episode.key() == key)
    }

    /// Calls the model.
    pub(crate) async fn attempt(&mut self) -> Result<(), StoreError> {
        self.chat = self.state.store.record_attempt(self.fence(), self.state.clock.now()).await?;
        let versions = self.chat.versions;
        let episode = self.state.episodes.open(self.chat.id, versions.history, versions.generation_attempt);
        self.truth.begin(episode.key());
        self.episode = Some(episode);
        self.said.clear();
        self.calls.clear();
        self.state.hints.changed(&self.chat).await;
        Ok(())
    }

    /// The model says a piece of a text.
    pub(crate) fn say(&mut self, piece: &str) {
        self.said.push_str(piece);
        self.push(Role::Assistant, 0, text(piece));
    }

    /// The model asks for a tool.
    pub(crate) fn call(&mut self, id: &str) {
        self.calls.push(id.to_owned());
        self.push(Role::Assistant, u32::try_from(self.calls.len()).expect("few"), call(id));
    }

    /// A tool has run.
    pub(crate) fn result(&self, id: &str) {
        self.push(Role::Tool, 0, result(id));
    }

    fn push(&self, role: Role, index: u32, part: Part) {
        let episode = self.episode.as_ref().expect("a model call");
        // Before it is seen: a reader that sees it looks here.
        self.truth.say(episode.key(), role, index, &part);
        episode.push(role, index, part);
    }

    /// The call failed and will be made again.
    pub(crate) async fn retry(&mut self, error: &str) -> Result<(), StoreError> {
        let retry =
            Retry { attempt: self.chat.versions.generation_attempt, error: error.to_owned(), ..Retry::default() };
        self.chat = self.state.store.record_retry(self.fence(), retry, self.state.clock.now()).await?;
        self.state.hints.changed(&self.chat).await;
        Ok(())
    }

    /// Commits what was said, with the results of all calls.
    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        let mut messages = vec![answer(&self.said, &self.calls)];
        messages.extend(self.calls.iter().map(|id| NewMessage::new(Role::Tool, vec![result(id)])));
        let now = self.state.clock.now();
        let (chat, committed) = self.state.store.commit_step(self.fence(), messages, now).await?;
        self.committed(chat, &committed).await;
        Ok(())
    }

    /// Commits what was said, and waits for the client's tools.
    pub(crate) async fn require_action(&mut self) -> Result<(), StoreError> {
        let now = self.state.clock.now();
        let messages = vec![answer(&self.said, &self.calls)];
        let deadline = now + Duration::from_secs(300);
        let (chat, committed) = self.state.store.enter_requires_action(self.fence(), messages, deadline, now).await?;
        self.committed(chat, &committed).await;
        Ok(())
    }

    /// Commits rows that take the place of the history for the model.
    pub(crate) async fn compact(&mut self, rows: Vec<NewMessage>) -> Result<(), StoreError> {
        let now = self.state.clock.now();
        let (chat, _) = self.state.store.commit_compaction(self.fence(), rows, now).await?;
        self.committed(chat, &[]).await;
        Ok(())
    }

    /// Ends the turn.
    pub(crate) async fn finish(&mut self) -> Result<(), StoreError> {
        let chat = self.state.store.finish_turn(self.fence(), self.state.clock.now()).await?;
        self.committed(chat, &[]).await;
        Ok(())
    }

    /// Ends the turn with an error; what was said is kept where there is any.
    pub(crate) async fn fail(&mut self, error: GenerationError) -> Result<(), StoreError> {
        let (before, partial) = (self.chat.last_message_id, self.partial());
        let keeps = !partial.is_empty();
        let now = self.state.clock.now();
        let chat = self.state.store.finish_error(self.fence(), partial, error, now).await?;
        self.kept(chat, keeps, before).await;
        Ok(())
    }

    /// Ends the interrupted turn; what was said is kept where there is any.
    pub(crate) async fn finish_interruption(&mut self) -> Result<(), StoreError> {
        let (before, partial) = (self.chat.last_message_id, self.partial());
        let keeps = !partial.is_empty();
        let now = self.state.clock.now();
        let chat = self.state.store.finish_interruption(self.fence(), partial, now).await?;
        self.kept(chat, keeps, before).await;
        Ok(())
    }

    /// Gives the lease back with the work undone.
    pub(crate) async fn abandon(self) -> Result<(), StoreError> {
        let chat = self.state.leases.abandon(self.chat.id, self.lease.runner_id, self.state.clock.now()).await?;
        self.state.episodes.close(chat.id);
        self.state.hints.changed(&chat).await;
        Ok(())
    }

    /// Ends what is shown live: nobody here runs the chat any more.
    pub(crate) fn leave(self) {
        self.state.episodes.close(self.chat.id);
    }

    /// What was said and not committed.
    fn partial(&self) -> Vec<NewMessage> {
        let current = self.episode.as_ref().is_some_and(|episode| {
            let key = episode.key();
            let versions = self.chat.versions;
            (key.history_version, key.generation_attempt) == (versions.history, versions.generation_attempt)
        });
        let void = self.chat.retry_state.is_some();
        if current && !void && !self.said.is_empty() { vec![answer(&self.said, &[])] } else { Vec::new() }
    }

    async fn kept(&mut self, chat: Chat, keeps: bool, before: u32) {
        if keeps {
            self.truth.commit(self.key(), before + 1);
        }
        self.committed(chat, &[]).await;
    }

    async fn committed(&mut self, chat: Chat, messages: &[Message]) {
        if let Some(answer) = messages.iter().find(|message| message.body.role == Role::Assistant) {
            self.truth.commit(self.key(), answer.id);
        }
        self.said.clear();
        self.calls.clear();
        self.chat = chat;
        self.state.hints.changed(&self.chat).await;
    }
}
