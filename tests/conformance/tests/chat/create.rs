//! Creating chats.

use std::collections::HashSet;

use chatmesh_chat::machine::{Rejected, Status};
use chatmesh_chat::{ChatId, ChatStore as _, MIGRATIONS, NewChat, STATEMENTS, Since, StoreError, Versions};
use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::common::v1::ToolDefinition;
use chatmesh_rpc::UserId;
use futures::future::join_all;

use crate::world::{new_worker, worlds};

#[tokio::test]
async fn every_statement_is_valid() {
    chatmesh_testkit::statements_are_valid(MIGRATIONS, STATEMENTS).await;
}

#[tokio::test]
async fn a_chat_begins_running_with_its_first_message() {
    for world in worlds().await {
        let new = world.new_chat("hello", Some(SystemIds.next()));
        let (chat, created) = world.store.create(new.clone()).await.expect("created");
        assert!(created, "{}", world.engine);
        assert_eq!((chat.status, chat.last_message_id, chat.queued_count), (Status::Running, 1, 0));
        assert_eq!(chat.versions, Versions { snapshot: 1, history: 1, ..Versions::default() }, "{}", world.engine);
        let expected = chatmesh_chat::Chat { versions: chat.versions, last_message_id: 1, ..new.chat };
        assert_eq!(chat, expected, "{}", world.engine);

        let seen = world.snapshot(chat.id, Since::Message(0)).await;
        assert_eq!(seen.chat, chat, "{}: what is returned is what is stored", world.engine);
        let [message] = &seen.messages[..] else { panic!("{}: {seen:?}", world.engine) };
        assert_eq!((message.id, message.revision, &message.body), (1, 1, &new.message), "{}", world.engine);
        assert_eq!((message.chat_id, message.created_at, message.deleted), (chat.id, world.now, false));
        assert_eq!(world.acquire(new_worker(), 1).await.len(), 1, "{}: a worker finds it", world.engine);
    }
}

#[tokio::test]
async fn the_store_sets_versions_and_numbers() {
    for world in worlds().await {
        let mut new = world.new_chat("hello", None);
        new.chat.versions = Versions { snapshot: 7, history: 8, queue: 9, retry_state: 10, generation_attempt: 11 };
        (new.chat.last_message_id, new.chat.last_queued_id, new.chat.queued_count) = (12, 13, 14);
        let (chat, _) = world.store.create(new).await.expect("created");
        assert_eq!(chat.versions, Versions { snapshot: 1, history: 1, ..Versions::default() }, "{}", world.engine);
        assert_eq!((chat.last_message_id, chat.last_queued_id, chat.queued_count), (1, 0, 0), "{}", world.engine);
        assert_eq!(world.get(chat.id).await, chat, "{}", world.engine);
    }
}

#[tokio::test]
async fn the_same_request_again_has_the_first_chat() {
    for mut world in worlds().await {
        let request = Some(SystemIds.next());
        let news: Vec<_> = (0..8).map(|number| world.new_chat(&format!("hello {number}"), request)).collect();
        let results = join_all(news.into_iter().map(|new| world.store.create(new))).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("asked")).collect();
        assert_eq!(results.iter().filter(|(_, created)| *created).count(), 1, "{}", world.engine);
        let ids: HashSet<ChatId> = results.iter().map(|(chat, _)| chat.id).collect();
        assert_eq!(ids.len(), 1, "{}", world.engine);
        let id = results[0].0.id;
        assert_eq!(world.history(id).await.len(), 1, "{}", world.engine);

        let now = world.send(id, "more").await.chat;
        let repeat = world.store.create(world.new_chat("late", request)).await.expect("asked");
        assert_eq!(repeat, (now.clone(), false), "{}: as it is now", world.engine);
        assert_eq!(world.get(id).await, now, "{}: nothing changed", world.engine);

        world.owner = UserId(SystemIds.next());
        let (foreign, created) = world.store.create(world.new_chat("hello", request)).await.expect("asked");
        assert!(created && foreign.id != id, "{}: another owner's request is another request", world.engine);
        let (third, created) = world.store.create(world.new_chat("hello", None)).await.expect("asked");
        assert!(created && third.id != foreign.id, "{}", world.engine);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    for world in worlds().await {
        let id = ChatId(SystemIds.next());
        assert_eq!(world.store.get(id).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.store.snapshot(id, Since::Message(0)).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.store.kept_step(id, 1).await.expect("asked"), None, "{}", world.engine);
        assert_eq!(world.store.prompt_messages(id).await.expect("asked"), [], "{}", world.engine);
        assert_eq!(world.store.list_messages(id, None, true, 10).await.expect("asked"), [], "{}", world.engine);
        let sent = world.try_send(id, world.outgoing("hello")).await;
        assert!(matches!(sent, Err(StoreError::NotFound)), "{}: {sent:?}", world.engine);
        let interrupted = world.store.interrupt(id, world.now).await;
        assert!(matches!(interrupted, Err(StoreError::NotFound)), "{}: {interrupted:?}", world.engine);
        assert_eq!(world.store.dynamic_tools(id).await.expect("asked"), [], "{}", world.engine);
        assert!(!world.store.mark_read(id).await.expect("asked"), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_chat_is_not_created_over_another() {
    for world in worlds().await {
        let first = world.create("hello").await;
        for request in [None, Some(SystemIds.next())] {
            let mut new = world.new_chat("other words", request);
            new.chat.id = first.id;
            let again = world.store.create(new).await;
            assert!(matches!(again, Err(StoreError::Rejected(Rejected::Exists))), "{}: {again:?}", world.engine);
        }
        assert_eq!(world.get(first.id).await, first, "{}", world.engine);
        assert_eq!(world.history(first.id).await, ["hello"], "{}", world.engine);
    }
}

#[tokio::test]
async fn the_tools_of_the_client_come_back_as_they_were_declared() {
    let tool = |name: &str| ToolDefinition {
        name: name.to_owned(),
        description: "ask – 問".to_owned(),
        input_schema: r#"{"type": "object"}"#.to_owned(),
        ..ToolDefinition::default()
    };
    for world in worlds().await {
        for names in [&[][..], &["b"], &["b", "a", "c"]] {
            let dynamic_tools: Vec<_> = names.iter().map(|name| tool(name)).collect();
            let new = NewChat { dynamic_tools: dynamic_tools.clone(), ..world.new_chat("hello", None) };
            let chat = world.insert(new).await;
            let kept = world.store.dynamic_tools(chat.id).await.expect("asked");
            assert_eq!(kept, dynamic_tools, "{}: in the client's order", world.engine);
        }
    }
}
