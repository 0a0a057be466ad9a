//! Summaries, and contexts that are cleared.

use chatmesh_chat::machine::Status;
use chatmesh_chat::{ChatStore as _, LeaseStore as _, NewMessage, StoreError, Visibility};
use chatmesh_proto::common::v1::Role;

use crate::content::{answer, failure, marker, parts, text_of};
use crate::invariants::{calls_are_answered, summaries_are_whole};
use crate::line::Line;
use crate::world::{World, fence, is_lost, worlds};

impl World {
    async fn prompt_texts(&self, chat: chatmesh_chat::ChatId) -> Vec<String> {
        self.prompt(chat).await.into_iter().map(|line| line.text).collect()
    }
}

#[tokio::test]
async fn where_the_model_said_nothing_there_is_nothing_to_sum_up_or_to_forget() {
    for world in worlds().await {
        let cleared = || marker("chat_cleared", "c", "forget");
        let is_nothing = async |chat| {
            let before = world.dump().await;
            let asked = world.store.request_compaction(chat, None, world.now).await;
            assert!(matches!(asked, Err(StoreError::NothingSaid)), "{}: {asked:?}", world.engine);
            let clear = world.store.clear_context(chat, cleared(), world.now).await;
            assert!(matches!(clear, Err(StoreError::NothingSaid)), "{}: {clear:?}", world.engine);
            assert_eq!(world.dump().await, before, "{}", world.engine);
        };
        let silent = world.failed(&[]).await;
        is_nothing(silent.id).await;

        let chat = world.idle("first").await;
        world.store.clear_context(chat.id, cleared(), world.now).await.expect("cleared");
        is_nothing(chat.id).await;
        world.send(chat.id, "second").await;
        let running = world.run(chat.id).await;
        let stopped =
            world.store.finish_error(fence(&running), Vec::new(), failure(), world.now).await.expect("failed");
        assert_eq!(stopped.status, Status::Error, "{}", world.engine);
        is_nothing(chat.id).await;

        // What an edit removed was not said.
        let back = world.try_edit(chat.id, 1, "anew").await.expect("edited");
        let running = world.run(back.chat.id).await;
        world.store.finish_error(fence(&running), Vec::new(), failure(), world.now).await.expect("failed");
        is_nothing(chat.id).await;
    }
}

#[tokio::test]
async fn a_wanted_summary_begins_a_turn_with_all_its_attempts() {
    for mut world in worlds().await {
        for queued in [&[][..], &["waits"]] {
            let chat = world.running("first").await;
            for text in queued {
                world.send(chat.id, text).await;
            }
            let attempt = world.store.record_attempt(fence(&chat), world.now).await.expect("recorded");
            let said = vec![answer("half")];
            let failed = world.store.finish_error(fence(&attempt), said, failure(), world.now).await.expect("failed");
            world.tick();
            let trace = Some("00-compact".to_owned());
            let asked = world.store.request_compaction(chat.id, trace.clone(), world.now).await.expect("asked");
            assert_eq!((asked.status, &asked.last_error), (Status::Running, &None), "{}", world.engine);
            assert_eq!((asked.compaction_requested_at, &asked.traceparent), (Some(world.now), &trace));
            assert_eq!((asked.versions.generation_attempt, asked.versions.history), (0, failed.versions.history));
            assert_eq!(asked.queued_count, failed.queued_count, "{}: the queue waits", world.engine);

            let runner = world.run(chat.id).await;
            assert_eq!(runner.compaction_requested_at, asked.compaction_requested_at, "{}", world.engine);
            let summary = marker("chat_summarized", "s", "so far");
            let late = world.store.commit_compaction(fence(&runner), summary.clone(), world.now).await;
            let (done, committed) = late.expect("summed up");
            assert_eq!((done.compaction_requested_at, done.status), (None, Status::Running), "{}", world.engine);
            assert!(committed.iter().map(|message| &message.body).eq(&summary), "{}: {committed:?}", world.engine);
            let again = world.store.commit_compaction(fence(&runner), summary, world.now).await;
            assert!(is_lost(&again), "{}: the history went on: {again:?}", world.engine);
        }
    }
}

