//! What a subscriber is sent first.

use std::sync::Arc;

use chatmesh_proto::chat::v1::ChatStatus;
use chatmesh_proto::common::v1::{ErrorKind, GenerationError, Role};
use futures::StreamExt as _;

use crate::domain::{NewMessage, Visibility};
use crate::testing::{Client, Runner, Standstill, World, answer, text, text_of};
use crate::{Error, stream};

/// F22: the chat changes after the caller was let in and before the stream stands (W-T10).
#[tokio::test(start_paused = true)]
async fn a_status_that_changes_during_the_handshake_is_not_missed() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let authorized = replica.get(chat).await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("all of it");
    runner.commit().await.expect("committed");
    runner.finish().await.expect("finished");

    let events = stream::open(Arc::clone(&replica.state), &replica.caller(), authorized, 0).await.expect("a stream");
    let mut client = Client::new(chat, world.truth.clone());
    let mut events = Box::pin(events);
    while client.status == ChatStatus::Unspecified {
        client.apply(events.next().await.expect("an event").expect("no error"));
    }
    assert_eq!(client.status, ChatStatus::Waiting, "the first status is already the last one");
    assert_eq!(client.messages.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_says_everything_once_and_in_order() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    replica.send(chat, "waits", false).await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("so ");
    runner.say("far");
    let mut reader = replica.reader(chat).await;
    reader.until("the live text", |client| client.live_text() == "so far").await;
    assert_eq!(reader.kinds(), ["message", "queue", "status", "part", "part"]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_is_sent_what_it_does_not_have() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("one").await;
    let mut reader = replica.reader(chat).await;
    reader.until("the question", |client| client.seen() == 1).await;
    reader.drop_connection();

    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("two");
    runner.commit().await.expect("committed");
    reader.connect(&replica).await;
    reader.until("the answer", |client| client.seen() == 2).await;
    assert_eq!(reader.kinds(), ["message", "status"], "the question is not sent again");
}

/// F20: an edit while the reader was away took messages back that it holds.
#[tokio::test(start_paused = true)]
async fn a_reader_that_holds_removed_messages_begins_anew() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("an answer");
    runner.commit().await.expect("committed");
    runner.finish().await.expect("finished");
    let (mut holds_both, mut holds_one) = (replica.reader(chat).await, replica.reader(chat).await);
    holds_both.until("both messages", |client| client.seen() == 2).await;
    holds_one.until("both messages", |client| client.seen() == 2).await;
    holds_both.drop_connection();
    holds_one.drop_connection();
    holds_one.client.messages.clear();

    replica.edit(chat, 1, "better").await;
    holds_both.connect(&replica).await;
    holds_both.until("the edited message", |client| client.messages.contains_key(&3)).await;
    assert_eq!(holds_both.kinds(), ["history_reset", "message", "status"]);
    assert_eq!(holds_both.client.messages.values().map(text_of).collect::<Vec<_>>(), ["better"]);

    holds_one.connect(&replica).await;
    holds_one.until("the edited message", |client| client.messages.contains_key(&3)).await;
    assert_eq!(holds_one.kinds(), ["history_reset", "message", "status"], "it may hold what came after");
    // Whoever has seen the edit goes on from there, although there are gaps before.
    let chat_now = replica.get(chat).await;
    let events = stream::open(Arc::clone(&replica.state), &replica.caller(), chat_now, 3).await.expect("a stream");
    let mut client = Client::new(chat, world.truth.clone());
    client.apply(Box::pin(events).next().await.expect("an event").expect("no error"));
    assert_eq!(client.status, ChatStatus::Running, "no reset, no message");
}

/// Rows that only the model sees leave gaps in the numbers: they are none in what the reader holds.
#[tokio::test(start_paused = true)]
async fn a_reader_that_comes_back_after_a_summary_does_not_begin_anew() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("first").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("an answer");
    runner.commit().await.expect("committed");
    let mut reader = replica.reader(chat).await;
    reader.until("both messages", |client| client.seen() == 2).await;
    reader.drop_connection();
    let hidden = NewMessage { visibility: Visibility::Model, ..NewMessage::new(Role::User, vec![text("in short")]) };
    runner.compact(vec![hidden, answer("summarised", &[])]).await.expect("summarised");
    reader.connect(&replica).await;
    reader.until("the marker", |client| client.messages.contains_key(&4)).await;
    assert_eq!(reader.kinds(), ["message", "status"]);
}

/// F43: whoever opens a failed chat later sees all of the error, not only that there was one.
#[tokio::test(start_paused = true)]
async fn a_failed_chat_shows_its_whole_error_also_after_a_refresh() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let error = GenerationError {
        message: "The provider refused the key.".to_owned(),
        detail: "401: no such key".to_owned(),
        kind: ErrorKind::Auth.into(),
        provider: "House".to_owned(),
        status_code: Some(401),
        ..GenerationError::default()
    };
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    let mut early = replica.reader(chat).await;
    runner.fail(error.clone()).await.expect("failed");
    early.until("the error", |client| client.error.is_some()).await;

    let mut late = replica.reader(chat).await;
    late.until("the error", |client| client.error.is_some()).await;
    for reader in [&early, &late] {
        assert_eq!(reader.client.error.as_ref(), Some(&error));
        assert_eq!(reader.client.status, ChatStatus::Error);
        assert_eq!(reader.kinds().iter().filter(|kind| **kind == "error").count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_told_again_when_the_chat_fails_again() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let error = |message: &str| GenerationError { message: message.to_owned(), ..GenerationError::default() };
    Runner::acquire(&replica, chat).await.expect("leased").fail(error("no")).await.expect("failed");
    let mut reader = replica.reader(chat).await;
    reader.until("the error", |client| client.error.is_some()).await;
    replica.send(chat, "again", false).await;
    reader.until("it runs", |client| client.error.is_none()).await;
    Runner::acquire(&replica, chat).await.expect("leased").fail(error("no")).await.expect("failed");
    reader.until("the same error", |client| client.error.is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_is_gone_is_an_error_and_no_stream() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let missing = replica.new_chat("never created").chat;
    let refused = stream::open(Arc::clone(&replica.state), &replica.caller(), missing.clone(), 0).await;
    assert!(matches!(refused.err(), Some(Error::NotFound(id)) if id == missing.id));
}
