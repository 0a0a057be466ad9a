//! Chats in every state, brought there by what is legal, and every operation as callers make it.

use chatmesh_chat::machine::{Operation, State};
use chatmesh_chat::{
    Chat, ChatId, ChatStore as _, Edit, Fence, Lease, LeaseStore as _, Message, Metadata, NewMessage, Outgoing,
    RunnerId, StoreError, Update,
};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, values};

use crate::content::{answer, asking, client_result, failure, marker, repaired, result, retry, searched};
use crate::world::{PATIENCE, STALE, World, fence, new_worker};

/// A chat to try operations on, and what they are to name.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) id: ChatId,
    /// `None` where there is no such chat.
    pub(crate) chat: Option<Chat>,
    /// What a runner writes under.
    pub(crate) fence: Fence,
    /// The calls that the client is to answer.
    pub(crate) calls: Vec<String>,
}

/// What an operation returned.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) chat: Chat,
    /// What was committed, where the operation says so.
    pub(crate) messages: Option<Vec<Message>>,
}

impl From<Chat> for Done {
    fn from(chat: Chat) -> Self {
        Self { chat, messages: None }
    }
}

impl From<(Chat, Vec<Message>)> for Done {
    fn from((chat, messages): (Chat, Vec<Message>)) -> Self {
        Self { chat, messages: Some(messages) }
    }
}

impl World {
    /// A chat in `state` with `waiting` messages in its queue. There is something in everything that
    /// could be forgotten: an answer, and while a turn runs an attempt, a retry state and a kept step.
    pub(crate) async fn target(&self, state: State, waiting: u32) -> Target {
        use State::{A0, A1, E0, E1, I0, I1, N, R0, R1, W, XE0, XE1, XW};
        if state == N {
            let id = ChatId(SystemIds.next());
            let fence = Fence { chat_id: id, runner_id: RunnerId(SystemIds.next()), history_version: 1 };
            return Target { id, chat: None, fence, calls: Vec::new() };
        }
        let calls: Vec<String> = ["one", "two"].map(str::to_owned).into();
        let (store, now) = (&self.store, self.now);
        let mut chat = self.running("first").await;
        let id = chat.id;
        let said = vec![asking("look", &["done".to_owned()]), result("done"), searched("found", "search")];
        chat = store.commit_step(fence(&chat), said, now).await.expect("said").0;
        for number in 0..waiting {
            self.send(id, &format!("waits {number}")).await;
        }
        let fence = fence(&chat);
        store.record_attempt(fence, now).await.expect("recorded");
        store.record_retry(fence, retry(1), now).await.expect("recorded");
        store.record_step(fence, &answer("kept"), None, now).await.expect("recorded");
        match state {
            W | XW => drop(store.finish_turn(fence, now).await.expect("finished")),
            E0 | E1 | XE0 | XE1 => drop(store.finish_error(fence, Vec::new(), failure(), now).await.expect("failed")),
            I0 | I1 => drop(store.interrupt(id, now).await.expect("stopped")),
            A0 | A1 => {
                let messages = vec![asking("ask", &calls)];
                store.enter_requires_action(fence, messages, now + PATIENCE, now).await.expect("entered");
            }
            R0 | R1 | N | State::Invalid => {}
        }
        if state.is_archived() {
            self.update(id, Update { archived: Some(true), ..Update::default() }).await;
        }
        let chat = self.get(id).await;
        assert_eq!((chat.state(), chat.queued_count), (state, waiting), "{}", self.engine);
        let history_version = chat.versions.history;
        let calls = if matches!(state, A0 | A1) { calls } else { Vec::new() };
        Target { id, chat: Some(chat), fence: Fence { history_version, ..fence }, calls }
    }

    /// Gives a chat a lease that nobody keeps alive, so that what its runner does reaches the state machine.
    pub(crate) async fn plant_lease(&self, target: &mut Target) {
        const PLANT: Sql = Sql::portable("UPDATE chats SET worker_id = $2, runner_id = $3 WHERE id = $1");
        let lease = Lease { worker_id: new_worker(), runner_id: RunnerId(SystemIds.next()) };
        let row = values![target.id.0, lease.worker_id.0, lease.runner_id.0];
        self.db.execute(PLANT, row).await.expect("planted");
        target.fence.runner_id = lease.runner_id;
        target.chat = self.store.get(target.id).await.expect("asked");
    }

