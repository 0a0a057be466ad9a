//! A runner that lost its lease, or that has not seen the whole history, changes nothing.

use chatmesh_chat::{Chat, ChatStore as _, Fence, LeaseStore as _, RunnerId};
use chatmesh_core::{IdSource as _, SystemIds};

use crate::content::{answer, failure, retry};
use crate::expected::FENCED;
use crate::world::{STALE, World, fence, is_lost, new_worker, worlds};

impl World {
    /// Checks that under `fence` all that runners do is refused, and nothing of it done.
    pub(crate) async fn is_fenced(&self, fence: Fence, why: &str) {
        let before = self.dump().await;
        for operation in FENCED {
            let result = self.work(operation, fence, vec![answer("late")]).await;
            assert!(is_lost(&result), "{}: {why}: {operation:?}: {result:?}", self.engine);
            assert_eq!(self.dump().await, before, "{}: {why}: {operation:?}", self.engine);
        }
    }

    pub(crate) async fn is_fenced_without_lease(&self, fence: Fence, why: &str) {
        self.is_fenced(fence, why).await;
        let before = self.dump().await;
        let result = self.store.abandon(fence.chat_id, fence.runner_id, self.now).await;
        assert!(is_lost(&result), "{}: {why}: {result:?}", self.engine);
        assert_eq!(self.dump().await, before, "{}: {why}", self.engine);
    }

    /// A running chat with an attempt, a retry state, a kept step and a queue: much to change.
    async fn busy(&self) -> Chat {
        let chat = self.running("first").await;
        self.send(chat.id, "second").await;
        self.store.record_attempt(fence(&chat), self.now).await.expect("recorded");
        self.store.record_retry(fence(&chat), retry(1), self.now).await.expect("recorded");
        self.store.record_step(fence(&chat), &answer("so far"), None, self.now).await.expect("recorded")
    }
}

#[tokio::test]
async fn a_runner_that_never_had_the_lease_changes_nothing() {
    for world in worlds().await {
        let chat = world.busy().await;
        let foreign = Fence { runner_id: RunnerId(SystemIds.next()), ..fence(&chat) };
        world.is_fenced_without_lease(foreign, "running").await;
        let stopped = world.interrupt(chat.id).await;
        world.is_fenced_without_lease(Fence { runner_id: foreign.runner_id, ..fence(&stopped) }, "stopped").await;
    }
}

/// F17: of two runners of one chat, the old one changes nothing, not even where both are of one worker: leases
/// have names of their own. Else the old one's late write would end the turn of the new one.
#[tokio::test]
async fn a_runner_that_was_replaced_by_its_own_worker_changes_nothing() {
    for mut world in worlds().await {
        let chat = world.busy().await;
        let lease = chat.lease.expect("leased");
        world.now += STALE;
        let next = world.lease(chat.id, lease.worker_id).await.expect("taken over");
        assert_eq!(next.lease.worker_id, lease.worker_id, "{}", world.engine);
        assert_eq!(next.chat.versions.history, chat.versions.history, "{}: it knows the history", world.engine);
        world.is_fenced_without_lease(fence(&chat), "replaced").await;
        let (done, _) = world.store.commit_step(fence(&next.chat), vec![answer("new")], world.now).await.expect("said");
        world.is_fenced_without_lease(fence(&chat), "replaced, and gone on").await;
        world.store.finish_turn(fence(&done), world.now).await.expect("the new one is not disturbed");
        assert_eq!(world.history(chat.id).await, ["first", "new", "second"], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_runner_whose_lease_was_taken_over_changes_nothing() {
    for mut world in worlds().await {
        let chat = world.busy().await;
        world.now += STALE;
        let taken = world.acquire(new_worker(), 1).await.pop().expect("taken over");
        world.is_fenced_without_lease(fence(&chat), "taken over").await;
        world.interrupt(chat.id).await;
        world.is_fenced_without_lease(fence(&chat), "taken over and stopped").await;
        world.store.finish_interruption(fence(&taken.chat), Vec::new(), world.now).await.expect("ended");
        world.is_fenced_without_lease(fence(&chat), "and gone on").await;
    }
}

#[tokio::test]
async fn a_runner_that_gave_its_lease_back_changes_nothing() {
    for world in worlds().await {
        let chat = world.busy().await;
        let old = fence(&chat);
        world.store.abandon(chat.id, old.runner_id, world.now).await.expect("abandoned");
        world.is_fenced_without_lease(old, "abandoned").await;

        let again = world.acquire(new_worker(), 1).await.pop().expect("a chat").chat;
        world.send(chat.id, "third").await;
        let failed = world.store.finish_error(fence(&again), Vec::new(), failure(), world.now).await;
        world.is_fenced_without_lease(fence(&again), "failed").await;
        assert_eq!(failed.expect("failed").queued_count, 2, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_runner_that_has_not_seen_the_whole_history_changes_nothing() {
    for world in worlds().await {
        let chat = world.busy().await;
        let (moved, _) =
            world.store.commit_step(fence(&chat), vec![answer("one")], world.now).await.expect("committed");
        assert!(moved.versions.history > chat.versions.history, "{}", world.engine);
        world.is_fenced(fence(&chat), "an older history").await;
        let future = Fence { history_version: moved.versions.history + 1, ..fence(&moved) };
        world.is_fenced(future, "a history that is not there yet").await;
        let next = world.store.finish_turn(fence(&moved), world.now).await.expect("finished");
        assert_eq!(next.lease, chat.lease, "{}: the lease is the same, the turn is not", world.engine);
        world.is_fenced(fence(&moved), "the turn before").await;
        world.interrupt(chat.id).await;
        world.is_fenced(fence(&moved), "the turn before, stopped").await;
    }
}

#[tokio::test]
async fn of_two_commits_on_one_history_one_stands() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let commit = |text: &str| world.store.commit_step(fence(&chat), vec![answer(text)], world.now);
        let (one, two) = futures::join!(commit("one"), commit("two"));
        assert!(one.is_ok() != two.is_ok(), "{}: {one:?}, {two:?}", world.engine);
        assert!(is_lost(&one) || is_lost(&two), "{}: {one:?}, {two:?}", world.engine);
        assert_eq!(world.history(chat.id).await.len(), 2, "{}", world.engine);
    }
}
