//! What stops a turn, and what does not.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_bus::Subject;
use chatmesh_core::{IdSource as _, SystemIds};
use tokio::sync::Semaphore;

use super::script::{Begun, Fate, Plan, answer};
use super::time::eventually;
use super::world::{World, config, said, without_poll};
use crate::domain::{Chat, ChatId, NewMessage};
use crate::machine::Status;
use crate::store::{ChatStore as _, Edit, Fence};
use crate::worker::slots::Slots;
use crate::{Config, Lease, Pool, RunnerId, WorkerId};

impl World {
    async fn interrupt(&self, chat: ChatId) -> Chat {
        let (stopped, _) = self.store.interrupt(chat, self.clock.now()).await.expect("stopped");
        self.hints.status_changed(&stopped).await;
        stopped
    }
}

/// What was said of a chat before its turn began.
fn hints_of_the_past(begun: &Begun) -> Vec<Chat> {
    let stranger = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
    let mut hints = Vec::new();
    for status in [Status::Interrupting, Status::Waiting, Status::Error, Status::Running] {
        for lease in [None, Some(stranger), begun.chat.lease] {
            for age in [0, 1] {
                let mut chat = Chat { status, lease, ..begun.chat.clone() };
                chat.versions.snapshot -= age;
                hints.push(chat);
            }
        }
    }
    hints
}

/// F2: the hint that woke the worker, or one of before, interrupts the turn that it began. S-T6.
#[tokio::test(start_paused = true)]
async fn hints_of_the_past_do_not_stop_a_turn() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let _replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    let begun = world.begun(chat, 1).await;
    for past in hints_of_the_past(&begun) {
        world.hints.changed(&past).await;
    }
    // Behind all of them on the bus: when it has worked, they were heard.
    world.interrupt(chat).await;
    let ended = world.becomes(chat, Status::Waiting).await;
    assert_eq!(world.script.of(chat).len(), 1);
    assert_eq!(ended.versions.snapshot, begun.chat.versions.snapshot + 2, "stopped once, and ended");
    assert_eq!(world.texts(chat).await, ["user: begin", "assistant: let me look [call]", "other: [result]"]);
}

/// F17: what concerned an earlier runner of the chat kills the new one.
#[tokio::test(start_paused = true)]
async fn late_hints_about_an_earlier_runner_do_not_stop_the_new_one() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let _replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    let first = world.begun(chat, 1).await;
    let edited = world.edit(chat).await;
    assert_eq!(world.ended(chat, 1).await, Fate::Stopped);
    let second = world.begun(chat, 2).await;
    assert_ne!(first.runner, second.runner);

    for late in hints_of_the_past(&first).iter().chain([&first.chat, &edited]) {
        world.hints.changed(late).await;
    }
    world.interrupt(chat).await;
    world.becomes(chat, Status::Waiting).await;
    assert_eq!(world.script.of(chat).len(), 2, "the new one was stopped once, by its user");
    let texts = world.texts(chat).await;
    assert_eq!(texts, ["user: edited", "assistant: let me look [call]", "other: [result]"]);
}

impl World {
    /// As another replica does it.
    async fn edit(&self, chat: ChatId) -> Chat {
        let message = NewMessage::from_user(self.owner, said("edited"), None);
        let edit = Edit { message_id: 1, message, model: String::new(), traceparent: None };
        let edited = self.store.edit(chat, edit, self.clock.now()).await.expect("edited").chat;
        self.hints.status_changed(&edited).await;
        edited
    }
}

/// S-T10: what a turn said before an edit elsewhere does not come back.
#[tokio::test(start_paused = true)]
async fn an_edit_on_another_replica_stops_the_turn_and_nothing_of_it_is_kept() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    let first = world.begun(chat, 1).await;
    world.edit(chat).await;
    assert_eq!(world.ended(chat, 1).await, Fate::Stopped);
    world.begun(chat, 2).await;
    assert_eq!(world.texts(chat).await, ["user: edited"]);
    let fence = Fence { chat_id: chat, runner_id: first.runner, history_version: first.chat.versions.history };
    let late = world.store.commit_step(fence, vec![answer("late")], world.clock.now()).await;
    assert!(late.is_err(), "{late:?}");
    eventually("one place is taken", async || replica.worker.slots.len() == 1).await;
}

/// Its hint is lost; the poll of the runner finds it.
#[tokio::test(start_paused = true)]
async fn an_interruption_that_nobody_hinted_at_is_found_by_the_runner() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    world.store.interrupt(chat, world.clock.now()).await.expect("stopped");
    world.pass(5, &[&replica]).await;
    world.becomes(chat, Status::Waiting).await;
}

/// The row was read with the lease, the runner listens only later.
#[tokio::test(start_paused = true)]
async fn an_interruption_between_the_lease_and_the_first_hint_is_not_missed() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let replica = world.start(without_poll()).await;
    replica.leases.hold_answers();
    let chat = world.hinted_chat().await;
    eventually("it is leased", async || world.get(chat).await.lease.is_some()).await;
    world.store.interrupt(chat, world.clock.now()).await.expect("stopped");
    replica.leases.release();
    world.becomes(chat, Status::Waiting).await;
}

