//! Random operations on a few chats, against the model.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use chatmesh_chat::machine::Status;
use chatmesh_chat::{Chat, ChatStore as _, Fence, Lease, Outgoing, RunnerId, StoreError, WorkerId};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_db::Sql;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;

use crate::model::{Model, Refused, Who};
use crate::world::{STALE, World, answer, failure, new_worker, retry, text_of, worlds};

const CHATS: usize = 3;
const STEPS: usize = 40;
/// PostgreSQL gets one in this many of the cases: a round trip to it takes longer.
const POSTGRES_SHARE: u32 = 8;

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    Send {
        chat: usize,
        interrupt: bool,
    },
    /// One of the earlier messages is sent again.
    Repeat {
        chat: usize,
        which: prop::sample::Index,
    },
    Interrupt {
        chat: usize,
    },
    Acquire {
        worker: usize,
        limit: usize,
    },
    Heartbeat {
        worker: usize,
    },
    Abandon {
        chat: usize,
        who: Who,
    },
    Attempt {
        chat: usize,
        who: Who,
    },
    Pause {
        chat: usize,
        who: Who,
    },
    Keep {
        chat: usize,
        who: Who,
    },
    Commit {
        chat: usize,
        who: Who,
        messages: usize,
    },
    Finish {
        chat: usize,
        who: Who,
    },
    Fail {
        chat: usize,
        who: Who,
        messages: usize,
    },
    Stop {
        chat: usize,
        who: Who,
        messages: usize,
    },
    /// Time passes: some, or enough for every lease to become stale.
    Wait {
        long: bool,
    },
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![8 => Just(Who::Holder), 1 => Just(Who::Predecessor), 1 => Just(Who::Latecomer)]
}

fn step() -> impl Strategy<Value = Step> {
    let chat = || 0..CHATS;
    let messages = || 0..3_usize;
    prop_oneof![
        5 => (chat(), prop::bool::weighted(0.3)).prop_map(|(chat, interrupt)| Step::Send { chat, interrupt }),
        1 => (chat(), any::<prop::sample::Index>()).prop_map(|(chat, which)| Step::Repeat { chat, which }),
        1 => chat().prop_map(|chat| Step::Interrupt { chat }),
        4 => (0..2_usize, 0..=CHATS).prop_map(|(worker, limit)| Step::Acquire { worker, limit }),
        1 => (0..2_usize).prop_map(|worker| Step::Heartbeat { worker }),
        1 => (chat(), who()).prop_map(|(chat, who)| Step::Abandon { chat, who }),
        2 => (chat(), who()).prop_map(|(chat, who)| Step::Attempt { chat, who }),
        2 => (chat(), who()).prop_map(|(chat, who)| Step::Pause { chat, who }),
        2 => (chat(), who()).prop_map(|(chat, who)| Step::Keep { chat, who }),
        3 => (chat(), who(), messages()).prop_map(|(chat, who, messages)| Step::Commit { chat, who, messages }),
        4 => (chat(), who()).prop_map(|(chat, who)| Step::Finish { chat, who }),
        2 => (chat(), who(), messages()).prop_map(|(chat, who, messages)| Step::Fail { chat, who, messages }),
        3 => (chat(), who(), messages()).prop_map(|(chat, who, messages)| Step::Stop { chat, who, messages }),
        1 => prop::bool::weighted(0.3).prop_map(|long| Step::Wait { long }),
    ]
}

/// One run: the store, and what should be in it.
struct Run<'a> {
    world: &'a mut World,
    models: Vec<Model>,
    workers: [WorkerId; 2],
    /// What was sent to each chat, by the requests that sent it.
    sent: Vec<Vec<(Uuid, String)>>,
    said: u32,
}

impl<'a> Run<'a> {
    async fn begin(world: &'a mut World) -> Self {
        const EMPTY: [Sql; 2] = [Sql::portable("DELETE FROM chat_heartbeats"), Sql::portable("DELETE FROM chats")];
        for statement in EMPTY {
            world.database.db.execute(statement, Vec::new()).await.expect("emptied");
        }
        let mut models = Vec::new();
        for number in 0..CHATS {
            let text = format!("first of {number}");
            models.push(Model::new(world.create(&text).await.id, text));
            world.tick();
        }
        Self { world, models, workers: [new_worker(), new_worker()], sent: vec![Vec::new(); CHATS], said: 0 }
    }

