//! One sequence: the store, and what should be in it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chatmesh_chat::machine::Operation;
use chatmesh_chat::{Chat, ChatId, ChatStore as _, LeaseStore as _, Message, NewMessage, Room, StoreError, WorkerId};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_db::Sql;
use chatmesh_rpc::UserId;

use super::Tally;
use super::step::{Action, CHATS, Step};
use crate::content::parts;
use crate::line::Line;
use crate::model::{Household, Model};
use crate::refusal::{Why, why};
use crate::table::BREAK;
use crate::world::{STALE, World, new_worker};

/// A message that a client sent.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) id: Uuid,
    pub(super) text: String,
    pub(super) is_edit: bool,
}

/// One sequence.
pub(super) struct Run<'a> {
    pub(super) world: &'a mut World,
    pub(super) home: Household,
    pub(super) workers: [WorkerId; 2],
    /// What was sent to each chat.
    pub(super) sent: Vec<Vec<Request>>,
    /// What users took back: what waited and was deleted, and what an edit removed.
    pub(super) taken_back: BTreeSet<String>,
    /// What the database held when it was last looked at.
    pub(super) rows: Vec<Chat>,
    pub(super) lines: Vec<Vec<Line>>,
    said: u32,
    tally: Tally,
    log: Vec<String>,
    last_words: Arc<Mutex<Vec<String>>>,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.last_words.lock().expect("nobody holds it") = std::mem::take(&mut self.log);
        }
    }
}

impl<'a> Run<'a> {
    pub(super) async fn begin(world: &'a mut World, last_words: Arc<Mutex<Vec<String>>>) -> Self {
        const EMPTY: [Sql; 2] = [Sql::portable("DELETE FROM chat_heartbeats"), Sql::portable("DELETE FROM chats")];
        for statement in EMPTY {
            world.db.execute(statement, Vec::new()).await.expect("emptied");
        }
        world.owner = UserId(SystemIds.next());
        let (mut home, mut rows, mut sent) = (Household::default(), Vec::<Chat>::new(), Vec::new());
        for number in 0..CHATS {
            let text = format!("first of {number}");
            let row = if number == 1 { world.child(&rows[0], &text).await } else { world.create(&text).await };
            let first = NewMessage::from_user(world.owner, parts(&text), None);
            home.chats.push(Model::new(row.id, row.root_id, &first));
            sent.push(vec![Request { id: SystemIds.next(), text, is_edit: false }]);
            rows.push(row);
            world.tick();
        }
        let lines = home.chats.iter().map(|chat| chat.lines.clone()).collect();
        let workers = [new_worker(), new_worker()];
        let (taken_back, tally) = (BTreeSet::new(), Tally::new());
        Self { world, home, workers, sent, taken_back, rows, lines, said: 0, tally, log: Vec::new(), last_words }
    }

    /// Looks at everything once more, and says what was done.
    pub(super) async fn end(mut self) -> Tally {
        for at in 0..CHATS {
            self.rows[at] = self.check_row(at).await;
            self.check_content(at).await;
        }
        std::mem::take(&mut self.tally)
    }

    pub(super) async fn take(&mut self, step: &Step) {
        self.world.tick();
        let (at, now) = (step.chat, self.world.now);
        let action = step.action(&self.home.chats[at], now);
        let name = format!("{action:?}");
        self.log.push(format!("{} in {}: {name} {step:?}", at, self.home.chats[at].state()));
        let outcome = self.act(at, action, step).await;
        if let Some(last) = self.log.last_mut() {
            last.push_str(&format!(" -> {outcome:?}"));
        }
        let counts = self.tally.entry(name).or_default();
        if outcome.is_ok() {
            counts.0 += 1;
        } else {
            counts.1 += 1;
        };
        self.check(at).await;
    }