/// S-T7, while a step is persisted: the interruption came first.
#[tokio::test(start_paused = true)]
async fn a_step_whose_commit_is_refused_because_its_user_stopped_it_is_kept_once() {
    let world = World::new().await;
    let _replica = world.start(without_poll()).await;
    let told = Arc::new(Semaphore::new(0));
    let chat = world.chat().await;
    world.script.plan(chat, Plan::CommitWhenTold(Arc::clone(&told)));
    world.hint(chat).await;
    world.begun(chat, 1).await;
    world.store.interrupt(chat, world.clock.now()).await.expect("stopped");
    told.add_permits(1);
    world.becomes(chat, Status::Waiting).await;
    assert_eq!(world.ended(chat, 1).await, Fate::Returned);
    assert_eq!(world.texts(chat).await, ["user: begin", "assistant: let me look [call]", "other: [result]"]);
}

/// S-T7, while a step is persisted: the commit came first.
#[tokio::test(start_paused = true)]
async fn a_step_that_was_committed_before_its_turn_was_stopped_is_kept_once() {
    let world = World::new().await;
    let _replica = world.start(without_poll()).await;
    let told = Arc::new(Semaphore::new(1));
    let chat = world.chat().await;
    world.script.plan(chat, Plan::CommitWhenTold(told));
    world.hint(chat).await;
    // The second turn has not been told to commit.
    world.begun(chat, 2).await;
    world.script.plan(chat, Plan::Hang);
    world.interrupt(chat).await;
    world.becomes(chat, Status::Waiting).await;
    let texts = world.texts(chat).await;
    assert_eq!(texts.iter().filter(|text| text.contains("let me look")).count(), 2, "{texts:?}");
}

/// The chats queue is next, behind what was said.
#[tokio::test(start_paused = true)]
async fn after_an_interruption_the_message_that_waits_begins_the_next_turn() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let _replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    let first = world.begun(chat, 1).await;
    world.store.send(chat, world.outgoing("and then"), world.clock.now()).await.expect("queued");
    world.interrupt(chat).await;
    let second = world.begun(chat, 2).await;
    assert_eq!(second.runner, first.runner, "under the same lease");
    let texts = world.texts(chat).await;
    assert_eq!(texts, ["user: begin", "assistant: let me look [call]", "other: [result]", "user: and then"]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_takes_too_long_ends_with_an_error_and_keeps_what_was_said() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let replica = world.start(Config { max_turn_duration: Duration::from_secs(10), ..config() }).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    world.pass(9, &[&replica]).await;
    assert_eq!(world.get(chat).await.status, Status::Running);
    world.pass(1, &[&replica]).await;
    let failed = world.becomes(chat, Status::Error).await;
    let error = failed.last_error.expect("an error").message;
    assert!(error.contains("longer than 10 seconds"), "{error}");
    assert_eq!(failed.lease, None);
    assert_eq!(world.texts(chat).await, ["user: begin", "assistant: let me look [call]", "other: [result]"]);
}

/// Two runners of a chat overlap while one of them ends: the live parts are the new one's.
#[tokio::test(start_paused = true)]
async fn a_runner_that_ends_does_not_take_the_live_parts_of_the_next_one_along() {
    let world = World::new().await;
    let replica = world.replica(config()).await;
    let slots = Slots::new(Arc::clone(&replica.state));
    let chat = ChatId(SystemIds.next());
    let now = tokio::time::Instant::now();
    let old = slots.take(chat, Pool::Roots).expect("room");
    old.leased(now);
    let new = slots.take(chat, Pool::Roots).expect("room");
    new.leased(now);
    let live = replica.state.episodes.open(chat, 3, 1);
    drop(old);
    assert!(live.ended_at().is_none());
    assert_eq!(replica.state.metrics.running.get(), 1);
    drop(new);
    assert!(live.ended_at().is_some());
    assert_eq!((slots.len(), slots.free().roots, replica.state.metrics.running.get()), (0, 8, 0));
}

#[tokio::test(start_paused = true)]
async fn hints_that_cannot_be_read_stop_nothing() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let _replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    let subject = Subject::of("chatmesh.chat.v1.changed", chat);
    world.bus.publish(&subject, bytes::Bytes::from_static(b"\xff\xff\xff")).await;
    world.interrupt(chat).await;
    world.becomes(chat, Status::Waiting).await;
    assert_eq!(world.script.of(chat).len(), 1);
}

/// Who stops a chat that waits for room does not wait for the turns of others.
#[tokio::test(start_paused = true)]
async fn a_chat_that_waits_is_stopped_though_there_is_no_room() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let full = Config { max_running: 1, poll_interval: Duration::from_secs(1), ..config() };
    let replica = world.start(full).await;
    let running = world.hinted_chat().await;
    world.begun(running, 1).await;
    let waiting = world.hinted_chat().await;
    let queued = world.outgoing("and then?");
    world.interrupt(waiting).await;
    let sent = world.store.send(waiting, queued, world.clock.now()).await.expect("queued");
    assert_eq!(sent.chat.queued_count, 1);
    world.pass(3, &[&replica]).await;
    // What waited behind it goes on when there is room.
    let next = world.becomes(waiting, Status::Running).await;
    assert_eq!((next.queued_count, world.script.of(waiting).len()), (0, 0));
    assert_eq!(world.script.of(running).len(), 1, "the other one was left alone");
    world.interrupt(running).await;
    world.begun(waiting, 1).await;
}