    fn new_text(&mut self) -> String {
        self.said += 1;
        format!("text {}", self.said)
    }

    fn new_texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.new_text()).collect()
    }

    async fn take(&mut self, step: &Step) {
        self.world.tick();
        match *step {
            Step::Send { chat, interrupt } => self.send(chat, interrupt).await,
            Step::Repeat { chat, which } => self.repeat(chat, which).await,
            Step::Interrupt { chat } => {
                let stored = self.world.store.interrupt(self.models[chat].id, self.world.now).await;
                agree(stored, self.models[chat].interrupt());
            }
            Step::Acquire { worker, limit } => self.acquire(self.workers[worker], limit).await,
            Step::Heartbeat { worker } => self.heartbeat(self.workers[worker]).await,
            Step::Wait { long } => self.world.now += if long { STALE } else { Duration::from_secs(5) },
            Step::Abandon { chat, who }
            | Step::Attempt { chat, who }
            | Step::Pause { chat, who }
            | Step::Keep { chat, who }
            | Step::Finish { chat, who }
            | Step::Commit { chat, who, .. }
            | Step::Fail { chat, who, .. }
            | Step::Stop { chat, who, .. } => {
                let fence = self.models[chat].fence(who);
                self.work(chat, fence, step).await;
            }
        }
        match *step {
            Step::Wait { .. } | Step::Heartbeat { .. } => {}
            Step::Acquire { .. } => self.check(0..CHATS).await,
            Step::Send { chat, .. }
            | Step::Repeat { chat, .. }
            | Step::Interrupt { chat }
            | Step::Abandon { chat, .. }
            | Step::Attempt { chat, .. }
            | Step::Pause { chat, .. }
            | Step::Keep { chat, .. }
            | Step::Commit { chat, .. }
            | Step::Finish { chat, .. }
            | Step::Fail { chat, .. }
            | Step::Stop { chat, .. } => self.check(chat..chat + 1).await,
        }
    }

    /// What a runner does under `fence`.
    async fn work(&mut self, chat: usize, fence: Fence, step: &Step) {
        let texts = match *step {
            Step::Commit { messages, .. } | Step::Fail { messages, .. } | Step::Stop { messages, .. } => {
                self.new_texts(messages)
            }
            Step::Keep { .. } => self.new_texts(1),
            _ => Vec::new(),
        };
        let messages: Vec<_> = texts.iter().map(|text| answer(text)).collect();
        let (store, now, model) = (&self.world.store, self.world.now, &mut self.models[chat]);
        match step {
            Step::Abandon { .. } => {
                agree(store.abandon(fence.chat_id, fence.runner_id, now).await, model.abandon(fence));
            }
            Step::Attempt { .. } => agree(store.record_attempt(fence, now).await, model.attempt(fence)),
            Step::Pause { .. } => agree(store.record_retry(fence, retry(1), now).await, model.pause(fence)),
            Step::Keep { .. } => {
                agree(store.record_step(fence, &messages[0], now).await, model.keep(fence, &texts[0]));
            }
            Step::Commit { .. } => {
                let stored = store.commit_step(fence, messages, now).await;
                agree(stored.map(|(chat, _)| chat), model.commit(fence, &texts));
            }
            Step::Finish { .. } => agree(store.finish_turn(fence, now).await, model.finish(fence)),
            Step::Fail { .. } => {
                agree(store.finish_error(fence, messages, failure(), now).await, model.fail(fence, &texts));
            }
            _ => agree(store.finish_interruption(fence, messages, now).await, model.stop(fence, &texts)),
        }
    }

    async fn send(&mut self, chat: usize, interrupt: bool) {
        let (text, request) = (self.new_text(), SystemIds.next());
        let outgoing = Outgoing { interrupt, ..self.world.request(&text, request) };
        let stored = self.world.try_send(self.models[chat].id, outgoing).await;
        if let Ok(sent) = &stored {
            assert!(sent.changed, "a new request");
            self.sent[chat].push((request, text.clone()));
        }
        let expected = self.models[chat].send(&text, interrupt);
        if let Ok(sent) = &stored {
            let waits = self.models[chat].queue.iter().any(|(_, queued)| *queued == text);
            assert_eq!(sent.queued.is_some(), waits, "whether it waits: {sent:?}");
        }
        agree(stored.map(|sent| sent.chat), expected);
    }

    async fn repeat(&mut self, chat: usize, which: prop::sample::Index) {
        let Some((request, text)) = self.sent[chat].get(which.index(self.sent[chat].len().max(1))) else { return };
        let outgoing = self.world.request("other words", *request);
        let sent = self.world.try_send(self.models[chat].id, outgoing).await.expect("repeated");
        let queued = sent.queued.iter().map(|one| text_of(&one.content));
        let found: Vec<_> = sent.messages.iter().map(|one| text_of(&one.body.content)).chain(queued).collect();
        assert_eq!((sent.changed, found), (false, vec![text.clone()]), "the first result, once");
    }

    async fn acquire(&mut self, worker_id: WorkerId, limit: usize) {
        let mut expected = Vec::new();
        for (index, model) in self.models.iter().enumerate().filter(|(_, model)| model.is_runnable(self.world.now)) {
            let chat = self.world.get(model.id).await;
            expected.push((model.status != Status::Interrupting, chat.updated_at, model.id, index));
        }
        expected.sort_unstable();
        expected.truncate(limit);
        let acquired = self.world.acquire(worker_id, limit).await;
        let ids: Vec<_> = acquired.iter().map(|one| one.chat.id).collect();
        assert_eq!(ids, expected.iter().map(|(_, _, id, _)| *id).collect::<Vec<_>>(), "stopped ones, then the oldest");
        for (one, (_, _, _, index)) in acquired.into_iter().zip(expected) {
            self.models[index].acquire(one.lease, self.world.now);
            assert_eq!((one.chat.lease, one.lease.worker_id), (Some(one.lease), worker_id));
        }
    }

    async fn heartbeat(&mut self, worker: WorkerId) {
        let held = self.world.store.heartbeat(worker, self.world.now).await.expect("asked");
        let held: BTreeMap<_, RunnerId> = held.into_iter().collect();
        let mut expected = BTreeMap::new();
        for model in &mut self.models {
            if let Some(Lease { runner_id, .. }) = model.lease.filter(|lease| lease.worker_id == worker) {
                model.heartbeat(self.world.now);
                expected.insert(model.id, runner_id);
            }
        }
        assert_eq!(held, expected, "exactly what is held");
    }

    async fn check(&self, chats: Range<usize>) {
        for (model, sent) in self.models[chats.clone()].iter().zip(&self.sent[chats]) {
            let stored = self.world.everything(model.id).await;
            model.check(&stored);
            let seen = &stored.seen;
            let history = seen.messages.iter().map(|one| text_of(&one.body.content));
            let all: Vec<_> = history.chain(seen.queue.iter().flatten().map(|one| text_of(&one.content))).collect();
            for (_, text) in sent {
                assert_eq!(
                    all.iter().filter(|one| *one == text).count(),
                    1,
                    "once in the queue or the history: {text}"
                );
            }
        }
    }
}

