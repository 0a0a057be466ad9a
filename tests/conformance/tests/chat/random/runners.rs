//! What workers do, at random.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chatmesh_chat::machine::Operation;
use chatmesh_chat::{ChatStore as _, Lease, LeaseStore as _, NewMessage, RunnerId, Visibility, WorkerId};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::Role;

use super::run::{Run, agree};
use super::step::Step;
use crate::content::{answer, asking, failure, marker, parts, result, retry, searched};
use crate::line::Line;
use crate::model::Model;
use crate::refusal::Why;

/// How long the client's tools may take: some are in time here, and some are not.
const PATIENCE: Duration = Duration::from_secs(20);

impl Run<'_> {
    pub(super) async fn acquire(&mut self, at: usize, worker_id: WorkerId, stale_after: Duration) -> Result<(), Why> {
        let lease = Lease { worker_id, runner_id: RunnerId(SystemIds.next()) };
        let (model, now) = (&mut self.home.chats[at], self.world.now);
        let stored = self.world.store.acquire(model.id, lease, now, stale_after).await;
        agree(stored.map(|acquired| acquired.chat), model.acquire(lease, now, stale_after))
    }

    pub(super) async fn heartbeat(&mut self, worker: WorkerId) {
        let held = self.world.store.heartbeat(worker, self.world.now).await.expect("asked");
        let held: BTreeMap<_, RunnerId> = held.into_iter().collect();
        let mut expected = BTreeMap::new();
        for model in &mut self.home.chats {
            if let Some(Lease { runner_id, .. }) = model.lease.filter(|lease| lease.worker_id == worker) {
                model.heartbeat(self.world.now);
                expected.insert(model.id, runner_id);
            }
        }
        assert_eq!(held, expected, "exactly what is held");
        let stopped = |model: &&Model| model.allows(Operation::FinishInterruption);
        let stopped = self.home.chats.iter().filter(stopped).filter_map(|model| expected.get(&model.id).copied());
        let found = self.world.store.interrupted(worker).await.expect("asked");
        assert_eq!(BTreeSet::from_iter(found), stopped.collect::<BTreeSet<RunnerId>>(), "what is to be stopped");
    }

    pub(super) async fn work(&mut self, at: usize, operation: Operation, step: &Step) -> Result<(), Why> {
        use Operation as O;
        let messages = self.words(at, operation, step);
        let fence = self.home.chats[at].fence(step.who);
        let (store, now) = (&self.world.store, self.world.now);
        let deadline = now + PATIENCE;
        let said = messages.clone();
        let stored = match operation {
            O::CommitStep => store.commit_step(fence, said, now).await,
            O::CommitCompaction => store.commit_compaction(fence, said, now).await,
            O::EnterRequiresAction => store.enter_requires_action(fence, said, deadline, now).await,
            _ => {
                let stored = match operation {
                    O::RecordGenerationAttempt => store.record_attempt(fence, now).await,
                    O::RecordRetryState => store.record_retry(fence, retry(1), now).await,
                    O::RecordStep => store.record_step(fence, &said[0], None, now).await,
                    O::FinishTurn => store.finish_turn(fence, now).await,
                    O::FinishError => store.finish_error(fence, said, failure(), now).await,
                    _ => store.finish_interruption(fence, said, now).await,
                };
                return agree(stored, self.home.chats[at].work(operation, fence, &messages, deadline));
            }
        };
        self.committed(at, stored, |model| model.work(operation, fence, &messages, deadline))
    }

    /// What a runner says with an operation.
    fn words(&mut self, at: usize, operation: Operation, step: &Step) -> Vec<NewMessage> {
        use Operation as O;
        let text = self.new_text();
        let calls: Vec<String> = (0..2).map(|number| format!("{text}/{number}")).collect();
        let [first, second] = &calls[..] else { unreachable!("two calls") };
        let one = std::slice::from_ref(first);
        match operation {
            O::RecordStep => vec![answer(&text)],
            O::CommitStep => match step.number {
                0 if step.flag => Vec::new(),
                0 => vec![answer(&text)],
                1 => vec![asking(&text, one), result(first)],
                2 => vec![searched(&text, first)],
                _ => vec![asking(&text, &calls), result(second), result(first), answer("and")],
            },
            O::CommitCompaction => {
                let mut rows = marker("chat_summarized", first, &text);
                if step.flag {
                    rows.extend(unanswered(&self.home.chats[at]));
                }
                rows
            }
            O::EnterRequiresAction if step.flag => vec![asking(&text, &calls), result(second)],
            O::EnterRequiresAction => vec![asking(&text, if step.number < 2 { one } else { &calls })],
            O::FinishError | O::FinishInterruption => match step.number {
                0 => Vec::new(),
                1 => vec![answer(&text)],
                2 => vec![asking(&text, &calls), result(second)],
                _ => vec![asking(&text, one)],
            },
            _ => Vec::new(),
        }
    }
}

/// What the user said that nobody has answered, for the model alone: it stands before the summary.
fn unanswered(model: &Model) -> Vec<NewMessage> {
    let prompt = model.prompt();
    let tail = prompt.iter().rev().take_while(|line| line.role == Role::User && !line.compressed);
    let mut rows: Vec<NewMessage> = tail.map(again).collect();
    rows.reverse();
    rows
}

fn again(line: &Line) -> NewMessage {
    NewMessage { visibility: Visibility::Model, ..NewMessage::new(Role::User, parts(&line.text)) }
}
