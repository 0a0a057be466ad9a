//! How workers divide the chats that wait.

use std::cmp::Reverse;
use std::time::Duration;

use chatmesh_core::{IdSource as _, SystemIds};

use super::time::eventually;
use super::world::{Replica, World, config, without_poll};
use crate::domain::ChatId;
use crate::store::WorkerDirectory as _;
use crate::worker::acquire::{MAX_PATIENCE, PATIENCE};
use crate::{Config, WorkerId};

fn with_room(max_running: u32) -> Config {
    Config { max_running, ..without_poll() }
}

async fn running_on(world: &World, replicas: &[&Replica]) -> Vec<usize> {
    replicas.iter().map(|replica| world.script.running_on(replica.state.worker_id)).collect()
}

#[tokio::test(start_paused = true)]
async fn three_times_the_free_capacity_gets_three_times_the_chats() {
    let world = World::new().await;
    let (large, small) = (world.start(with_room(48)).await, world.start(with_room(16)).await);
    large.leases.hold_requests();
    small.leases.hold_requests();
    let chats = world.chats(40).await;
    // Both look at the same list before either of them has leased what is its own.
    world.hint(chats[0]).await;
    eventually("both have chosen", async || (large.worker.slots.len(), small.worker.slots.len()) == (30, 10)).await;
    large.leases.release();
    small.leases.release();
    eventually("all have begun", async || world.script.begun().len() == 40).await;
    assert_eq!(running_on(&world, &[&large, &small]).await, [30, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_single_chat_goes_to_the_worker_with_the_most_free_capacity() {
    let world = World::new().await;
    let replicas = [world.start(with_room(4)).await, world.start(with_room(9)).await, world.start(with_room(6)).await];
    for number in 1..=10 {
        let most = replicas.iter().max_by_key(|one| (one.worker.slots.free().roots, Reverse(one.state.worker_id)));
        let most = most.expect("a worker").state.worker_id;
        let chat = one_more(&world, &replicas).await;
        assert_eq!(world.begun(chat, 1).await.worker, most, "chat {number}");
        settled(&world, &replicas).await;
    }
    let free = replicas.each_ref().map(|replica| replica.worker.slots.free().roots);
    assert_eq!(free, [3, 3, 3], "as much is free on all");
}

/// A chat that all workers see before one of them has leased it.
async fn one_more(world: &World, replicas: &[Replica]) -> ChatId {
    replicas.iter().for_each(|replica| replica.leases.hold_requests());
    let looks: Vec<usize> = replicas.iter().map(Replica::looks).collect();
    let chat = world.hinted_chat().await;
    eventually("all have seen it", async || replicas.iter().zip(&looks).all(|(one, looks)| one.looks() > *looks)).await;
    replicas.iter().for_each(|replica| replica.leases.release());
    let winner = world.begun(chat, 1).await.worker;
    // Those who left it to the one look whether it was taken, a while after they have left it: that may be just now.
    for (replica, looks) in replicas.iter().zip(looks).filter(|(replica, _)| replica.state.worker_id != winner) {
        looks_again(replica, looks).await;
    }
    chat
}

/// Lets time pass until a worker that had looked this often, and once more since, looks at what it left to others. When
/// it has seen the chats, it may still be about to settle until when it leaves them.
async fn looks_again(replica: &Replica, looks: usize) {
    eventually("it has looked again", async || {
        tokio::time::advance(PATIENCE * MAX_PATIENCE).await;
        replica.looks() >= looks + 2
    })
    .await;
}

/// Waits until all workers have announced how much room they have.
async fn settled(world: &World, replicas: &[Replica]) {
    eventually("all is announced", async || {
        tokio::time::advance(Duration::from_millis(50)).await;
        for replica in replicas {
            let free = replica.worker.slots.free();
            if replica.announced(world).await != Some((free.roots, free.subagents)) {
                return false;
            }
        }
        true
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listed_worker_that_is_gone_holds_a_single_chat_up_for_a_moment_only() {
    let world = World::new().await;
    let replica = world.start(without_poll()).await;
    let gone = WorkerId(SystemIds.next());
    world.store.announce(gone, None, 1000, 1000, world.clock.now()).await.expect("announced");
    let looks = replica.looks();
    let chat = world.hinted_chat().await;
    eventually("it has seen the chat", async || replica.looks() > looks).await;
    assert_eq!(replica.worker.slots.len(), 0, "it is left to the other");
    looks_again(&replica, looks).await;
    world.begun(chat, 1).await;
}

/// What the others do not take, the poll takes.
#[tokio::test(start_paused = true)]
async fn stale_entries_of_the_directory_starve_no_chat() {
    let world = World::new().await;
    for _ in 0..5 {
        let gone = WorkerId(SystemIds.next());
        world.store.announce(gone, None, 1000, 1000, world.clock.now()).await.expect("announced");
    }
    let replica = world.start(Config { max_running: 50, ..config() }).await;
    let chats = world.chats(40).await;
    let looks = replica.looks();
    world.hint(chats[0]).await;
    eventually("it has seen the chats", async || replica.looks() > looks).await;
    world.pass(2, &[&replica]).await;
    eventually("all have begun", async || world.script.begun().len() == 40).await;
}

#[tokio::test(start_paused = true)]
async fn workers_that_are_not_heard_of_any_more_do_not_count() {
    let world = World::new().await;
    let gone = WorkerId(SystemIds.next());
    world.store.announce(gone, None, 1000, 1000, world.clock.now()).await.expect("announced");
    let replica = world.start(without_poll()).await;
    world.pass(7, &[&replica]).await;
    let chats = world.chats(4).await;
    world.hint(chats[0]).await;
    eventually("all are taken at once", async || world.script.begun().len() == 4).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_says_how_much_room_it_has_when_that_changes() {
    let world = World::new().await;
    let replica = world.start(without_poll()).await;
    assert_eq!(replica.announced(&world).await, Some((8, 8)));
    let chats = world.chats(3).await;
    world.hint(chats[0]).await;
    // It waits a while between two announcements, which may begin just now.
    eventually("it is announced", async || {
        tokio::time::advance(Duration::from_millis(50)).await;
        replica.announced(&world).await == Some((5, 8))
    })
    .await;
}
