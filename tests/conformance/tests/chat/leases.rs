//! Who runs which chat.

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_chat::machine::Status;
use chatmesh_chat::{Chat, ChatId, ChatStore as _, Lease, LeaseStore as _, RunnerId};
use chatmesh_core::{IdSource as _, SystemIds};
use futures::future::{join, join_all};

use crate::content::{answer, failure};
use crate::world::{STALE, fence, is_lost, new_worker, worlds};

/// S-T4: of all workers that race for a chat one has it.
#[tokio::test]
async fn no_chat_is_leased_twice_however_many_workers_race() {
    const CHATS: usize = 64;
    for world in worlds().await {
        join_all((0..CHATS).map(async |number| world.create(&number.to_string()).await)).await;
        let (one, two) = (new_worker(), new_worker());
        let mut leased: Vec<(ChatId, Lease)> = Vec::new();
        while leased.len() < CHATS {
            let (first, second) = join(world.acquire(one, 8), world.acquire(two, 8)).await;
            assert!(!first.is_empty() || !second.is_empty(), "{}: {} are left", world.engine, CHATS - leased.len());
            leased.extend(first.into_iter().chain(second).map(|acquired| (acquired.chat.id, acquired.lease)));
        }
        let chats: HashSet<_> = leased.iter().map(|(chat, _)| *chat).collect();
        let runners: HashSet<_> = leased.iter().map(|(_, lease)| lease.runner_id).collect();
        assert_eq!((leased.len(), chats.len(), runners.len()), (CHATS, CHATS, CHATS), "{}", world.engine);
        for (chat, lease) in leased {
            assert_eq!(world.get(chat).await.lease, Some(lease), "{}", world.engine);
        }
        assert_eq!(world.acquire(new_worker(), 100).await, [], "{}", world.engine);
    }
}

