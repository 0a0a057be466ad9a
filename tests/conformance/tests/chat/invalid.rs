//! What no chat may be: the schema refuses what it can, and what it cannot is repaired.

use chatmesh_chat::ChatStore as _;
use chatmesh_chat::machine::{State, Status};
use chatmesh_db::{Sql, Value, values};

use crate::content::{answer, failure, repaired};
use crate::invariants::{calls_are_answered, errors_have_words};
use crate::table::BREAK;
use crate::world::{World, fence, is_lost, new_worker, worlds};

/// A status that a hand wrote, with or without a queue, put away or not, and with or without the words of an error.
#[derive(Debug, Clone, Copy)]
struct Written {
    status: Status,
    queued: bool,
    archived: bool,
    failed: bool,
}

impl Written {
    fn all() -> impl Iterator<Item = Self> {
        Status::ALL.into_iter().flat_map(|status| {
            (0..8).map(move |bits| Self { status, queued: bits & 1 > 0, archived: bits & 2 > 0, failed: bits & 4 > 0 })
        })
    }

    /// An idle chat has no queue; an error has words, and nothing else has.
    fn is_refused(self) -> bool {
        (self.status == Status::Waiting && self.queued) || (self.status == Status::Error) != self.failed
    }

    /// Only what is idle may be put away.
    fn is_invalid(self) -> bool {
        self.archived && !matches!(self.status, Status::Waiting | Status::Error)
    }
}

impl World {
    async fn write(&self, chat: &chatmesh_chat::Chat, written: Written) -> bool {
        const WRITE: Sql = Sql::portable("UPDATE chats SET status = $2, archived = $3, last_error = $4 WHERE id = $1");
        let words: Option<Vec<u8>> = written.failed.then(|| b"\x0a\x01x".to_vec());
        let row = values![chat.id.0, written.status.as_str(), written.archived];
        let row = [row, vec![Value::Bytes(words)]].concat();
        self.db.execute(WRITE, row).await.is_ok()
    }
}

#[tokio::test]
async fn the_schema_refuses_what_it_can_and_the_rest_is_a_state_or_invalid() {
    for world in worlds().await {
        let (mut refused, mut invalid, mut valid) = (0, 0, 0);
        for written in Written::all() {
            let chat = world.create("first").await;
            if written.queued {
                world.send(chat.id, "waits").await;
            }
            let before = world.dump().await;
            let is_stored = world.write(&chat, written).await;
            assert_eq!(is_stored, !written.is_refused(), "{}: {written:?}", world.engine);
            if !is_stored {
                assert_eq!(world.dump().await, before, "{}: {written:?}", world.engine);
                refused += 1;
                continue;
            }
            let state = world.get(chat.id).await.state();
            assert_eq!(state == State::Invalid, written.is_invalid(), "{}: {written:?}: {state}", world.engine);
            if written.is_invalid() {
                invalid += 1;
            } else {
                valid += 1;
            };
        }
        assert_eq!((refused, valid, invalid), (22, 12, 6), "{}: of 40", world.engine);
    }
}

#[tokio::test]
async fn no_status_is_unknown_and_nothing_is_said_by_nobody() {
    const STATEMENTS: [Sql; 3] = [
        Sql::portable("UPDATE chats SET status = 'asleep' WHERE id = $1"),
        Sql::portable("UPDATE chat_messages SET role = 'nobody' WHERE chat_id = $1"),
        Sql::portable("UPDATE chat_messages SET visibility = 'nobody' WHERE chat_id = $1"),
    ];
    for world in worlds().await {
        let chat = world.create("first").await;
        for statement in STATEMENTS {
            let result = world.db.execute(statement, values![chat.id.0]).await;
            assert!(result.is_err(), "{}: {statement:?}", world.engine);
        }
        assert_eq!(world.get(chat.id).await, chat, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_chat_that_contradicts_itself_is_repaired_and_works_again() {
    for mut world in worlds().await {
        let table: [(&[&str], &[&str]); 4] = [(&[], &[]), (&[], &["waits"]), (&["a", "b"], &[]), (&["a"], &["waits"])];
        for (calls, queued) in table {
            let chat = if calls.is_empty() {
                let chat = world.running("first").await;
                for text in queued {
                    world.send(chat.id, text).await;
                }
                world.store.record_step(fence(&chat), &answer("kept"), None, world.now).await.expect("kept")
            } else {
                world.asking(calls, queued).await
            };
            let runner = chat.lease.map(|_| fence(&chat));
            let before = world.get(chat.id).await;
            world.force(BREAK, chat.id).await;
            world.tick();
            let after = world.store.reconcile(chat.id, repaired(), world.now).await.expect("repaired");
            let expected = if queued.is_empty() { State::E0 } else { State::E1 };
            assert_eq!((after.state(), &after.last_error), (expected, &Some(repaired())), "{}", world.engine);
            errors_have_words(&after);
            assert_eq!(
                (after.lease, after.action_deadline_at, after.archived),
                (None, None, false),
                "{}",
                world.engine
            );
            assert_eq!(after.versions.snapshot, before.versions.snapshot + 1, "{}", world.engine);
            let answered = u32::try_from(calls.len()).expect("small");
            assert_eq!(after.last_message_id, before.last_message_id + answered, "{}", world.engine);
            calls_are_answered(&world.prompt(chat.id).await, false);
            assert_eq!(world.queue(chat.id).await.len(), queued.len(), "{}: the queue waits", world.engine);
            if let Some(old) = runner {
                world.is_fenced_without_lease(old, "repaired").await;
            }

            let again = world.store.reconcile(chat.id, failure(), world.now).await;
            assert!(again.is_err() && !is_lost(&again), "{}: only what is broken: {again:?}", world.engine);
            world.send(chat.id, "go on").await;
            let acquired = world.acquire(new_worker(), 10).await.pop().expect("it runs again");
            assert_eq!(acquired.chat.id, chat.id, "{}", world.engine);
            let mut running = acquired.chat;
            while running.status == Status::Running {
                running = world.store.finish_turn(fence(&running), world.now).await.expect("finished");
            }
        }
    }
}