    /// Carries `operation` out as a caller would who takes it to be legal.
    pub(crate) async fn perform(&self, operation: Operation, target: &Target) -> Result<Done, StoreError> {
        use Operation as O;
        let (id, fence, now, store) = (target.id, target.fence, self.now, &self.store);
        let update = async |update| Ok(Done::from(store.update(id, update, now).await?.chat));
        match operation {
            O::CreateChat => {
                let mut new = self.new_chat("first", None);
                new.chat.id = id;
                Ok(store.create(new).await?.0.into())
            }
            O::SendMessage | O::SendMessageInterrupting => {
                let interrupt = operation == O::SendMessageInterrupting;
                let sent = self.try_send(id, Outgoing { interrupt, ..self.outgoing("sent") }).await?;
                Ok((sent.chat, sent.messages).into())
            }
            O::EditMessage => {
                let Outgoing { message, model, traceparent, .. } = self.outgoing("edited");
                let edited = store.edit(id, Edit { message_id: 1, message, model, traceparent }, now).await?;
                Ok((edited.chat, edited.messages).into())
            }
            O::DeleteQueuedMessage => Ok(store.delete_queued(id, 1, now).await?.0.into()),
            O::PromoteQueuedMessage => Ok(store.promote_queued(id, 1, now).await?.into()),
            O::Interrupt => Ok(store.interrupt(id, now).await?.into()),
            O::CompleteRequiresAction => {
                let results = target.calls.iter().map(|call| client_result(call)).collect();
                Ok(store.submit_tool_results(id, results, now).await?.into())
            }
            O::CancelRequiresAction => Ok(store.cancel_action(id, now + PATIENCE).await?.into()),
            O::Archive => update(Update { archived: Some(true), ..Update::default() }).await,
            O::Unarchive => update(Update { archived: Some(false), ..Update::default() }).await,
            O::UpdateMetadata => {
                let metadata = Metadata { title: Some("renamed".to_owned()), ..Metadata::default() };
                update(Update { metadata, ..Update::default() }).await
            }
            O::RequestCompaction => Ok(store.request_compaction(id, None, now).await?.into()),
            O::ClearContext => {
                Ok(store.clear_context(id, marker("chat_cleared", "cleared", "forget"), now).await?.into())
            }
            O::ReconcileInvalidState => Ok(store.reconcile(id, repaired(), now).await?.into()),
            O::Acquire => {
                let lease = Lease { worker_id: new_worker(), runner_id: RunnerId(SystemIds.next()) };
                Ok(store.acquire(id, lease, now + STALE, STALE).await?.chat.into())
            }
            O::Abandon => Ok(store.abandon(id, fence.runner_id, now).await?.into()),
            _ => self.work(operation, fence, vec![answer("more")]).await,
        }
    }

    /// What a runner does under `fence`, with `said` where there is something to say.
    pub(crate) async fn work(&self, what: Operation, fence: Fence, said: Vec<NewMessage>) -> Result<Done, StoreError> {
        use Operation as O;
        let (store, now) = (&self.store, self.now);
        match what {
            O::RecordGenerationAttempt => Ok(store.record_attempt(fence, now).await?.into()),
            O::RecordRetryState => Ok(store.record_retry(fence, retry(2), now).await?.into()),
            O::RecordStep => Ok(store.record_step(fence, &answer("kept anew"), None, now).await?.into()),
            O::CommitStep => Ok(store.commit_step(fence, said, now).await?.into()),
            O::CommitCompaction => {
                let summary = marker("chat_summarized", "summary", "so far");
                Ok(store.commit_compaction(fence, summary, now).await?.into())
            }
            O::EnterRequiresAction => {
                let messages = vec![asking("ask", &["new".to_owned()])];
                Ok(store.enter_requires_action(fence, messages, now + PATIENCE, now).await?.into())
            }
            O::FinishTurn => Ok(store.finish_turn(fence, now).await?.into()),
            O::FinishError => Ok(store.finish_error(fence, said, failure(), now).await?.into()),
            O::FinishInterruption => Ok(store.finish_interruption(fence, said, now).await?.into()),
            other => panic!("{other:?} is nothing that a runner does"),
        }
    }
}
