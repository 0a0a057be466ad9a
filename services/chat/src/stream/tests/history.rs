//! Committed messages.

use std::time::Duration;

use chatmesh_bus::Bus;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1::stream_chat_response::Event;
use chatmesh_proto::common::v1::Role;

use crate::domain::ChatId;
use crate::stream::subscriber::POLL_INTERVAL;
use crate::testing::{Faults, Reader, Replica, Runner, Standstill, World, eventually, pass, text_of};
use crate::turn::cleared_context;

async fn step(replica: &Replica, chat: ChatId, text: &str) -> Runner {
    let mut runner = Runner::acquire(replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say(text);
    runner.commit().await.expect("committed");
    runner
}

fn texts(reader: &Reader) -> Vec<String> {
    reader.client.messages.values().map(text_of).collect()
}

/// F7: hints come in any order, late or never; messages come all and in the order of their numbers.
#[tokio::test(start_paused = true)]
async fn messages_come_in_order_although_hints_do_not() {
    let _still = Standstill::begin();
    for seed in 0..8 {
        let world = World::with(Bus::unreliable(Bus::memory(), seed), Faults::default()).await;
        let replica = world.replica().await;
        let chat = replica.chat("go on").await;
        let mut reader = replica.reader(chat).await;
        let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
        for n in 0..10 {
            runner.attempt().await.expect("called");
            runner.say(&format!("step {n}"));
            runner.commit().await.expect("committed");
            reader.read(usize::MAX);
        }
        // The client checks that the numbers grow.
        let read = async || {
            pass(POLL_INTERVAL).await;
            reader.read(usize::MAX);
            // A stream that waited too long for the database ends, and its client comes back.
            if !reader.is_connected() {
                reader.connect(&replica).await;
            }
            reader.client.seen()
        };
        eventually("all messages", read, |seen| *seen == 11).await;
    }
}

/// F20: an edit on one replica reaches the subscribers of another, hint or no hint (W-T5).
#[tokio::test(start_paused = true)]
async fn an_edit_on_one_replica_is_seen_on_the_others() {
    let _still = Standstill::begin();
    for heard in [true, false] {
        let world = World::new().await;
        let (here, there) = (world.replica().await, world.replica().await);
        let chat = here.chat("first").await;
        let mut runner = step(&here, chat, "an answer").await;
        runner.finish().await.expect("finished");
        here.send(chat, "second", false).await;
        let mut old = Runner::acquire(&here, chat).await.expect("leased");
        old.attempt().await.expect("called");
        old.say("of the old branch");
        let mut reader = there.reader(chat).await;
        reader.until("the live text", |client| client.live_text() == "of the old branch").await;

        let edited = there.try_edit(chat, 3, "other").await.expect("edited");
        if heard {
            there.state.hints.changed(&edited.chat).await;
        } else {
            pass(POLL_INTERVAL).await;
        }
        reader.until("the edit", |client| client.messages.contains_key(&4)).await;
        assert_eq!(texts(&reader), ["first", "an answer", "other"]);
        assert_eq!(reader.client.live, [], "what was shown live belongs to a forgotten branch");

        // The old runner knows nothing yet: what it says and writes is not seen by anyone.
        old.say(" and more of it");
        assert!(old.commit().await.is_err(), "its lease is gone");
        step(&there, chat, "a new answer").await;
        reader.until("the new answer", |client| client.messages.contains_key(&5)).await;
        assert_eq!(texts(&reader), ["first", "an answer", "other", "a new answer"]);
    }
}

/// W-T11: a promoted message is seen as a message before it is gone from the queue.
#[tokio::test(start_paused = true)]
async fn a_promoted_message_enters_the_history_before_it_leaves_the_queue() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut runner = step(&replica, chat, "an answer").await;
    replica.send(chat, "queued", false).await;
    let mut reader = replica.reader(chat).await;
    reader.until("the queue", |client| client.queue.len() == 1).await;
    runner.finish().await.expect("finished");
    reader.until("the promotion", |client| client.queue.is_empty() && client.messages.len() == 3).await;
    let events = &reader.client.events;
    let message = events.iter().position(|event| matches!(event, Event::Message(message) if message.id == 3));
    let queue = events
        .iter()
        .position(|event| matches!(event, Event::QueueUpdate(update) if update.queued_messages.is_empty()));
    assert!(message < queue && message.is_some(), "message at {message:?}, queue at {queue:?}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_answer_stays_before_the_message_that_interrupted_it() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("half a sen");
    let mut reader = replica.reader(chat).await;
    reader.until("the live text", |client| client.live_text() == "half a sen").await;
    replica.send(chat, "stop", true).await;
    reader.until("the queue", |client| client.queue.len() == 1).await;
    assert_eq!(reader.client.live_text(), "half a sen", "what was said is shown until it is committed");
    runner.finish_interruption().await.expect("stopped");
    reader.until("the promotion", |client| client.messages.len() == 3).await;
    assert_eq!(texts(&reader), ["first", "half a sen", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_summary_that_people_see_come_as_messages() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut runner = step(&replica, chat, "an answer").await;
    let mut reader = replica.reader(chat).await;
    reader.until("the answer", |client| client.seen() == 2).await;
    runner.compact(cleared_context(SystemIds.next())).await.expect("committed");
    runner.attempt().await.expect("called");
    runner.say("after it");
    runner.commit().await.expect("committed");
    reader.until("the next answer", |client| client.messages.contains_key(&6)).await;
    let compressed: Vec<(u32, Role)> = reader
        .client
        .messages
        .values()
        .filter(|message| message.compressed)
        .map(|message| (message.id, message.role()))
        .collect();
    assert_eq!(compressed, [(4, Role::Assistant), (5, Role::Tool)], "row 3 is the model's alone");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_no_hint_told_is_found_by_looking() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut reader = replica.reader(chat).await;
    reader.until("the question", |client| client.seen() == 1).await;
    replica.state.store.send(chat, replica.outgoing("silent", false), replica.now()).await.expect("sent");
    pass(POLL_INTERVAL - Duration::from_millis(1)).await;
    reader.read(usize::MAX);
    assert_eq!(reader.client.queue, [], "nobody looked yet");
    pass(Duration::from_millis(1)).await;
    reader.until("the queue", |client| client.queue.len() == 1).await;
}
