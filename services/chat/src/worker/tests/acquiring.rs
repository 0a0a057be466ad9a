//! How chats find a worker.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_rpc::UserId;
use tokio::sync::Semaphore;

use super::script::{Fate, Plan};
use super::time::eventually;
use super::world::{Replica, World, config, without_poll};
use crate::machine::Status;
use crate::store::{ChatStore as _, Fence, LeaseStore as _, Room};
use crate::worker::STATEMENT_TIMEOUT;
use crate::{Config, Lease, RunnerId, WorkerId};

#[tokio::test(start_paused = true)]
async fn a_chat_that_nobody_hinted_at_is_found_by_the_poll() {
    let world = World::new().await;
    let replica = world.start(config()).await;
    let chat = world.chat().await;
    world.pass(1, &[&replica]).await;
    let begun = world.begun(chat, 1).await;
    assert_eq!(world.get(chat).await.lease.expect("leased").runner_id, begun.runner);
    assert_eq!(replica.state.metrics.running.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_is_hinted_at_does_not_wait_for_the_poll() {
    let world = World::new().await;
    let _replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
}

/// F21: a message that is promoted, sent or asked for by hand sits idle until the next poll.
#[tokio::test(start_paused = true)]
async fn whatever_makes_a_chat_runnable_wakes_a_worker() {
    let world = World::where_turns(Plan::End).await;
    let replica = world.start(without_poll()).await;
    let chat = world.hinted_chat().await;
    world.becomes(chat, Status::Waiting).await;

    let sent = world.store.send(chat, world.outgoing("again"), world.clock.now()).await.expect("sent");
    world.hints.status_changed(&sent.chat).await;
    world.begun(chat, 2).await;
    world.becomes(chat, Status::Waiting).await;

    // A queue behind a failed turn.
    let told = Arc::new(Semaphore::new(0));
    world.script.plan(chat, Plan::EndWhenTold(told));
    let sent = world.store.send(chat, world.outgoing("fails"), world.clock.now()).await.expect("sent");
    world.hints.status_changed(&sent.chat).await;
    let begun = world.begun(chat, 3).await;
    let queued = world.store.send(chat, world.outgoing("waits"), world.clock.now()).await.expect("queued");
    let fence = Fence { chat_id: chat, runner_id: begun.runner, history_version: queued.chat.versions.history };
    let failed = world.store.finish_error(fence, Vec::new(), Default::default(), world.clock.now()).await;
    world.hints.status_changed(&failed.expect("failed")).await;
    world.pass(1, &[&replica]).await;
    eventually("the failed turn's place is free", async || replica.worker.slots.len() == 0).await;

    world.script.plan(chat, Plan::End);
    let queued = queued.queued.expect("queued").id;
    let (promoted, _) = world.store.promote_queued(chat, queued, world.clock.now()).await.expect("promoted");
    world.hints.status_changed(&promoted).await;
    world.begun(chat, 4).await;
}

/// S-T4.
#[tokio::test(start_paused = true)]
async fn workers_that_race_for_chats_run_each_of_them_once() {
    let world = World::new().await;
    let replicas =
        [world.start(without_poll()).await, world.start(without_poll()).await, world.start(without_poll()).await];
    let chats = world.chats(24).await;
    world.hint(chats[0]).await;
    eventually("all places are taken", async || world.script.begun().len() >= 24 || pass_millis(1).await).await;
    for chat in chats {
        let begun = world.script.of(chat);
        assert_eq!(begun.len(), 1, "{begun:?}");
        assert_eq!(world.get(chat).await.lease.expect("leased").runner_id, begun[0].runner);
    }
    for replica in &replicas {
        assert_eq!(world.script.running_on(replica.state.worker_id), 8);
    }
}

/// Lets a moment pass. Never true.
async fn pass_millis(millis: u64) -> bool {
    tokio::time::advance(Duration::from_millis(millis)).await;
    false
}

#[tokio::test(start_paused = true)]
async fn chats_beyond_the_room_of_a_worker_wait_until_a_place_is_free() {
    let world = World::new().await;
    let replica = world.start(Config { max_running: 2, ..without_poll() }).await;
    let chats = world.chats(3).await;
    world.script.plan(chats[0], Plan::EndAfter(Duration::from_secs(1)));
    world.hint(chats[2]).await;
    world.begun(chats[0], 1).await;
    world.begun(chats[1], 1).await;
    assert!(world.script.of(chats[2]).is_empty(), "there is no room for a third");
    assert_eq!(replica.worker.slots.free().roots, 0);
    world.pass(1, &[&replica]).await;
    world.begun(chats[2], 1).await;
}

/// F29: parents take all the room and wait for children that never run.
#[tokio::test(start_paused = true)]
async fn chats_that_wait_for_their_sub_agents_do_not_take_their_room() {
    let world = World::new().await;
    let config = Config { max_running: 2, max_running_subagents: 1, ..without_poll() };
    let replica = world.start(config).await;
    let parents = world.chats(3).await;
    world.hint(parents[0]).await;
    world.begun(parents[0], 1).await;
    world.begun(parents[1], 1).await;

    let children =
        [world.chat_of(world.owner, Some(parents[0])).await, world.chat_of(world.owner, Some(parents[1])).await];
    let second = Arc::new(Semaphore::new(0));
    world.script.plan(children[0], Plan::EndWhenTold(Arc::clone(&second)));
    world.hint(children[0]).await;
    world.begun(children[0], 1).await;
    assert_eq!(replica.worker.slots.free(), Room::default());
    assert!(world.script.of(children[1]).is_empty(), "one sub-agent at a time");
    second.add_permits(1);
    world.begun(children[1], 1).await;
    assert!(world.script.of(parents[2]).is_empty(), "no root runs in the place of a sub-agent");
}

/// F39: the acquisition is given up while the database commits it: the chat is running, and nobody works.
#[tokio::test(start_paused = true)]
async fn a_lease_whose_answer_came_too_late_is_worked_on() {
    let world = World::new().await;
    let replica = world.start(without_poll()).await;
    replica.leases.hold_answers();
    let chat = world.hinted_chat().await;
    eventually("it is leased", async || world.get(chat).await.lease.is_some()).await;
    let lease = world.get(chat).await.lease.expect("leased");
    let late = usize::try_from(STATEMENT_TIMEOUT.as_secs()).expect("seconds") + 2;
    world.pass(late, &[&replica]).await;
    assert_eq!(world.get(chat).await.lease, Some(lease), "it is renewed all the time");
    assert!(world.script.of(chat).is_empty());

    let other = world.hinted_chat().await;
    eventually("the worker does not wait for it", async || world.get(other).await.lease.is_some()).await;
    replica.leases.release();
    assert_eq!(world.begun(chat, 1).await.runner, lease.runner_id);
    world.begun(other, 1).await;
    assert_eq!(world.script.begun().len(), 2, "each is worked on once");
}

/// F39: the process ends while the database commits a lease.
#[tokio::test(start_paused = true)]
async fn a_lease_that_comes_while_the_process_ends_is_given_back() {
    let world = World::new().await;
    let replica = world.start(without_poll()).await;
    replica.leases.hold_answers();
    let chat = world.hinted_chat().await;
    eventually("it is leased", async || world.get(chat).await.lease.is_some()).await;
    replica.state.tasks.shutdown().begin();
    replica.leases.release();
    eventually("it is given back", async || world.get(chat).await.lease.is_none()).await;
    assert!(world.script.of(chat).is_empty(), "no turn begins in a process that ends");
    assert_eq!(world.get(chat).await.status, Status::Running);
    eventually("all ended", async || replica.state.tasks.running().is_empty()).await;
}

/// F16: after a redeploy chats stay running, and nobody looks at them again.
#[tokio::test(start_paused = true)]
async fn chats_of_a_process_that_is_gone_are_found_long_after_the_others_started() {
    let world = World::new().await;
    let survivor = world.start(config()).await;
    let chat = world.chat().await;
    let gone = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
    let now = world.clock.now();
    world.store.acquire(chat, gone, now, config().lease_duration).await.expect("leased");
    world.pass(5, &[&survivor]).await;
    assert_eq!(world.get(chat).await.lease, Some(gone), "its lease is alive still");
    world.pass(2, &[&survivor]).await;
    let begun = world.begun(chat, 1).await;
    assert_eq!(begun.worker, survivor.state.worker_id);
}

#[tokio::test(start_paused = true)]
async fn an_owner_with_many_chats_does_not_hold_up_another_with_one() {
    let world = World::new().await;
    let many = UserId(SystemIds.next());
    let told = Arc::new(Semaphore::new(0));
    for _ in 0..100 {
        let chat = world.chat_of(many, None).await;
        world.script.plan(chat, Plan::EndWhenTold(Arc::clone(&told)));
    }
    let replica = world.start(without_poll()).await;
    eventually("all places are taken", async || world.script.begun().len() == 8).await;
    let single = world.chat().await;
    assert!(world.script.of(single).is_empty());
    told.add_permits(1);
    world.begun(single, 1).await;
    assert_eq!(world.script.begun().len(), 9, "it is the first that gets a place");
    assert_eq!(replica.state.metrics.running.get(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_cannot_be_leased_does_not_hold_up_the_others() {
    let world = World::where_turns(Plan::End).await;
    let broken = world.chat().await;
    world.spoil(broken).await;
    let replica = world.start(Config { max_running: 1, ..config() }).await;
    let chats = world.chats(3).await;
    for chat in chats {
        eventually("it is worked on", async || {
            world.pass(1, &[&replica]).await;
            world.get(chat).await.status == Status::Waiting
        })
        .await;
    }
    assert!(world.script.of(broken).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_a_turn_ends_it_with_an_error_and_is_not_met_again() {
    let world = World::where_turns(Plan::Panic).await;
    let replica = world.start(config()).await;
    let chat = world.hinted_chat().await;
    let failed = world.becomes(chat, Status::Error).await;
    assert!(failed.last_error.expect("an error").message.contains("inside chatmesh"));
    assert_eq!(failed.lease, None);
    world.pass(3, &[&replica]).await;
    assert_eq!(world.script.of(chat).len(), 1);
    assert_eq!(world.ended(chat, 1).await, Fate::Stopped);
    eventually("its place is free", async || replica.worker.slots.len() == 0).await;
    assert_eq!(replica.state.metrics.running.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_process_without_room_for_a_kind_of_chats_leaves_them_alone() {
    let world = World::new().await;
    let Replica { state, .. } = &world.start(Config { max_running: 0, ..without_poll() }).await;
    let root = world.chat().await;
    let child = world.chat_of(world.owner, Some(root)).await;
    world.hint(root).await;
    assert_eq!(world.begun(child, 1).await.worker, state.worker_id);
    assert!(world.script.of(root).is_empty());
}