fn agree(stored: Result<Chat, StoreError>, expected: Result<(), Refused>) {
    let stored = stored.map(drop).map_err(|error| match error {
        StoreError::LeaseLost => Refused::LeaseLost,
        StoreError::Rejected(_) => Refused::Rejected,
        StoreError::QueueFull => Refused::QueueFull,
        other => panic!("{other:?}"),
    });
    assert_eq!(stored, expected, "the store and the model");
}

/// `PROPTEST_CASES` says how many sequences are tried.
#[test]
fn random_operations_leave_what_the_model_says() {
    let runtime = Runtime::new().expect("a runtime");
    for mut world in runtime.block_on(worlds()) {
        let mut config =
            ProptestConfig { failure_persistence: None, max_shrink_iters: 256, ..ProptestConfig::default() };
        if world.engine == "postgres" {
            config.cases = config.cases.div_ceil(POSTGRES_SHARE);
        }
        let world = std::cell::RefCell::new(&mut world);
        let result = TestRunner::new(config).run(&prop::collection::vec(step(), STEPS), |steps| {
            let mut world = world.borrow_mut();
            runtime.block_on(async {
                let mut run = Run::begin(&mut world).await;
                for step in &steps {
                    run.take(step).await;
                }
                run.check(0..CHATS).await;
            });
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{}: {error}", world.borrow().engine));
    }
}
