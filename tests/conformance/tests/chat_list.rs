//! What the store promises of lists of chats, and of what owners change about chats, on every engine.

#[path = "support/chats.rs"]
mod chats;

use std::collections::BTreeMap;

use chatmesh_chat::machine::{Rejected, Status};
use chatmesh_chat::{Chat, ChatFilter, ChatId, ChatStore as _, ListCursor, Metadata, StoreError, Update};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_db::{Sql, values};
use chatmesh_rpc::UserId;
use chats::{World, text, worlds};
use futures::future::join_all;

/// Labels that chats must have.
type Labels<'a> = &'a [(&'a str, &'a str)];

impl World {
    async fn list(&self, filter: &ChatFilter) -> Vec<String> {
        let chats = self.store.list(self.owner, filter, None, 100).await.expect("listed");
        chats.into_iter().map(|chat| chat.title).collect()
    }

    async fn set(&self, chat: ChatId, update: Update) -> Chat {
        self.store.update(chat, update, self.now).await.expect("updated").chat
    }

    async fn pin(&self, chat: ChatId, order: u32) -> Chat {
        self.set(chat, Update { pin_order: Some(order), ..Update::default() }).await
    }

    async fn pins(&self) -> Vec<(String, u32)> {
        let chats = self.store.list(self.owner, &ChatFilter::default(), None, 100).await.expect("listed");
        let pinned = chats.into_iter().filter(|chat| chat.pin_order > 0);
        pinned.map(|chat| (chat.title, chat.pin_order)).collect()
    }

    /// Puts `child` below `root` as if that one had started it.
    async fn adopt(&self, root: ChatId, child: ChatId) {
        const ADOPT: Sql = Sql::portable("UPDATE chats SET parent_chat_id = $2, root_chat_id = $2 WHERE id = $1");
        self.database.db.execute(ADOPT, values![child.0, root.0]).await.expect("adopted");
    }
}

fn archive(archived: bool) -> Update {
    Update { archived: Some(archived), ..Update::default() }
}

fn labelled(labels: &[(&str, &str)]) -> Update {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Update { metadata: Metadata { labels: Some(labels), ..Metadata::default() }, ..Update::default() }
}

fn with_labels(labels: &[(&str, &str)]) -> ChatFilter {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ChatFilter { labels, ..ChatFilter::default() }
}

#[tokio::test]
async fn pinned_chats_come_first_and_pages_of_any_size_are_the_whole_list() {
    for mut world in worlds().await {
        let mut ids = Vec::new();
        for number in 0..9 {
            // Chats of one moment are in the order of their identifiers.
            if number % 2 == 0 {
                world.tick();
            }
            ids.push(world.idle(&number.to_string()).await.id);
        }
        for (id, order) in [(ids[2], 1), (ids[5], 2), (ids[0], 3)] {
            world.pin(id, order).await;
        }
        let filter = ChatFilter::default();
        assert_eq!(world.list(&filter).await, ["2", "5", "0", "8", "7", "6", "4", "3", "1"], "{}", world.engine);
        let whole = world.store.list(world.owner, &filter, None, 100).await.expect("listed");
        for size in 1..=10 {
            let (mut pages, mut after) = (Vec::new(), None);
            loop {
                let page = world.store.list(world.owner, &filter, after, size).await.expect("listed");
                assert!(page.len() <= size as usize, "{}", world.engine);
                let Some(last) = page.last() else { break };
                after = Some(ListCursor::after(last));
                pages.extend(page);
            }
            assert_eq!(pages, whole, "{}: pages of {size}", world.engine);
        }
        let stranger = UserId(SystemIds.next());
        assert_eq!(world.store.list(stranger, &filter, None, 100).await.expect("listed"), [], "{}", world.engine);
    }
}

#[tokio::test]
async fn chats_that_chats_started_are_not_listed_and_archived_ones_only_when_asked_for() {
    for world in worlds().await {
        let root = world.idle("root").await.id;
        let child = world.idle("child").await.id;
        world.idle("other").await;
        world.adopt(root, child).await;
        let there = ChatFilter::default();
        let away = ChatFilter { archived: true, ..ChatFilter::default() };
        assert_eq!(world.list(&there).await, ["other", "root"], "{}", world.engine);
        assert_eq!(world.list(&away).await, Vec::<String>::new(), "{}", world.engine);
        world.set(root, archive(true)).await;
        assert_eq!(world.list(&there).await, ["other"], "{}", world.engine);
        assert_eq!(world.list(&away).await, ["root"], "{}", world.engine);
    }
}

