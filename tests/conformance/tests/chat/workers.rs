//! What workers are told: which chats nobody runs, and which of theirs are to be stopped.

use std::collections::BTreeSet;

use chatmesh_chat::{ChatId, ChatStore as _, LeaseStore as _, Room};

use crate::content::answer;
use crate::table::BREAK;
use crate::world::{STALE, World, fence, new_worker, worlds};

impl World {
    async fn unleased(&self) -> Vec<ChatId> {
        let found = self.store.unleased(Room::of_each(10), self.now, STALE).await.expect("listed");
        found.into_iter().map(|one| one.chat_id).collect()
    }

    async fn runnable(&self) -> Vec<ChatId> {
        let found = self.store.runnable(Room::of_each(10), self.now, STALE).await.expect("listed");
        found.into_iter().map(|one| one.chat_id).collect()
    }
}

#[tokio::test]
async fn a_stale_lease_is_found_by_the_long_look_and_not_by_the_short_one() {
    for mut world in worlds().await {
        let (free, held) = (world.create("free").await.id, world.running("held").await.id);
        world.idle("idle").await;
        world.asking(&["a"], &[]).await;
        assert_eq!((world.unleased().await, world.runnable().await), (vec![free], vec![free]), "{}", world.engine);
        world.now += STALE;
        assert_eq!(world.unleased().await, [free], "{}: somebody has the other", world.engine);
        assert_eq!(world.runnable().await, [free, held], "{}", world.engine);
        world.force(BREAK, free).await;
        assert_eq!((world.unleased().await, world.runnable().await), (vec![], vec![held]), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_worker_is_told_of_the_stopped_ones_of_its_own_leases_and_of_no_others() {
    for mut world in worlds().await {
        let (one, two) = (new_worker(), new_worker());
        let told = async |worker| {
            let found = world.store.interrupted(worker).await.expect("asked");
            BTreeSet::from_iter(found)
        };
        let mut leases = Vec::new();
        for worker in [one, one, two] {
            let chat = world.create("first").await;
            leases.push(world.lease(chat.id, worker).await.expect("leased"));
        }
        assert_eq!((told(one).await.len(), told(two).await.len()), (0, 0), "{}", world.engine);
        for lease in &leases {
            world.interrupt(lease.chat.id).await;
        }
        let nobodys = world.create("first").await;
        world.interrupt(nobodys.id).await;
        let runners = |of: &[usize]| of.iter().map(|at| leases[*at].lease.runner_id).collect::<BTreeSet<_>>();
        assert_eq!((told(one).await, told(two).await), (runners(&[0, 1]), runners(&[2])), "{}", world.engine);
        let stopped = world.get(leases[0].chat.id).await;
        let half = vec![answer("half")];
        world.store.finish_interruption(fence(&stopped), half, world.now).await.expect("ended");
        assert_eq!(told(one).await, runners(&[1]), "{}", world.engine);

        // Whoever lost a lease is not told of it.
        world.now += STALE;
        let taken = world.lease(leases[1].chat.id, two).await.expect("taken over");
        let expected = BTreeSet::from([leases[2].lease.runner_id, taken.lease.runner_id]);
        let found = BTreeSet::from_iter(world.store.interrupted(two).await.expect("asked"));
        assert_eq!(found, expected, "{}", world.engine);
        assert_eq!(world.store.interrupted(one).await.expect("asked"), [], "{}", world.engine);
    }
}
