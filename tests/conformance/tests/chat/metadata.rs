//! What is written on a chat, and what was read of it.

use std::collections::BTreeMap;

use chatmesh_chat::{Chat, ChatStore as _, Metadata, NewMessage, Update, Visibility};
use chatmesh_core::{IdSource as _, SystemIds};

use crate::content::{answer, marker, result};
use crate::world::{fence, worlds};

#[tokio::test]
async fn what_is_written_on_a_chat_does_not_move_it_in_lists() {
    for mut world in worlds().await {
        let running = world.running("runs").await;
        let failed = world.failed(&["waits"]).await;
        let asking = world.asking(&["a"], &[]).await;
        world.tick();
        let workspace = SystemIds.next();
        let servers = vec![SystemIds.next(), SystemIds.next()];
        let labels = BTreeMap::from([("a/b.c".to_owned(), "ü\"'".to_owned())]);
        for chat in [running, failed, asking] {
            let metadata = Metadata {
                title: Some("Ä title\0".replace('\0', "")),
                labels: Some(labels.clone()),
                workspace_id: Some(Some(workspace)),
                mcp_server_ids: Some(servers.clone()),
            };
            let written = world.update(chat.id, Update { metadata, ..Update::default() }).await;
            let mut versions = chat.versions;
            versions.snapshot += 1;
            let (title, labels) = ("Ä title".to_owned(), labels.clone());
            let mcp_server_ids = Some(servers.clone());
            let expected = Chat { title, labels, workspace_id: Some(workspace), mcp_server_ids, versions, ..chat };
            assert_eq!(written, expected, "{}: that and nothing else", world.engine);

            let (mcp_server_ids, labels) = (Some(Vec::new()), Some(BTreeMap::new()));
            let none = Metadata { workspace_id: Some(None), labels, mcp_server_ids, ..Metadata::default() };
            let written = world.update(written.id, Update { metadata: none, ..Update::default() }).await;
            assert_eq!((written.workspace_id, written.labels.len(), written.title.as_str()), (None, 0, "Ä title"));
            assert_eq!(written.mcp_server_ids, Some(Vec::new()), "{}: none is not nothing", world.engine);
            assert_eq!(written.updated_at, expected.updated_at, "{}", world.engine);

            let before = world.dump().await;
            world.update(written.id, Update::default()).await;
            assert_eq!(world.dump().await, before, "{}: nothing was asked for", world.engine);
        }
    }
}

#[tokio::test]
async fn what_a_runner_commits_is_not_written_over_by_what_an_owner_writes() {
    for world in worlds().await {
        for round in 0..8 {
            let chat = world.running("first").await;
            let metadata = Metadata { title: Some("renamed".to_owned()), ..Metadata::default() };
            let commit = world.store.commit_step(fence(&chat), vec![answer("said")], world.now);
            let update = world.update(chat.id, Update { metadata, ..Update::default() });
            let (committed, _) = futures::join!(commit, update);
            committed.unwrap_or_else(|error| panic!("{}: {round}: a title is no history: {error:?}", world.engine));
            let after = world.get(chat.id).await;
            assert_eq!((after.title.as_str(), after.last_message_id), ("renamed", 2), "{}: {round}", world.engine);
            assert_eq!(after.versions.snapshot, chat.versions.snapshot + 2, "{}: {round}", world.engine);
        }
    }
}

#[tokio::test]
async fn what_the_model_says_is_unread_until_it_is_read_and_reading_changes_nothing_else() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        assert!(!chat.has_unread() && !world.store.mark_read(chat.id).await.expect("asked"), "{}", world.engine);
        let hidden = NewMessage { visibility: Visibility::Model, ..answer("for the model") };
        let said = vec![answer("said"), result("x"), hidden];
        let (chat, _) = world.store.commit_step(fence(&chat), said, world.now).await.expect("said");
        assert_eq!((chat.has_unread(), chat.last_assistant_message_id), (true, 2), "{}", world.engine);
        world.tick();
        assert!(world.store.mark_read(chat.id).await.expect("marked"), "{}: that is news", world.engine);
        assert!(!world.store.mark_read(chat.id).await.expect("marked"), "{}: that is none", world.engine);
        let read = world.get(chat.id).await;
        assert_eq!(read, Chat { last_read_message_id: 2, ..chat.clone() }, "{}", world.engine);

        // What was read stays read whatever else is written; a summary is something to read.
        let (chat, _) = world.store.commit_step(fence(&chat), vec![result("y")], world.now).await.expect("said");
        assert!(!chat.has_unread(), "{}: results are not", world.engine);
        let summary = marker("chat_summarized", "s", "so far");
        let (chat, _) = world.store.commit_compaction(fence(&chat), summary, world.now).await.expect("summed up");
        assert!(chat.has_unread() && world.store.mark_read(chat.id).await.expect("marked"), "{}", world.engine);
        world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        assert!(!world.get(chat.id).await.has_unread(), "{}", world.engine);

        // What an edit removed is not unread any more, and what is said then is.
        let chat = world.running("first").await;
        world.store.commit_step(fence(&chat), vec![answer("a"), answer("b")], world.now).await.expect("said");
        world.store.mark_read(chat.id).await.expect("marked");
        let edited = world.try_edit(chat.id, 1, "better").await.expect("edited").chat;
        assert_eq!((edited.last_assistant_message_id, edited.has_unread()), (0, false), "{}", world.engine);
        let chat = world.run(chat.id).await;
        let (chat, _) = world.store.commit_step(fence(&chat), vec![answer("c")], world.now).await.expect("said");
        assert!(chat.has_unread(), "{}: {chat:?}", world.engine);
    }
}
