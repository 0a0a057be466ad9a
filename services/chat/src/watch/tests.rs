use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::chat::v1::ChatStatus;
use chatmesh_rpc::UserId;
use futures::{FutureExt as _, StreamExt as _};
use tonic::Code;

use super::*;
use crate::domain::ChatId;
use crate::store::{Update, Updated};
use crate::testing::{Replica, Runner, Standstill, World, breathe, eventually, pass};

type Events = Pin<Box<dyn Stream<Item = Result<WatchChatsResponse, Status>> + Send>>;

async fn watching(replica: &Replica) -> Events {
    Box::pin(watch(Arc::clone(&replica.state), replica.owner).await.expect("a stream"))
}

async fn next(events: &mut Events) -> Option<Result<WatchChatsResponse, Status>> {
    tokio::select! {
        event = events.next() => event,
        () = async { loop { breathe().await; } } => unreachable!("it breathes for ever"),
    }
}

async fn kind(events: &mut Events) -> WatchKind {
    next(events).await.expect("an event").expect("no error").kind()
}

async fn archive(replica: &Replica, chat: ChatId, archived: bool) -> Updated {
    let update = Update { archived: Some(archived), ..Update::default() };
    replica.state.store.update(chat, update, replica.now()).await.expect("updated")
}

#[tokio::test(start_paused = true)]
async fn a_change_on_one_replica_is_seen_by_watchers_of_another() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let (here, there) = (world.replica().await, world.replica().await);
    let mut events = watching(&there).await;
    let chat = here.chat("hello").await;
    for hinted in [WatchKind::Created, WatchKind::StatusChange, WatchKind::TitleChange, WatchKind::MetadataChange] {
        here.state.hints.listed(&here.get(chat).await, hinted).await;
        let event = next(&mut events).await.expect("an event").expect("no error");
        assert_eq!((event.kind(), event.chat.expect("a chat").id), (hinted, chat.to_string()));
    }
    let mut runner = Runner::acquire(&here, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.call("ask");
    runner.require_action().await.expect("waits");
    here.state.hints.listed(&runner.chat, WatchKind::ActionRequired).await;
    let event = next(&mut events).await.expect("an event").expect("no error");
    assert_eq!(event.kind(), WatchKind::ActionRequired);
    assert_eq!(event.chat.expect("a chat").status(), ChatStatus::RequiresAction);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_was_put_away_is_gone_from_the_list_whatever_the_hint_says() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.finish().await.expect("finished");
    let mut events = watching(&replica).await;
    let before = replica.get(chat).await;
    archive(&replica, chat, true).await;
    // One hint is from before.
    replica.state.hints.listed(&before, WatchKind::StatusChange).await;
    replica.state.hints.listed(&before, WatchKind::Deleted).await;
    assert_eq!([kind(&mut events).await, kind(&mut events).await], [WatchKind::Deleted; 2]);

    archive(&replica, chat, false).await;
    replica.state.hints.listed(&before, WatchKind::Deleted).await;
    assert_eq!(kind(&mut events).await, WatchKind::Created, "it was taken out again meanwhile");
    replica.state.hints.listed(&before, WatchKind::ActionRequired).await;
    assert_eq!(kind(&mut events).await, WatchKind::StatusChange, "nothing is required any more");
}

#[tokio::test(start_paused = true)]
async fn other_peoples_chats_are_not_in_the_list() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let stranger = UserId(SystemIds.next());
    let mut events: Events = Box::pin(watch(Arc::clone(&replica.state), stranger).await.expect("a stream"));
    let chat = replica.chat("hello").await;
    replica.state.hints.listed(&replica.get(chat).await, WatchKind::Created).await;
    breathe().await;
    assert!(events.next().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_missed_changes_is_told_to_list_again() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut events = watching(&replica).await;
    let row = replica.get(chat).await;
    // More than the bus keeps, before the watcher gets to run.
    for _ in 0..3000 {
        replica.state.hints.listed(&row, WatchKind::MetadataChange).await;
    }
    let status = loop {
        match next(&mut events).await.expect("an event") {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    assert!(next(&mut events).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_does_not_read_is_cut_off() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut events = watching(&replica).await;
    let row = replica.get(chat).await;
    for _ in 0..200 {
        replica.state.hints.listed(&row, WatchKind::MetadataChange).await;
        breathe().await;
    }
    let running = async || {
        pass(Duration::from_secs(1)).await;
        replica.state.tasks.running()
    };
    eventually("it is cut off", running, Vec::is_empty).await;
    let mut last = None;
    while let Some(event) = next(&mut events).await {
        last = Some(event);
    }
    let status = last.expect("events").expect_err("an end");
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    assert!(status.message().contains("list the chats"), "{status:?}");
}

/// A process that dies between a commit and its hint leaves every list as it was.
#[tokio::test(start_paused = true)]
async fn a_change_that_no_hint_told_of_is_shown_after_a_while_and_once() {
    let _still = Standstill::begin();
    let world = World::new().await;
    let replica = world.replica().await;
    let chat = replica.chat("hello").await;
    let mut events = watching(&replica).await;
    replica.state.hints.listed(&replica.get(chat).await, WatchKind::Created).await;
    assert_eq!(kind(&mut events).await, WatchKind::Created);
    let mut runner = Runner::acquire(&replica, chat).await.expect("leased");
    runner.attempt().await.expect("called");
    runner.call("ask");
    runner.require_action().await.expect("waits");
    pass(POLL).await;
    let event = next(&mut events).await.expect("an event").expect("no error");
    assert_eq!(
        (event.kind(), event.chat.expect("a chat").status()),
        (WatchKind::StatusChange, ChatStatus::RequiresAction)
    );
    pass(POLL).await;
    breathe().await;
    assert!(events.next().now_or_never().is_none(), "nothing changed since");
}
