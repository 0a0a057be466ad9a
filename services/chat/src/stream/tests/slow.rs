//! Readers that do not read.

use tonic::Code;

use crate::stream::outbox::PATIENCE;
use crate::testing::{Runner, Standstill, World, breathe, eventually, pass};

/// W-T6: one who does not read holds nobody up, is cut off, and finds everything when coming back.
#[tokio::test(start_paused = true)]
async fn a_reader_that_does_not_read_is_cut_off_and_slows_nobody_down() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let (mut idle, mut other) = (replica.reader(chat).await, replica.reader(chat).await);
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    let mut said = String::new();
    for n in 0..1000 {
        let word = format!("{n} ");
        runner.say(&word);
        said.push_str(&word);
    }
    let shown = said.clone();
    other.until("all that was said", move |client| client.live_text() == shown).await;
    runner.commit().await.expect("committed");
    other.until("the answer", |client| client.seen() == 2).await;

    // Its events wait, for as long as it may take.
    pass(PATIENCE / 2).await;
    assert_eq!(replica.state.metrics.subscribers.get(), 2);
    pass(PATIENCE).await;
    eventually("it is cut off", async || replica.state.metrics.subscribers.get(), |count| *count == 1).await;
    let status = idle.until_end().await.expect("a reason");
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    assert!(status.message().contains("after_message_id"), "{status:?}");

    idle.connect(&replica).await;
    idle.until("the answer", |client| client.seen() == 2).await;
    assert_eq!(idle.client.messages, other.client.messages);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_has_nothing_to_read_is_not_cut_off() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut reader = replica.reader(chat).await;
    reader.until("the question", |client| client.seen() == 1).await;
    for n in 1..=5 {
        pass(PATIENCE * 2).await;
        replica.send(chat, "queued", false).await;
        reader.until("the queue", |client| client.queue.len() == n).await;
    }
    assert!(reader.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_tells_its_readers_to_come_back() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (ends, stays) = (world.replica().await, world.replica().await);
    let chat = ends.chat("hello").await;
    let mut reader = ends.reader(chat).await;
    reader.until("the question", |client| client.seen() == 1).await;
    ends.state.tasks.shutdown().begin();
    let status = reader.until_end().await.expect("a reason");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    reader.connect(&stays).await;
    stays.send(chat, "queued", false).await;
    reader.until("the queue", |client| client.queue.len() == 1).await;

    // One that is not given the time is closed all the same.
    stays.state.tasks.shutdown().force();
    breathe().await;
    let status = reader.until_end().await.expect("a reason");
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