#[tokio::test]
async fn the_model_sees_instructions_of_any_age_the_newest_summary_and_what_came_after_it() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let instructions =
            |text| NewMessage { visibility: Visibility::Model, ..NewMessage::new(Role::System, parts(text)) };
        let for_people = NewMessage { visibility: Visibility::User, ..answer("for people") };
        let said = vec![instructions("be brief"), answer("one"), for_people];
        let chat = world.store.commit_step(fence(&chat), said, world.now).await.expect("said").0;
        assert_eq!(world.prompt_texts(chat.id).await, ["first", "be brief", "one"], "{}", world.engine);

        let first = marker("chat_summarized", "s1", "summary 1");
        let chat = world.store.commit_compaction(fence(&chat), first, world.now).await.expect("summed up").0;
        assert_eq!(world.prompt_texts(chat.id).await, ["be brief", "summary 1"], "{}", world.engine);
        let said = vec![answer("two"), instructions("be kind")];
        let chat = world.store.commit_step(fence(&chat), said, world.now).await.expect("said").0;
        assert_eq!(world.prompt_texts(chat.id).await, ["be brief", "summary 1", "two", "be kind"]);

        // What nobody has answered is said again behind the summary, for the model alone.
        let again = NewMessage { visibility: Visibility::Model, ..NewMessage::new(Role::User, parts("again")) };
        let mut second = marker("chat_summarized", "s2", "summary 2");
        second.push(again);
        let chat = world.store.commit_compaction(fence(&chat), second, world.now).await.expect("summed up").0;
        let expected = ["be brief", "be kind", "summary 2", "again"];
        assert_eq!(world.prompt_texts(chat.id).await, expected, "{}", world.engine);
        calls_are_answered(&world.prompt(chat.id).await, false);
        summaries_are_whole(&Line::all(&world.messages(chat.id).await));

        // People see where it was, and what they said once.
        let people = world.store.list_messages(chat.id, None, false, 100).await.expect("listed");
        let shown: Vec<_> = people.iter().map(|one| (one.body.role, text_of(&one.body.content))).collect();
        let (user, model, tool) = (Role::User, Role::Assistant, Role::Tool);
        let expected = [
            (user, "first"),
            (model, "one"),
            (model, "for people"),
            (model, ""),
            (tool, ""),
            (model, "two"),
            (model, ""),
            (tool, ""),
        ];
        assert_eq!(shown, expected.map(|(role, text)| (role, text.to_owned())), "{}", world.engine);
        assert_eq!(chat.last_assistant_message_id, 11, "{}: the marker is something to read", world.engine);
    }
}

#[tokio::test]
async fn a_cleared_context_leaves_the_model_nothing_and_the_user_everything() {
    for mut world in worlds().await {
        let chat = world.idle("first").await;
        world.tick();
        let rows = marker("chat_cleared", "c", "forget");
        let (after, committed) = world.store.clear_context(chat.id, rows.clone(), world.now).await.expect("cleared");
        assert!(committed.iter().map(|message| &message.body).eq(&rows), "{}: {committed:?}", world.engine);
        assert_eq!((after.status, after.updated_at), (Status::Waiting, world.now), "{}", world.engine);
        assert_eq!(
            (after.versions.snapshot, after.versions.history),
            (chat.versions.snapshot + 1, after.versions.snapshot)
        );
        assert_eq!(world.prompt_texts(chat.id).await, ["forget"], "{}", world.engine);
        assert_eq!(world.history(chat.id).await, ["first", "said", "", ""], "{}", world.engine);

        let chat = world.running("first").await;
        let said = vec![answer("said")];
        let failed = world.store.finish_error(fence(&chat), said, failure(), world.now).await.expect("failed");
        let (after, _) = world.store.clear_context(failed.id, rows, world.now).await.expect("cleared");
        assert_eq!((after.status, after.last_error), (Status::Waiting, None), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_summary_that_comes_too_late_is_not_committed() {
    for world in worlds().await {
        let chat = world.idle("first").await;
        world.store.request_compaction(chat.id, None, world.now).await.expect("asked");
        let runner = world.run(chat.id).await;
        let summary = || marker("chat_summarized", "s", "so far");
        world.interrupt(chat.id).await;
        let stopped = world.store.commit_compaction(fence(&runner), summary(), world.now).await;
        assert!(matches!(stopped, Err(StoreError::Rejected(_))), "{}: {stopped:?}", world.engine);
        let ended = world.store.finish_interruption(fence(&runner), Vec::new(), world.now).await.expect("ended");
        assert_eq!((ended.status, ended.compaction_requested_at), (Status::Waiting, None), "{}", world.engine);

        world.store.request_compaction(chat.id, None, world.now).await.expect("asked");
        let runner = world.run(chat.id).await;
        world.try_edit(chat.id, 1, "better").await.expect("edited");
        let late = world.store.commit_compaction(fence(&runner), summary(), world.now).await;
        assert!(is_lost(&late), "{}: {late:?}", world.engine);
        assert_eq!(world.prompt_texts(chat.id).await, ["better"], "{}", world.engine);
        assert_eq!(world.get(chat.id).await.compaction_requested_at, None, "{}", world.engine);
        world.store.forget_leases().await.expect("forgotten");
    }
}
