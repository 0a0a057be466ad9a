//! Families are put away and taken out together.

use chatmesh_chat::machine::{Rejected, State};
use chatmesh_chat::{Chat, ChatId, ChatStore as _, StoreError, Update, Updated};
use futures::future::join_all;

use crate::content::{answer, failure};
use crate::table::BREAK;
use crate::world::{World, fence, worlds};

impl World {
    async fn try_archive(&self, chat: ChatId, archived: bool) -> Result<Updated, StoreError> {
        self.store.update(chat, Update { archived: Some(archived), ..Update::default() }, self.now).await
    }

    async fn archive(&self, chat: ChatId, archived: bool) -> Updated {
        self.try_archive(chat, archived).await.expect("archived")
    }

    async fn end(&self, chat: &Chat) {
        let chat = self.run(chat.id).await;
        self.store.finish_turn(fence(&chat), self.now).await.expect("finished");
    }

    /// A root and two children of it, all idle.
    async fn family(&self) -> (Chat, Chat, Chat) {
        let root = self.create("root").await;
        let (one, two) = (self.child(&root, "one").await, self.child(&root, "two").await);
        for chat in [&root, &one, &two] {
            self.end(chat).await;
        }
        (self.get(root.id).await, self.get(one.id).await, self.get(two.id).await)
    }
}

#[tokio::test]
async fn a_family_of_which_one_works_stays_where_it_is() {
    for world in worlds().await {
        let (root, one, two) = world.family().await;
        world.send(two.id, "go on").await;
        let is_kept_from_it = async |expected: fn(&StoreError) -> bool| {
            let before = world.dump().await;
            let refused = world.try_archive(root.id, true).await;
            assert!(refused.as_ref().is_err_and(expected), "{}: {refused:?}", world.engine);
            assert_eq!(world.dump().await, before, "{}: not even one of them", world.engine);
        };
        is_kept_from_it(|error| matches!(error, StoreError::Rejected(Rejected::Busy(_)))).await;
        world.interrupt(two.id).await;
        is_kept_from_it(|error| matches!(error, StoreError::Rejected(Rejected::Busy(_)))).await;
        let stopped = world.run(two.id).await;
        world.store.finish_interruption(fence(&stopped), vec![answer("half")], world.now).await.expect("ended");

        let updated = world.archive(root.id, true).await;
        let mut family: Vec<_> = updated.family.iter().map(|chat| (chat.id, chat.archived)).collect();
        family.sort_unstable();
        assert_eq!((updated.chat.archived, family), (true, vec![(one.id, true), (two.id, true)]), "{}", world.engine);
        for (before, after) in [(&root, &updated.chat), (&one, &updated.family[0])] {
            assert_eq!(after.versions.snapshot, before.versions.snapshot + 1, "{}: one step each", world.engine);
            assert_eq!(
                (after.versions.history, after.versions.queue),
                (before.versions.history, before.versions.queue)
            );
        }
    }
}

#[tokio::test]
async fn a_child_does_not_come_out_of_an_archived_family_alone() {
    for world in worlds().await {
        let (root, one, two) = world.family().await;
        // One that was put away before is none of those that are told, and comes back with the others.
        world.archive(one.id, true).await;
        assert!(!world.get(root.id).await.archived, "{}: a child alone", world.engine);
        let put_away = world.archive(root.id, true).await;
        assert_eq!(put_away.family.iter().map(|chat| chat.id).collect::<Vec<_>>(), [two.id], "{}", world.engine);
        let before = world.dump().await;
        for child in [one.id, two.id] {
            let refused = world.try_archive(child, false).await;
            assert!(matches!(refused, Err(StoreError::ParentArchived)), "{}: {refused:?}", world.engine);
        }
        let again = world.archive(root.id, true).await;
        assert_eq!((again.family.len(), again.moved.len()), (0, 0), "{}: it is so already", world.engine);
        assert_eq!(world.dump().await, before, "{}", world.engine);
        let back = world.archive(root.id, false).await;
        assert_eq!(back.family.len(), 2, "{}", world.engine);
        for chat in [root.id, one.id, two.id] {
            assert_eq!(world.get(chat).await.state(), State::W, "{}", world.engine);
        }
        world.archive(one.id, true).await;
        world.archive(one.id, false).await;
    }
}

