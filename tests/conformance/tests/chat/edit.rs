//! Another word in place of one that was said.

use chatmesh_chat::machine::Status;
use chatmesh_chat::{ChatStore as _, Edit, Outgoing, Since, StoreError};
use chatmesh_core::{IdSource as _, SystemIds};

use crate::content::{answer, marker, parts, text_of};
use crate::line::Line;
use crate::world::{fence, is_lost, worlds};

/// F20: an edit is seen by whoever reads what changed, and what the old runner still says is lost:
/// were either not so, an edited message would show on one replica only, or what it removed come back.
#[tokio::test]
async fn an_edit_is_news_and_a_late_commit_does_not_bring_back_what_it_removed() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        let (chat, _) = world.store.commit_step(fence(&chat), vec![answer("said")], world.now).await.expect("said");
        world.send(chat.id, "waits").await;
        world.store.record_step(fence(&chat), &answer("kept"), None, world.now).await.expect("kept");
        let seen = world.get(chat.id).await.versions;
        world.tick();
        let edited = world.try_edit(chat.id, 1, "better").await.expect("edited");
        assert_eq!(edited.deleted, [1, 2], "{}", world.engine);
        assert_eq!((edited.chat.status, edited.chat.lease, edited.chat.queued_count), (Status::Running, None, 0));
        assert_eq!(edited.chat.updated_at, world.now, "{}", world.engine);

        // Both the old runner and one who pretends to know the new history are refused.
        world.is_fenced_without_lease(fence(&chat), "the history is another").await;
        let versions = edited.chat.versions;
        let informed = chatmesh_chat::Fence { history_version: versions.history, ..fence(&chat) };
        world.is_fenced_without_lease(informed, "the lease is lost").await;

        // Whoever saw the old versions is told what is gone, and that the queue is empty.
        let since = Since::Versions { history: seen.history, queue: seen.queue };
        let news = world.snapshot(chat.id, since).await;
        let changed: Vec<_> = news.messages.iter().map(|one| (one.id, one.deleted, one.revision)).collect();
        let now = versions.snapshot;
        assert_eq!(changed, [(1, true, now), (2, true, now), (3, false, now)], "{}", world.engine);
        assert_eq!(news.queue, Some(Vec::new()), "{}", world.engine);
        assert_eq!((versions.history, versions.queue), (now, now), "{}", world.engine);

        // Readers see the new word alone.
        assert_eq!(world.history(chat.id).await, ["better"], "{}", world.engine);
        assert_eq!(world.prompt(chat.id).await.len(), 1, "{}", world.engine);
        for descending in [false, true] {
            let listed = world.store.list_messages(chat.id, None, descending, 10).await.expect("listed");
            assert_eq!(listed, edited.messages, "{}", world.engine);
        }
        assert_eq!(world.store.kept_step(chat.id, versions.history).await.expect("asked"), None, "{}", world.engine);
        let next = world.run(chat.id).await;
        let done = world.store.commit_step(fence(&next), vec![answer("anew")], world.now).await.expect("said");
        assert_eq!(done.1[0].id, 4, "{}: numbers are not given out twice", world.engine);
        assert_eq!(world.history(chat.id).await, ["better", "anew"], "{}", world.engine);
    }
}