#[tokio::test]
async fn titles_are_found_in_any_case_and_by_what_stands_there() {
    for world in worlds().await {
        for title in ["Über die Brücke", "100% done_now", "plain \"quotes\" \\ end"] {
            world.idle(title).await;
        }
        let titles = |parts: &[&str]| ChatFilter {
            titles: parts.iter().map(|part| (*part).to_owned()).collect(),
            ..ChatFilter::default()
        };
        let table: [(&[&str], &[&str]); 9] = [
            (&["über"], &["Über die Brücke"]),
            (&["BRÜCKE"], &["Über die Brücke"]),
            (&["brücke", "Die"], &["Über die Brücke"]),
            (&["brücke", "done"], &[]),
            (&["%"], &["100% done_now"]),
            (&["e_n"], &["100% done_now"]),
            (&["\"quotes\" \\"], &["plain \"quotes\" \\ end"]),
            (&["' OR 1=1"], &[]),
            (&["e"], &["plain \"quotes\" \\ end", "100% done_now", "Über die Brücke"]),
        ];
        for (parts, expected) in table {
            assert_eq!(world.list(&titles(parts)).await, expected, "{}: {parts:?}", world.engine);
        }
        let renamed = world.store.list(world.owner, &titles(&["über"]), None, 1).await.expect("listed").remove(0);
        let title = Metadata { title: Some("ΔΕΛΤΑ".to_owned()), ..Metadata::default() };
        world.set(renamed.id, Update { metadata: title, ..Update::default() }).await;
        assert_eq!(world.list(&titles(&["δελτα"])).await, ["ΔΕΛΤΑ"], "{}", world.engine);
        assert_eq!(world.list(&titles(&["über"])).await, Vec::<String>::new(), "{}", world.engine);
    }
}

#[tokio::test]
async fn all_labels_must_be_there_exactly() {
    for world in worlds().await {
        let both = world.idle("both").await.id;
        let one = world.idle("one").await.id;
        world.idle("none").await;
        world.set(both, labelled(&[("team", "söze"), ("a/b.c", "x\"y\\z")])).await;
        world.set(one, labelled(&[("team", "söze")])).await;
        let table: [(Labels<'_>, &[&str]); 7] = [
            (&[("team", "söze")], &["one", "both"]),
            (&[("team", "söze"), ("a/b.c", "x\"y\\z")], &["both"]),
            (&[("team", "söze"), ("team", "other")], &[]),
            (&[("team", "SÖZE")], &[]),
            (&[("team", "")], &[]),
            (&[("Team", "söze")], &[]),
            (&[("$.team", "söze")], &[]),
        ];
        for (labels, expected) in table {
            assert_eq!(world.list(&with_labels(labels)).await, expected, "{}: {labels:?}", world.engine);
        }
    }
}

#[tokio::test]
async fn chats_are_found_by_what_they_do_and_by_what_was_not_read() {
    const SAID: Sql = Sql::portable("UPDATE chats SET last_assistant_message_id = 3 WHERE id = $1");
    for world in worlds().await {
        world.insert(world.new_chat("runs", text("go"))).await;
        let unread = world.idle("unread").await.id;
        world.database.db.execute(SAID, values![unread.0]).await.expect("said");
        let status = |status| ChatFilter { status: Some(status), ..ChatFilter::default() };
        let read = |read| ChatFilter { has_unread: Some(read), ..ChatFilter::default() };
        assert_eq!(world.list(&status(Status::Running)).await, ["runs"], "{}", world.engine);
        assert_eq!(world.list(&status(Status::Waiting)).await, ["unread"], "{}", world.engine);
        assert_eq!(world.list(&status(Status::Error)).await, Vec::<String>::new(), "{}", world.engine);
        assert_eq!(world.list(&read(true)).await, ["unread"], "{}", world.engine);
        assert_eq!(world.list(&read(false)).await, ["runs"], "{}", world.engine);
        assert!(world.store.mark_read(unread).await.expect("marked"), "{}", world.engine);
        assert_eq!(world.list(&read(true)).await, Vec::<String>::new(), "{}", world.engine);
    }
}

#[tokio::test]
async fn everything_that_is_asked_for_is_changed_at_once_or_nothing_is() {
    for world in worlds().await {
        let idle = world.idle("before").await;
        let all = Update {
            metadata: Metadata {
                title: Some("after".to_owned()),
                labels: Some(BTreeMap::from([("a".to_owned(), "b".to_owned())])),
                workspace_id: Some(Some(SystemIds.next())),
                mcp_server_ids: None,
            },
            archived: Some(false),
            pin_order: Some(1),
        };
        let changed = world.set(idle.id, all.clone()).await;
        assert_eq!((changed.title.as_str(), changed.pin_order), ("after", 1), "{}", world.engine);
        assert_eq!(changed.versions.snapshot, idle.versions.snapshot + 1, "{}: one step", world.engine);
        assert_eq!(changed.updated_at, idle.updated_at, "{}: its place in the list stays", world.engine);
        assert_eq!(world.get(idle.id).await, changed, "{}", world.engine);

        // A running chat cannot be put away: neither is the title changed, nor is it pinned.
        let running = world.insert(world.new_chat("runs", text("go"))).await;
        let update = Update { archived: Some(true), pin_order: None, ..all.clone() };
        let refused = world.store.update(running.id, update, world.now).await;
        let busy = StoreError::Rejected(Rejected::Busy(Status::Running));
        assert_eq!(refused.expect_err("refused").to_string(), busy.to_string(), "{}", world.engine);
        assert_eq!(world.get(running.id).await, running, "{}", world.engine);

        // Nothing is asked for that is not so already.
        let update = Update { metadata: Metadata::default(), ..all };
        assert_eq!(world.set(idle.id, update).await, changed, "{}", world.engine);
        let archived = world.set(idle.id, archive(true)).await;
        assert_eq!((archived.archived, archived.pin_order), (true, 0), "{}", world.engine);
        let pinned = world.store.update(idle.id, Update { pin_order: Some(1), ..Update::default() }, world.now).await;
        assert!(matches!(pinned, Err(StoreError::Rejected(Rejected::Archived))), "{}: {pinned:?}", world.engine);
        let back = Update { archived: Some(false), pin_order: Some(1), ..Update::default() };
        let back = world.set(idle.id, back).await;
        assert_eq!((back.archived, back.pin_order), (false, 1), "{}", world.engine);
        assert_eq!(back.versions.snapshot, archived.versions.snapshot + 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_family_is_put_away_and_taken_out_together() {
    for world in worlds().await {
        let root = world.idle("root").await.id;
        let (one, two) = (world.idle("one").await.id, world.idle("two").await.id);
        world.adopt(root, one).await;
        world.adopt(root, two).await;
        let put_away = world.store.update(one, archive(true), world.now).await.expect("archived");
        assert!(put_away.chat.archived && put_away.family.is_empty(), "{}: a child alone", world.engine);
        let updated = world.store.update(root, archive(true), world.now).await.expect("archived");
        let family: Vec<ChatId> = updated.family.iter().map(|member| member.id).collect();
        assert_eq!((updated.chat.id, family), (root, vec![two]), "{}: those that were not yet", world.engine);
        let alone = world.store.update(one, archive(false), world.now).await;
        assert!(matches!(alone, Err(StoreError::ParentArchived)), "{}: {alone:?}", world.engine);
        let updated = world.store.update(root, archive(false), world.now).await.expect("unarchived");
        assert_eq!(updated.family.len(), 2, "{}", world.engine);
        let child = world.store.update(one, Update { pin_order: Some(1), ..Update::default() }, world.now).await;
        assert!(matches!(child, Err(StoreError::NotARoot)), "{}: {child:?}", world.engine);

        const RUN: Sql = Sql::portable("UPDATE chats SET status = 'running' WHERE id = $1");
        world.database.db.execute(RUN, values![two.0]).await.expect("running");
        let refused = world.store.update(root, archive(true), world.now).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Busy(_)))), "{}: {refused:?}", world.engine);
        assert!(!world.get(root).await.archived && !world.get(one).await.archived, "{}", world.engine);
    }
}

