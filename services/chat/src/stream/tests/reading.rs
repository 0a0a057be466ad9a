//! What the owner has seen.

use std::sync::Arc;

use chatmesh_bus::Hint;
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1::WatchKind;
use chatmesh_rpc::{Caller, Role, UserId};

use crate::domain::ChatId;
use crate::testing::{Replica, Runner, Standstill, World, breathe, eventually};
use crate::{hints, stream};

async fn answered(replica: &Replica) -> ChatId {
    let chat = replica.chat("hello").await;
    say(replica, chat).await;
    chat
}

async fn say(replica: &Replica, chat: ChatId) {
    let mut runner = Runner::acquire(replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.say("an answer");
    runner.commit().await.expect("committed");
    runner.finish().await.expect("finished");
}

/// How often the list of the owner is told that something on a chat changed.
async fn told(subscription: &mut chatmesh_bus::Subscription) -> usize {
    breathe().await;
    let mut count = 0;
    while let Some(Some(Hint::Message { payload, .. })) = futures::FutureExt::now_or_never(subscription.next()) {
        let (_, kind) = hints::read_listed(&payload).expect("a hint");
        count += usize::from(kind == WatchKind::MetadataChange);
    }
    count
}

#[tokio::test(start_paused = true)]
async fn opening_and_closing_the_owners_stream_says_what_is_read() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = answered(&replica).await;
    let mut list = replica.state.bus.subscribe(&hints::of_owner(replica.owner)).await.expect("subscribed");
    assert!(replica.get(chat).await.has_unread());

    let mut reader = replica.reader(chat).await;
    assert!(!replica.get(chat).await.has_unread(), "it was opened");
    assert_eq!(told(&mut list).await, 1);

    replica.send(chat, "more", false).await;
    say(&replica, chat).await;
    reader.until("the second answer", |client| client.seen() == 4).await;
    assert!(replica.get(chat).await.has_unread(), "only opening and closing count");
    reader.drop_connection();
    // The mark has a task of its own, which tells of it after it is made.
    eventually("the stream is closed", async || replica.state.tasks.running(), Vec::is_empty).await;
    assert!(!replica.get(chat).await.has_unread(), "it was closed");
    assert_eq!(told(&mut list).await, 1);

    // What was read already is no news.
    let mut again = replica.reader(chat).await;
    again.drop_connection();
    eventually("the stream is closed", async || replica.state.tasks.running(), Vec::is_empty).await;
    assert_eq!(told(&mut list).await, 0);
}

#[tokio::test(start_paused = true)]
async fn somebody_else_who_looks_leaves_the_owners_marks_alone() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = answered(&replica).await;
    let other = Caller::user(UserId(SystemIds.next()), Role::Admin);
    let service = Caller::service("tools", None);
    for caller in [other, service] {
        let row = replica.get(chat).await;
        let events = stream::open(Arc::clone(&replica.state), &caller, row, 0).await.expect("a stream");
        assert!(replica.get(chat).await.has_unread(), "{caller:?} opened it");
        drop(events);
        eventually("the stream is closed", async || replica.state.tasks.running(), Vec::is_empty).await;
        assert!(replica.get(chat).await.has_unread(), "{caller:?} closed it");
    }
}
