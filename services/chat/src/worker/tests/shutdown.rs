//! The end of a process in the middle of turns.

use std::time::Duration;

use super::script::{Fate, Plan};
use super::time::eventually;
use super::world::{Replica, World, config, without_poll};
use crate::machine::Status;
use crate::store::ChatStore as _;
use crate::{Config, WorkerId};

impl World {
    async fn listed(&self, worker: WorkerId) -> bool {
        self.live().await.iter().any(|live| live.worker_id == worker)
    }
}

impl Replica {
    async fn terminate(&self) {
        self.state.tasks.shutdown().begin();
        eventually("all ended", async || self.state.tasks.running().is_empty()).await;
        assert_eq!(self.state.tasks.crashed(), None);
    }
}

/// S-T9.
#[tokio::test(start_paused = true)]
async fn a_process_that_ends_hands_its_turns_over_at_once() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let ending = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    let heir = world.start(without_poll()).await;
    let before = world.get(chat).await;
    ending.terminate().await;
    let second = world.begun(chat, 2).await;
    assert_eq!(second.worker, heir.state.worker_id);
    assert_eq!(world.script.of(chat)[0].fate, Fate::Stopped);
    assert_eq!(second.chat.versions.history, before.versions.history, "what was not committed is not kept");
    assert_eq!(world.texts(chat).await, ["user: begin"], "nobody interrupted the turn");
    assert!(!world.listed(ending.state.worker_id).await, "it is off the list");
    assert_eq!(ending.state.metrics.running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_takes_no_new_work() {
    let world = World::new().await;
    let ending = world.start(config()).await;
    ending.terminate().await;
    let chat = world.hinted_chat().await;
    tokio::time::advance(Duration::from_secs(5)).await;
    let heir = world.start(config()).await;
    assert_eq!(world.begun(chat, 1).await.worker, heir.state.worker_id);
    assert_eq!(world.script.of(chat).len(), 1);
}

/// The next turn, of the message that waited, is not begun by a process that ends.
#[tokio::test(start_paused = true)]
async fn a_turn_that_succeeds_while_its_process_ends_still_gives_the_lease_back() {
    let world = World::new().await;
    let ending = world.start(without_poll()).await;
    let chat = world.chat().await;
    world.store.send(chat, world.outgoing("and then"), world.clock.now()).await.expect("queued");
    world.script.plan(chat, Plan::EndWithTheProcess);
    world.hint(chat).await;
    assert_eq!(world.ended(chat, 1).await, Fate::Returned);
    eventually("all ended", async || ending.state.tasks.running().is_empty()).await;
    let left = world.get(chat).await;
    assert_eq!((left.status, left.lease, left.queued_count), (Status::Running, None, 0));
    assert_eq!(world.script.of(chat).len(), 1);
    assert_eq!(world.texts(chat).await, ["user: begin", "user: and then"]);
}

/// Only its runner knows what was said.
#[tokio::test(start_paused = true)]
async fn a_turn_that_its_user_stopped_is_finished_by_the_process_that_ends() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let ending = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    world.store.interrupt(chat, world.clock.now()).await.expect("stopped");
    ending.terminate().await;
    let left = world.get(chat).await;
    assert_eq!((left.status, left.lease), (Status::Waiting, None));
    assert_eq!(world.texts(chat).await, ["user: begin", "assistant: let me look [call]", "other: [result]"]);
}

/// A rolling restart: every chat of the worker that is stopped goes on elsewhere within 5 seconds.
#[tokio::test(start_paused = true)]
async fn hundreds_of_turns_go_on_elsewhere_within_seconds() {
    const CHATS: usize = 200;
    let world = World::new().await;
    let room = Config { max_running: 300, ..without_poll() };
    let ending = world.start(room.clone()).await;
    let chats = world.chats(CHATS).await;
    world.hint(chats[0]).await;
    eventually("all have begun", async || world.script.begun().len() == CHATS).await;
    let heirs = [world.start(room.clone()).await, world.start(room).await];

    let began = tokio::time::Instant::now();
    let real = std::time::Instant::now();
    ending.terminate().await;
    eventually("all go on", async || {
        tokio::time::advance(Duration::from_millis(5)).await;
        world.script.begun().len() >= 2 * CHATS
    })
    .await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(real.elapsed() < Duration::from_secs(5), "{:?} of real time", real.elapsed());
    for chat in chats {
        let turns = world.script.of(chat);
        assert_eq!(turns.len(), 2, "{turns:?}");
        assert_eq!(world.get(chat).await.lease.expect("leased").runner_id, turns[1].runner);
    }
    let shares = heirs.each_ref().map(|heir| world.script.running_on(heir.state.worker_id));
    assert!(shares.iter().all(|share| *share >= CHATS / 10), "both take their part: {shares:?}");
}

/// The count of failed calls and the pause before the next one belong to the chat.
#[tokio::test(start_paused = true)]
async fn whoever_takes_a_chat_over_finds_the_count_of_its_failures() {
    let world = World::new().await;
    let ending = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    let begun = world.begun(chat, 1).await;
    let history_version = begun.chat.versions.history;
    let fence = crate::store::Fence { chat_id: chat, runner_id: begun.runner, history_version };
    let now = world.clock.now();
    world.store.record_attempt(fence, now).await.expect("counted");
    let retry = chatmesh_proto::chat::v1::Retry { attempt: 1, delay_ms: 60_000, ..Default::default() };
    world.store.record_retry(fence, retry.clone(), now).await.expect("kept");
    ending.terminate().await;
    let _heir = world.start(without_poll()).await;
    world.hint(chat).await;
    let second = world.begun(chat, 2).await;
    assert_eq!(second.chat.versions.generation_attempt, 1);
    assert_eq!(second.chat.retry_state, Some(retry));
}
