//! Leases that are renewed, lost and given back.

use std::sync::atomic::Ordering;

use chatmesh_core::{IdSource as _, SystemIds};

use super::script::{Fate, Plan, answer};
use super::time::eventually;
use super::world::{World, config};
use crate::machine::Status;
use crate::store::{ChatStore as _, Fence, LeaseStore as _, StoreError};
use crate::{Config, Lease, RunnerId, WorkerId};

/// F36: a statement per chat and interval loads the database.
#[tokio::test(start_paused = true)]
async fn all_leases_are_renewed_with_one_statement_per_interval() {
    let world = World::new().await;
    let replica = world.start(Config { max_running: 60, ..config() }).await;
    let chats = world.chats(60).await;
    world.hint(chats[0]).await;
    eventually("all have begun", async || world.script.begun().len() == 60).await;
    let before = replica.heartbeats();
    // Three times as long as a lease lives.
    world.pass(18, &[&replica]).await;
    assert_eq!(replica.heartbeats() - before, 18);
    let asked = replica.leases.heartbeat(replica.state.worker_id, world.clock.now()).await.expect("asked");
    assert_eq!(asked.len(), 60);
    assert_eq!(world.script.running_on(replica.state.worker_id), 60, "none was stopped or begun again");
    assert_eq!(world.script.begun().len(), 60);
}

/// S-T12.
#[tokio::test(start_paused = true)]
async fn a_stolen_lease_stops_its_turn_and_its_late_commit_is_refused() {
    let world = World::new().await;
    let replica = world.start(config()).await;
    let chat = world.hinted_chat().await;
    let begun = world.begun(chat, 1).await;
    world.store.forget_leases().await.expect("forgotten");
    let thief = Lease { worker_id: WorkerId(SystemIds.next()), runner_id: RunnerId(SystemIds.next()) };
    let now = world.clock.now();
    world.store.acquire(chat, thief, now, config().lease_duration).await.expect("stolen");

    world.pass(1, &[&replica]).await;
    assert_eq!(world.ended(chat, 1).await, Fate::Stopped);
    let versions = begun.chat.versions;
    let fence = Fence { chat_id: chat, runner_id: begun.runner, history_version: versions.history };
    let late = world.store.commit_step(fence, vec![answer("too late")], world.clock.now()).await;
    assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    assert_eq!(world.get(chat).await.lease, Some(thief), "nothing was given back in its name");
    assert_eq!(world.texts(chat).await, ["user: begin"]);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_fails_for_a_while_stops_no_turn() {
    let world = World::new().await;
    let replica = world.start(config()).await;
    let chat = world.hinted_chat().await;
    world.begun(chat, 1).await;
    replica.leases.refuses.store(true, Ordering::SeqCst);
    world.pass(3, &[&replica]).await;
    replica.leases.refuses.store(false, Ordering::SeqCst);
    world.pass(10, &[&replica]).await;
    assert_eq!(world.script.of(chat).len(), 1);
    assert_eq!(world.script.of(chat)[0].fate, Fate::Running);
}

/// Nobody could write under the lease any more, but what the turn does to the world would go on.
#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_renew_its_leases_stops_before_others_may_take_them() {
    for is_silent in [false, true] {
        let world = World::new().await;
        let (cut_off, other) = (world.start(config()).await, world.replica(config()).await);
        let chat = world.hinted_chat().await;
        world.begun(chat, 1).await;
        world.pass(1, &[&cut_off]).await;
        let switch = if is_silent { &cut_off.leases.is_silent } else { &cut_off.leases.refuses };
        switch.store(true, Ordering::SeqCst);
        other.worker.start();

        let renewed_at = tokio::time::Instant::now();
        while world.script.of(chat)[0].fate == Fate::Running {
            assert!(renewed_at.elapsed() < config().lease_duration, "it goes on for as long as the lease lives");
            assert_eq!(world.script.of(chat).len(), 1, "another one began meanwhile");
            tokio::time::advance(config().heartbeat_interval / 2).await;
            settle(&world).await;
        }
        assert!(renewed_at.elapsed() > config().lease_duration / 2, "it gave up after {:?}", renewed_at.elapsed());
        eventually("another one takes over", async || {
            tokio::time::advance(config().heartbeat_interval / 2).await;
            world.script.of(chat).len() == 2
        })
        .await;
        assert_eq!(world.script.of(chat)[1].worker, other.state.worker_id);
    }
}

/// Lets everybody who was woken do what there is to do: a question to the database goes there and back.
async fn settle(world: &World) {
    for _ in 0..5 {
        world.live().await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_without_a_runner_is_given_back_and_taken_up_again() {
    let world = World::new().await;
    let replica = world.start(Config { lease_duration: config().lease_duration * 100, ..config() }).await;
    let chat = world.chat().await;
    // The answer to this lease was lost.
    let lease = Lease { worker_id: replica.state.worker_id, runner_id: RunnerId(SystemIds.next()) };
    let now = world.clock.now();
    world.store.acquire(chat, lease, now, config().lease_duration).await.expect("leased");
    world.pass(2, &[&replica]).await;
    let begun = world.begun(chat, 1).await;
    assert_ne!(begun.runner, lease.runner_id);
}

/// S-T5.
#[tokio::test(start_paused = true)]
async fn a_chat_whose_process_was_killed_in_the_middle_of_a_step_goes_on_from_what_was_kept() {
    let world = World::where_turns(Plan::AwaitTool).await;
    let killed = world.start(config()).await;
    let chat = world.hinted_chat().await;
    let begun = world.begun(chat, 1).await;
    let fence = Fence { chat_id: chat, runner_id: begun.runner, history_version: begun.chat.versions.history };
    let now = world.clock.now();
    world.store.record_attempt(fence, now).await.expect("begun");
    world.store.record_step(fence, &answer("let me look"), None, now).await.expect("kept");
    killed.kill().await;
    assert_eq!(world.get(chat).await.lease.expect("leased").runner_id, begun.runner, "nothing was given back");

    let survivor = world.start(config()).await;
    world.pass(7, &[&survivor]).await;
    let again = world.begun(chat, 2).await;
    assert_eq!(again.worker, survivor.state.worker_id);
    assert_eq!(again.chat.versions.generation_attempt, 1, "the model is not asked again");
    let kept = world.store.kept_step(chat, again.chat.versions.history).await.expect("read");
    assert!(kept.is_some(), "the answer whose tools ran is there");
    assert_eq!(again.chat.status, Status::Running);
}