#[tokio::test]
async fn what_is_no_living_message_of_the_user_is_not_edited() {
    for world in worlds().await {
        let chat = world.idle("first").await;
        let cleared = marker("chat_cleared", "c", "forget");
        world.store.clear_context(chat.id, cleared, world.now).await.expect("cleared");
        world.send(chat.id, "second").await;
        let edited = world.try_edit(chat.id, 6, "third").await.expect("edited");
        assert_eq!((edited.messages[0].id, edited.deleted), (7, vec![6]), "{}", world.engine);
        let other = world.create("elsewhere").await;

        let before = world.dump().await;
        for (id, is_there) in [(0, false), (2, true), (3, false), (4, true), (5, true), (6, false), (8, false)] {
            let refused = world.try_edit(chat.id, id, "no").await;
            match refused {
                Err(StoreError::NotOfUser) => assert!(is_there, "{}: {id}", world.engine),
                Err(StoreError::MessageNotFound) => assert!(!is_there, "{}: {id}", world.engine),
                other => panic!("{}: {id}: {other:?}", world.engine),
            }
        }
        let foreign = world.try_edit(other.id, 7, "no").await;
        assert!(matches!(foreign, Err(StoreError::MessageNotFound)), "{}: {foreign:?}", world.engine);
        assert_eq!(world.dump().await, before, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_edit_before_a_summary_removes_the_whole_of_it() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let said = vec![answer("one"), answer("two")];
        let chat = world.store.commit_step(fence(&chat), said, world.now).await.expect("said").0;
        let idle = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        world.send(idle.id, "second").await;
        let chat = world.run(idle.id).await;
        let summary = marker("chat_summarized", "s", "so far");
        let chat = world.store.commit_compaction(fence(&chat), summary, world.now).await.expect("summed up").0;
        let texts = async || world.prompt(chat.id).await.into_iter().map(|line| line.text).collect::<Vec<_>>();
        assert_eq!(texts().await, ["so far"], "{}", world.engine);

        // An edit behind the summary leaves it.
        world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        world.send(chat.id, "third").await;
        let behind = world.try_edit(chat.id, 8, "third, better").await.expect("edited");
        assert_eq!(behind.deleted, [8], "{}", world.engine);
        assert_eq!(texts().await, ["so far", "third, better"], "{}", world.engine);

        let before = world.try_edit(chat.id, 4, "second, better").await.expect("edited");
        assert_eq!(before.deleted, [4, 5, 6, 7, 9], "{}: the three rows of the summary, too", world.engine);
        assert_eq!(texts().await, ["first", "one", "two", "second, better"], "{}", world.engine);
        assert_eq!(before.chat.last_assistant_message_id, 3, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_edit_forgets_what_the_client_was_asked() {
    for world in worlds().await {
        let chat = world.asking(&["a"], &["waits"]).await;
        let edited = world.try_edit(chat.id, 1, "better").await.expect("edited");
        assert_eq!((edited.chat.status, edited.chat.action_deadline_at), (Status::Running, None), "{}", world.engine);
        assert_eq!((edited.chat.queued_count, edited.deleted), (0, vec![1, 2]), "{}", world.engine);
        assert_eq!(Line::all(&edited.messages), world.prompt(chat.id).await, "{}: no result to nothing", world.engine);
        let late = world.store.submit_tool_results(chat.id, Vec::new(), world.now).await;
        assert!(matches!(late, Err(StoreError::Rejected(_))), "{}: {late:?}", world.engine);
    }
}

#[tokio::test]
async fn an_edit_sets_model_and_trace_and_is_not_done_twice() {
    for world in worlds().await {
        let chat = world.idle("first").await;
        let Outgoing { message, .. } = world.request("better", SystemIds.next());
        let (model, traceparent) = ("other".to_owned(), Some("00-edit".to_owned()));
        let edit = Edit { message_id: 1, message, model, traceparent };
        let edited = world.store.edit(chat.id, edit.clone(), world.now).await.expect("edited");
        assert_eq!((edited.chat.model.as_str(), edited.chat.traceparent.as_deref()), ("other", Some("00-edit")));
        assert_eq!((edited.chat.lease, edited.changed), (None, true), "{}", world.engine);

        let before = world.dump().await;
        let words =
            Edit { message: chatmesh_chat::NewMessage { content: parts("no"), ..edit.message.clone() }, ..edit };
        let again = world.store.edit(chat.id, words, world.now).await.expect("repeated");
        assert_eq!((&again.messages, again.changed), (&edited.messages, false), "{}", world.engine);
        assert_eq!(text_of(&again.messages[0].body.content), "better", "{}", world.engine);
        assert_eq!(world.dump().await, before, "{}", world.engine);
    }
}

#[tokio::test]
async fn of_an_edit_and_a_commit_at_the_same_time_the_edit_stands() {
    for world in worlds().await {
        for round in 0..8 {
            let chat = world.running("first").await;
            let commit = world.store.commit_step(fence(&chat), vec![answer("late")], world.now);
            let (committed, edited) = futures::join!(commit, world.try_edit(chat.id, 1, "better"));
            let edited = edited.expect("edited");
            assert!(committed.is_ok() || is_lost(&committed), "{}: {round}: {committed:?}", world.engine);
            let expected: &[u32] = if committed.is_ok() { &[1, 2] } else { &[1] };
            assert_eq!(edited.deleted, expected, "{}: {round}", world.engine);
            assert_eq!(world.history(chat.id).await, ["better"], "{}: {round}", world.engine);
        }
    }
}