#[tokio::test]
async fn a_child_that_contradicts_itself_keeps_its_family_where_it_is_until_it_is_repaired() {
    for world in worlds().await {
        let (root, one, _) = world.family().await;
        world.archive(root.id, true).await;
        world.archive(root.id, false).await;
        world.send(one.id, "go on").await;
        world.force(BREAK, one.id).await;
        world.archive(root.id, true).await;
        let before = world.dump().await;
        let refused = world.try_archive(root.id, false).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Invalid))), "{}: {refused:?}", world.engine);
        assert_eq!(world.dump().await, before, "{}", world.engine);
        let repaired = world.store.reconcile(one.id, failure(), world.now).await.expect("repaired");
        assert_eq!(repaired.state(), State::E0, "{}", world.engine);
        let back = world.archive(root.id, false).await;
        assert!(!back.chat.archived, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_archived_chat_keeps_its_error_and_its_queue_and_is_not_run() {
    for world in worlds().await {
        let failed = world.failed(&["one", "two"]).await;
        let archived = world.archive(failed.id, true).await.chat;
        assert_eq!((archived.state(), &archived.last_error), (State::XE1, &failed.last_error), "{}", world.engine);
        assert_eq!(world.queue(failed.id).await, ["one", "two"], "{}", world.engine);
        assert_eq!(world.acquire(crate::world::new_worker(), 10).await, [], "{}", world.engine);
        let refused = world.try_send(failed.id, world.outgoing("three")).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Archived))), "{}: {refused:?}", world.engine);
        let back = world.archive(failed.id, false).await.chat;
        assert_eq!((back.state(), &back.last_error), (State::E1, &failed.last_error), "{}", world.engine);
        let sent = world.send(failed.id, "three").await;
        assert_eq!(crate::content::text_of(&sent.messages[0].body.content), "one", "{}", world.engine);
    }
}

#[tokio::test]
async fn of_a_message_to_a_child_and_the_archive_of_its_family_one_comes_first() {
    for world in worlds().await {
        for round in 0..8 {
            let (root, one, _) = world.family().await;
            let sends = world.try_send(one.id, world.outgoing("go on"));
            let (sent, archived) = futures::join!(sends, world.try_archive(root.id, true));
            let expected = match (&sent, &archived) {
                (Ok(_), Err(StoreError::Rejected(Rejected::Busy(_)))) => (false, false, State::R0),
                (Err(StoreError::Rejected(Rejected::Archived)), Ok(_)) => (true, true, State::XW),
                other => panic!("{}: {round}: {other:?}", world.engine),
            };
            let (root, one) = (world.get(root.id).await, world.get(one.id).await);
            assert_eq!((root.archived, one.archived, one.state()), expected, "{}: {round}", world.engine);
        }
    }
}

#[tokio::test]
async fn families_that_come_and_go_at_the_same_time_are_whole_in_the_end() {
    for world in worlds().await {
        let (root, one, two) = world.family().await;
        for round in 0..6 {
            let archived = round % 2 == 0;
            let mut updates = Vec::new();
            for chat in [root.id, one.id, two.id, root.id, two.id, one.id] {
                updates.push(world.try_archive(chat, archived));
            }
            for (chat, result) in join_all(updates).await.into_iter().enumerate() {
                let fine = matches!(result, Ok(_) | Err(StoreError::ParentArchived));
                assert!(fine, "{}: {round}: {chat}: {result:?}", world.engine);
            }
            for chat in [root.id, one.id, two.id] {
                assert_eq!(world.get(chat).await.archived, archived, "{}: {round}", world.engine);
            }
        }
    }
}
