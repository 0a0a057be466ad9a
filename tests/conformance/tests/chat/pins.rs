//! The pinned chats of an owner.

use std::collections::BTreeMap;
use std::time::Duration;

use chatmesh_chat::machine::Rejected;
use chatmesh_chat::{Chat, ChatId, ChatStore as _, MAX_PINNED, Metadata, StoreError, Update, Updated};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, values};
use chatmesh_rpc::UserId;
use futures::future::join_all;
use tokio::time::timeout;

use crate::invariants::pins_are_dense;
use crate::world::{World, patiently, worlds};

impl World {
    async fn try_pin(&self, chat: ChatId, order: u32) -> Result<Updated, StoreError> {
        self.store.update(chat, Update { pin_order: Some(order), ..Update::default() }, self.now).await
    }

    async fn pin(&self, chat: ChatId, order: u32) -> Updated {
        self.try_pin(chat, order).await.expect("pinned")
    }

    async fn own(&self) -> Vec<Chat> {
        const OWN: Sql = Sql::portable("SELECT * FROM chats WHERE owner_id = $1 ORDER BY id");
        self.db.fetch_all(OWN, values![self.owner.0]).await.expect("listed")
    }

    /// The places of these chats.
    async fn places(&self, chats: &[Chat]) -> Vec<u32> {
        let own: BTreeMap<_, _> = self.own().await.into_iter().map(|chat| (chat.id, chat.pin_order)).collect();
        chats.iter().map(|chat| own[&chat.id]).collect()
    }
}

#[tokio::test]
async fn a_pin_goes_to_the_end_and_moves_where_it_is_told() {
    for mut world in worlds().await {
        let mut chats = Vec::new();
        for text in ["a", "b", "c", "d"] {
            chats.push(world.idle(text).await);
        }
        world.tick();
        // Which chat goes where, and where all are then.
        let steps: [(usize, u32, [u32; 4]); 9] = [
            (0, 9, [1, 0, 0, 0]),
            (1, 1, [1, 2, 0, 0]),
            (2, 1, [1, 2, 3, 0]),
            (2, 1, [2, 3, 1, 0]),
            (2, 2, [1, 3, 2, 0]),
            (0, 99, [3, 2, 1, 0]),
            (0, 3, [3, 2, 1, 0]),
            (1, 0, [2, 0, 1, 0]),
            (3, 1, [2, 0, 1, 3]),
        ];
        for (at, order, expected) in steps {
            let before = world.own().await;
            let updated = world.pin(chats[at].id, order).await;
            assert_eq!(world.places(&chats).await, expected, "{}: {at} to {order}", world.engine);
            let moved: Vec<ChatId> = updated.moved.iter().map(|chat| chat.id).collect();
            for (old, new) in before.iter().zip(world.own().await) {
                let changed = old.pin_order != new.pin_order;
                let told = moved.contains(&new.id) || (new.id == chats[at].id && updated.chat == new);
                assert!(!changed || told, "{}: {at} to {order}: {new:?}", world.engine);
                assert_eq!(new.versions.snapshot, old.versions.snapshot + u32::from(changed), "{}", world.engine);
                assert_eq!(new.updated_at, old.updated_at, "{}: a pin is no news", world.engine);
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_put_away_loses_the_pin_and_the_others_close_the_gap() {
    for world in worlds().await {
        let mut chats = Vec::new();
        for text in ["a", "b", "c"] {
            chats.push(world.idle(text).await);
            world.pin(chats.last().expect("pushed").id, 1).await;
        }
        let put_away = Update { archived: Some(true), ..Update::default() };
        let updated = world.store.update(chats[1].id, put_away, world.now).await.expect("archived");
        assert_eq!((updated.chat.pin_order, updated.moved.len()), (0, 1), "{}", world.engine);
        assert_eq!(world.places(&chats).await, [1, 0, 2], "{}", world.engine);
        let refused = world.try_pin(chats[1].id, 1).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Archived))), "{}: {refused:?}", world.engine);
        let both = Update { archived: Some(true), pin_order: Some(1), ..Update::default() };
        let refused = world.store.update(chats[0].id, both, world.now).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Archived))), "{}: {refused:?}", world.engine);
        let back = Update { archived: Some(false), ..Update::default() };
        let back = world.store.update(chats[1].id, back, world.now).await.expect("taken out");
        assert_eq!(
            (back.chat.pin_order, world.places(&chats).await),
            (0, vec![1, 0, 2]),
            "{}: not by itself",
            world.engine
        );
    }
}