#[tokio::test]
async fn pins_are_numbered_without_gaps_whatever_is_pinned_moved_and_put_away() {
    for world in worlds().await {
        let mut ids = BTreeMap::new();
        for title in ["a", "b", "c", "d"] {
            ids.insert(title, world.idle(title).await.id);
        }
        let pins = |titles: &str| (1..).zip(titles.chars()).map(|(at, c)| (c.to_string(), at)).collect::<Vec<_>>();
        let steps: [(&str, u32, &str); 9] = [
            ("a", 7, "a"),
            ("b", 1, "ab"),
            ("c", 2, "abc"),
            ("c", 1, "cab"),
            ("c", 99, "abc"),
            ("b", 2, "abc"),
            ("d", 1, "abcd"),
            ("a", 0, "bcd"),
            ("a", 0, "bcd"),
        ];
        for (title, order, expected) in steps {
            world.pin(ids[title], order).await;
            assert_eq!(world.pins().await, pins(expected), "{}: {title} to {order}", world.engine);
        }
        let moved = world.store.update(ids["b"], archive(true), world.now).await.expect("archived").moved;
        let moved: Vec<_> = moved.into_iter().map(|chat| (chat.title, chat.pin_order)).collect();
        assert_eq!(moved, pins("cd"), "{}: the others close the gap", world.engine);
        assert_eq!(world.pins().await, pins("cd"), "{}", world.engine);
    }
}

#[tokio::test]
async fn chats_that_are_pinned_at_the_same_time_get_places_of_their_own() {
    for world in worlds().await {
        let mut ids = Vec::new();
        for number in 0..8 {
            ids.push(world.idle(&number.to_string()).await.id);
        }
        join_all(ids.iter().map(|id| world.pin(*id, 1))).await;
        let orders: Vec<u32> = world.pins().await.into_iter().map(|(_, order)| order).collect();
        assert_eq!(orders, [1, 2, 3, 4, 5, 6, 7, 8], "{}", world.engine);
        let updates = ids.iter().enumerate().map(|(number, id)| {
            if number % 2 == 0 {
                world.set(*id, archive(true))
            } else {
                world.set(*id, Update { pin_order: Some(1), ..Update::default() })
            }
        });
        join_all(updates).await;
        let orders: Vec<u32> = world.pins().await.into_iter().map(|(_, order)| order).collect();
        assert_eq!(orders, [1, 2, 3, 4], "{}", world.engine);
    }
}