    async fn act(&mut self, at: usize, action: Action, step: &Step) -> Result<(), Why> {
        let (id, now) = (self.home.chats[at].id, self.world.now);
        match action {
            Action::Wait => self.wait(step).await,
            Action::Heartbeat => self.heartbeat(self.workers[usize::from(step.flag)]).await,
            Action::Repeat => self.repeat(at, step.which).await,
            Action::MarkRead => {
                let is_news = self.world.store.mark_read(id).await.expect("marked");
                assert_eq!(is_news, self.home.chats[at].mark_read(), "whether there was something to read");
                self.rows[at].last_read_message_id = self.home.chats[at].read;
            }
            Action::Break => {
                self.world.force(BREAK, id).await;
                self.home.break_chat(at);
                self.rows[at].archived = true;
            }
            Action::Send { interrupt } => return self.send(at, interrupt).await,
            Action::Edit => return self.edit(at, step).await,
            Action::DeleteQueued => return self.delete_queued(at, step).await,
            Action::Promote => return self.promote(at, step).await,
            Action::Interrupt => {
                let stored = self.world.store.interrupt(id, now).await;
                return self.committed(at, stored, Model::interrupt);
            }
            Action::Submit => return self.submit(at, step).await,
            Action::CancelClientTools => {
                let stored = self.world.store.cancel_action(id, now).await;
                return agree(stored, self.home.chats[at].cancel(now));
            }
            Action::Update => return self.update(at, step).await,
            Action::AskForSummary => {
                let stored = self.world.store.request_compaction(id, None, now).await;
                return agree(stored, self.home.chats[at].ask_for_summary());
            }
            Action::Clear => return self.clear(at).await,
            Action::Reconcile => {
                let stored = self.world.store.reconcile(id, crate::content::repaired(), now).await;
                return agree(stored, self.home.chats[at].reconcile());
            }
            Action::Acquire => return self.acquire(at, self.workers[usize::from(step.flag)], STALE).await,
            Action::Steal => {
                return self.acquire(at, self.workers[usize::from(step.flag)], std::time::Duration::ZERO).await;
            }
            Action::Abandon => {
                let fence = self.home.chats[at].fence(step.who);
                let stored = self.world.store.abandon(id, fence.runner_id, now).await;
                return agree(stored, self.home.chats[at].abandon(fence));
            }
            Action::Work(operation) => return self.work(at, operation, step).await,
        }
        Ok(())
    }

    /// Time passes. What was to be done by now, and what a worker could take, is found.
    async fn wait(&mut self, step: &Step) {
        self.world.now += step.pause();
        let (store, now) = (&self.world.store, self.world.now);
        let due = store.expired_actions(now, 100).await.expect("listed");
        let asks = |chat: &&Model| chat.allows(Operation::CancelRequiresAction);
        let expected = self.home.chats.iter().filter(asks).filter(|chat| chat.deadline.is_some_and(|at| at <= now));
        assert_eq!(BTreeSet::from_iter(due), expected.map(|chat| chat.id).collect::<BTreeSet<ChatId>>(), "due");
        let found = store.runnable(Room::of_each(100), now, STALE).await.expect("listed");
        let expected = self.home.chats.iter().filter(|chat| chat.is_runnable(now, STALE)).map(|chat| chat.id);
        let found: BTreeSet<ChatId> = found.into_iter().map(|one| one.chat_id).collect();
        assert_eq!(found, expected.collect::<BTreeSet<ChatId>>(), "runnable");
        let free = |chat: &&Model| chat.lease.is_none() && chat.allows(Operation::Acquire);
        let expected = self.home.chats.iter().filter(free).map(|chat| chat.id);
        let found = store.unleased(Room::of_each(100), now, STALE).await.expect("listed");
        let found: BTreeSet<ChatId> = found.into_iter().map(|one| one.chat_id).collect();
        assert_eq!(found, expected.collect::<BTreeSet<ChatId>>(), "unleased");
    }

    pub(super) fn new_text(&mut self) -> String {
        self.said += 1;
        format!("text {}", self.said)
    }

    /// Does to the model what was done to the chat, and compares what was committed.
    pub(super) fn committed(
        &mut self,
        at: usize,
        stored: Result<(Chat, Vec<Message>), StoreError>,
        operate: impl FnOnce(&mut Model) -> Result<(), Why>,
    ) -> Result<(), Why> {
        let model = &mut self.home.chats[at];
        let before = model.lines.len();
        let expected = operate(model);
        if let Ok((_, messages)) = &stored {
            assert_eq!(Line::all(messages), model.lines[before..], "all that was inserted is returned");
        }
        agree(stored.map(|(chat, _)| chat), expected)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "results are made for it")]
pub(super) fn agree(stored: Result<Chat, StoreError>, expected: Result<(), Why>) -> Result<(), Why> {
    assert_eq!(why(&stored), expected.err(), "the store and the model: {stored:?}");
    expected
}