#[tokio::test]
async fn what_a_chat_started_is_not_pinned_and_other_owners_have_pins_of_their_own() {
    for mut world in worlds().await {
        let root = world.idle("root").await;
        let child = world.child(&root, "child").await;
        world.pin(root.id, 1).await;
        let before = world.dump().await;
        let all = Update {
            metadata: Metadata { title: Some("renamed".to_owned()), ..Metadata::default() },
            pin_order: Some(1),
            ..Update::default()
        };
        let refused = world.store.update(child.id, all, world.now).await;
        assert!(matches!(refused, Err(StoreError::NotARoot)), "{}: {refused:?}", world.engine);
        assert_eq!(world.dump().await, before, "{}: nor is it renamed", world.engine);

        world.owner = UserId(SystemIds.next());
        let foreign = world.idle("foreign").await;
        assert_eq!(world.pin(foreign.id, 1).await.chat.pin_order, 1, "{}", world.engine);
        assert_eq!(world.get(root.id).await.pin_order, 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn pins_have_a_bound_and_the_last_and_the_first_may_change_places() {
    const PIN: Sql = Sql::portable("UPDATE chats SET pin_order = $2 WHERE id = $1");
    for world in worlds().await {
        let mut chats = Vec::new();
        for place in 1..=MAX_PINNED {
            let chat = world.create("pinned").await;
            world.db.execute(PIN, values![chat.id.0, place]).await.expect("pinned");
            chats.push(world.get(chat.id).await);
        }
        let extra = world.create("one more").await;
        let before = world.own().await;
        let refused = world.try_pin(extra.id, 1).await;
        assert!(matches!(refused, Err(StoreError::PinsFull)), "{}: {refused:?}", world.engine);
        assert_eq!(world.own().await, before, "{}", world.engine);

        let first = &chats[0];
        let updated = world.pin(first.id, MAX_PINNED).await;
        assert_eq!((updated.chat.pin_order, updated.moved.len()), (MAX_PINNED, chats.len() - 1), "{}", world.engine);
        for moved in &updated.moved {
            assert_eq!(world.get(moved.id).await, *moved, "{}", world.engine);
        }
        for (old, new) in before.iter().zip(world.own().await) {
            let pin_order = if old.id == first.id { MAX_PINNED } else { old.pin_order.saturating_sub(1) };
            let mut expected = Chat { pin_order, ..old.clone() };
            expected.versions.snapshot += u32::from(old.pin_order > 0);
            assert_eq!(new, expected, "{}: nothing else changes", world.engine);
        }

        world.pin(first.id, 0).await;
        assert_eq!(world.pin(extra.id, 1).await.chat.pin_order, MAX_PINNED, "{}: there is room again", world.engine);
        pins_are_dense(&world.own().await);
    }
}

/// Whoever locks rows in another order than somebody else waits for him for ever; a database ends that with an error.
#[tokio::test]
async fn a_storm_of_pins_blocks_nobody_and_leaves_no_gap() {
    const ROUNDS: usize = 12;
    for world in worlds().await {
        let mut chats = Vec::new();
        for number in 0..6 {
            chats.push(world.idle(&number.to_string()).await);
        }
        let child = world.child(&chats[0], "child").await;
        let child = world.run(child.id).await;
        world.store.finish_turn(crate::world::fence(&child), world.now).await.expect("finished");
        for round in 0..ROUNDS {
            let wish = |number: usize| match (number + round) % 5 {
                0 => Update { archived: Some(round % 2 == 0), ..Update::default() },
                1 => Update { archived: Some(round % 2 == 1), ..Update::default() },
                order => Update { pin_order: u32::try_from((order * number + round) % 8).ok(), ..Update::default() },
            };
            let named = chats.iter().rev().chain(&chats).chain([&child]).enumerate();
            let updates = named.map(async |(number, chat)| {
                patiently(async || world.store.update(chat.id, wish(number), world.now).await).await
            });
            let results = timeout(Duration::from_secs(30), join_all(updates)).await;
            for result in results.unwrap_or_else(|_| panic!("{}: somebody waits for ever", world.engine)) {
                let fine = matches!(
                    result,
                    Ok(_)
                        | Err(StoreError::Rejected(Rejected::Archived)
                            | StoreError::ParentArchived
                            | StoreError::NotARoot)
                );
                assert!(fine, "{}: {result:?}", world.engine);
            }
            let own = world.own().await;
            pins_are_dense(&own);
            assert!(own.iter().all(|chat| !chat.archived || chat.pin_order == 0), "{}: {own:?}", world.engine);
        }
    }
}