#[tokio::test]
async fn stopped_chats_are_leased_first_then_the_oldest() {
    for mut world in worlds().await {
        let mut chats = Vec::new();
        for text in ["a", "b", "c", "d"] {
            chats.push(world.create(text).await.id);
            world.tick();
        }
        world.interrupt(chats[3]).await;
        world.tick();
        world.interrupt(chats[2]).await;
        world.tick();
        world.send(chats[0], "a2").await;
        let expected = [chats[3], chats[2], chats[1], chats[0]];

        let worker = new_worker();
        let mut order: Vec<_> = world.acquire(worker, 3).await.into_iter().map(|acquired| acquired.chat.id).collect();
        assert_eq!(order.len(), 3, "{}: no more than was asked for", world.engine);
        order.extend(world.acquire(worker, 3).await.into_iter().map(|acquired| acquired.chat.id));
        assert_eq!(order, expected, "{}", world.engine);
        assert_eq!(world.acquire(worker, 0).await, [], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_lease_comes_and_goes_without_a_change_that_lists_show() {
    for mut world in worlds().await {
        let chat = world.create("first").await;
        world.tick();
        let acquired = world.acquire(new_worker(), 1).await.pop().expect("a chat");
        let versions = acquired.chat.versions;
        assert_eq!(acquired.chat, Chat { lease: Some(acquired.lease), versions, ..chat.clone() }, "{}", world.engine);
        assert_eq!(versions.snapshot, chat.versions.snapshot + 1, "{}", world.engine);
        world.tick();
        let left = world.store.abandon(chat.id, acquired.lease.runner_id, world.now).await.expect("abandoned");
        let versions = left.versions;
        assert_eq!(left, Chat { versions, ..chat.clone() }, "{}", world.engine);
        assert_eq!(versions.snapshot, chat.versions.snapshot + 2, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_stale_lease_is_taken_over_and_a_living_one_is_not() {
    for mut world in worlds().await {
        let (one, two) = (new_worker(), new_worker());
        let chat = world.create("first").await;
        let first = world.acquire(one, 1).await.pop().expect("a chat");
        world.now += STALE - Duration::from_micros(1);
        assert_eq!(world.acquire(two, 1).await, [], "{}: it lives", world.engine);
        assert_eq!(world.store.heartbeat(one, world.now).await.expect("renewed").len(), 1, "{}", world.engine);
        world.now += STALE - Duration::from_micros(1);
        assert_eq!(world.acquire(two, 1).await, [], "{}: it was renewed", world.engine);
        assert_eq!(world.acquire(one, 1).await, [], "{}: not even by its own worker", world.engine);

        world.now += Duration::from_micros(1);
        let second = world.acquire(two, 1).await.pop().expect("taken over");
        assert_eq!(second.chat.id, chat.id, "{}", world.engine);
        assert_eq!(second.lease, Lease { worker_id: two, runner_id: second.lease.runner_id }, "{}", world.engine);
        assert_eq!(world.store.heartbeat(one, world.now).await.expect("asked"), [], "{}: it is lost", world.engine);
        let late = world.store.abandon(chat.id, first.lease.runner_id, world.now).await;
        assert!(is_lost(&late), "{}: {late:?}", world.engine);
        assert_eq!(world.get(chat.id).await, second.chat, "{}", world.engine);
    }
}

/// S-T12: whoever lost a lease hears of it with the next heartbeat, and what it commits until then is refused.
#[tokio::test]
async fn a_heartbeat_tells_the_loser_and_a_late_commit_is_refused() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        let loser = chat.lease.expect("leased").worker_id;
        let other = world.lease(world.create("second").await.id, loser).await.expect("leased");
        world.store.record_attempt(fence(&chat), world.now).await.expect("recorded");
        world.now += STALE;
        let thief = new_worker();
        let taken = world.lease(chat.id, thief).await.expect("taken over").chat;
        let held = world.store.heartbeat(loser, world.now).await.expect("renewed");
        assert_eq!(held, [(other.chat.id, other.lease.runner_id)], "{}: what it still holds", world.engine);

        let before = world.dump().await;
        let late = world.store.commit_step(fence(&chat), vec![answer("late")], world.now).await;
        assert!(is_lost(&late), "{}: {late:?}", world.engine);
        assert_eq!(world.dump().await, before, "{}", world.engine);
        assert_eq!(taken.versions.generation_attempt, 1, "{}: attempts are counted on", world.engine);
        world.store.commit_step(fence(&taken), vec![answer("in time")], world.now).await.expect("committed");
        assert_eq!(world.history(chat.id).await, ["first", "in time"], "{}", world.engine);
        assert_eq!(world.store.heartbeat(thief, world.now).await.expect("renewed").len(), 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_stale_lease_is_taken_over_by_one_of_many() {
    for mut world in worlds().await {
        for round in 0..8 {
            let chat = world.running(&round.to_string()).await;
            world.now += STALE;
            let rivals: Vec<_> = (0..8).map(|_| new_worker()).collect();
            let taken = join_all(rivals.iter().map(|worker| world.acquire(*worker, 1))).await.concat();
            assert_eq!(taken.len(), 1, "{}: {taken:?}", world.engine);
            assert_eq!(world.get(chat.id).await.lease, Some(taken[0].lease), "{}", world.engine);
            world.store.finish_turn(fence(&taken[0].chat), world.now).await.expect("finished");
        }
    }
}

#[tokio::test]
async fn a_heartbeat_returns_exactly_the_leases_that_are_still_held() {
    for mut world in worlds().await {
        let (one, two) = (new_worker(), new_worker());
        for text in ["a", "b", "c", "d", "e", "f"] {
            world.create(text).await;
            world.tick();
        }
        let mine = world.acquire(one, 5).await;
        assert_eq!(world.acquire(two, 1).await.len(), 1, "{}", world.engine);
        let held = async |now| {
            let mut held = world.store.heartbeat(one, now).await.expect("asked");
            held.sort_unstable();
            held
        };
        let leases = |numbers: &[usize]| {
            let mut leases: Vec<(ChatId, RunnerId)> =
                numbers.iter().map(|number| (mine[*number].chat.id, mine[*number].lease.runner_id)).collect();
            leases.sort_unstable();
            leases
        };
        assert_eq!(held(world.now).await, leases(&[0, 1, 2, 3, 4]), "{}", world.engine);

        world.send(mine[0].chat.id, "next").await;
        world.store.finish_turn(fence(&mine[0].chat), world.now).await.expect("goes on");
        world.store.finish_turn(fence(&mine[1].chat), world.now).await.expect("finished");
        world.store.abandon(mine[2].chat.id, mine[2].lease.runner_id, world.now).await.expect("abandoned");
        world.store.finish_error(fence(&mine[3].chat), Vec::new(), failure(), world.now).await.expect("failed");
        assert_eq!(held(world.now).await, leases(&[0, 4]), "{}: three gave theirs back", world.engine);
        let stopped = world.interrupt(mine[4].chat.id).await;
        assert_eq!(held(world.now).await, leases(&[0, 4]), "{}: a stopped turn is still held", world.engine);
        world.store.finish_interruption(fence(&stopped), vec![answer("half")], world.now).await.expect("ended");
        assert_eq!(held(world.now).await, leases(&[0]), "{}", world.engine);
        assert_eq!(world.store.heartbeat(new_worker(), world.now).await.expect("asked"), [], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_heartbeat_changes_no_chat() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        world.tick();
        let worker = chat.lease.expect("leased").worker_id;
        world.store.heartbeat(worker, world.now).await.expect("renewed");
        assert_eq!(world.get(chat.id).await, chat, "{}", world.engine);
    }
}

#[tokio::test]
async fn only_runnable_chats_are_leased() {
    for mut world in worlds().await {
        let idle = world.running("idle").await;
        world.store.finish_turn(fence(&idle), world.now).await.expect("finished");
        let failed = world.failed(&["waits"]).await;
        world.now += STALE * 10;
        assert_eq!(world.acquire(new_worker(), 10).await, [], "{}", world.engine);
        for (id, status) in [(idle.id, Status::Waiting), (failed.id, Status::Error)] {
            assert_eq!(world.get(id).await.status, status, "{}", world.engine);
            world.send(id, "go").await;
        }
        assert_eq!(world.acquire(new_worker(), 10).await.len(), 2, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_abandoned_chat_is_leased_again_at_once() {
    for world in worlds().await {
        for stopped in [false, true] {
            let chat = world.running("first").await;
            if stopped {
                world.interrupt(chat.id).await;
            }
            let runner = chat.lease.expect("leased").runner_id;
            let foreign = world.store.abandon(chat.id, RunnerId(SystemIds.next()), world.now).await;
            assert!(is_lost(&foreign), "{}: {foreign:?}", world.engine);
            let before = world.get(chat.id).await;
            let left = world.store.abandon(chat.id, runner, world.now).await.expect("abandoned");
            assert_eq!((left.status, left.lease), (before.status, None), "{}", world.engine);
            assert!(is_lost(&world.store.abandon(chat.id, runner, world.now).await), "{}: only once", world.engine);
            let again = world.acquire(new_worker(), 1).await.pop().expect("a chat");
            assert_eq!((again.chat.id, again.chat.versions.history), (chat.id, 1), "{}", world.engine);
            match again.chat.status {
                Status::Running => world.store.finish_turn(fence(&again.chat), world.now).await,
                _ => world.store.finish_interruption(fence(&again.chat), Vec::new(), world.now).await,
            }
            .expect("ended");
        }
    }
}

#[tokio::test]
async fn forgotten_leases_are_taken_over_at_once() {
    for world in worlds().await {
        let chats = [world.running("a").await.id, world.running("b").await.id];
        assert_eq!(world.acquire(new_worker(), 10).await, [], "{}", world.engine);
        world.store.forget_leases().await.expect("forgotten");
        let taken: HashSet<_> = world.acquire(new_worker(), 10).await.into_iter().map(|one| one.chat.id).collect();
        assert_eq!(taken, HashSet::from(chats), "{}", world.engine);
    }
}
