//! Reading: pages and snapshots.

use chatmesh_chat::{ChatId, ChatStore as _, Message, NewMessage, Since, Snapshot, Visibility};
use chatmesh_proto::common::v1::Role;

use crate::content::{answer, failure, parts, retry};
use crate::world::{World, fence, worlds};

/// A chat with messages for people, for the model and for both, in turns.
async fn mixed(world: &World) -> (ChatId, Vec<Message>) {
    let chat = world.running("first").await;
    let kinds = [Visibility::User, Visibility::Model, Visibility::Both].into_iter().cycle().take(9);
    let messages = kinds.map(|visibility| NewMessage { visibility, ..NewMessage::new(Role::Assistant, parts("m")) });
    let committed = world.store.commit_step(fence(&chat), messages.collect(), world.now).await.expect("committed").1;
    let first = world.snapshot(chat.id, Since::Message(0)).await.messages.remove(0);
    (chat.id, std::iter::once(first).chain(committed).collect())
}

#[tokio::test]
async fn people_and_the_model_see_their_messages() {
    for world in worlds().await {
        let (id, all) = mixed(&world).await;
        let seen_by =
            |hidden| all.iter().filter(|message| message.body.visibility != hidden).cloned().collect::<Vec<_>>();
        let (people, model) = (seen_by(Visibility::Model), seen_by(Visibility::User));
        assert_eq!(world.store.prompt_messages(id).await.expect("listed"), model, "{}", world.engine);
        assert_eq!(world.snapshot(id, Since::Message(0)).await.messages, people, "{}", world.engine);
        assert_eq!(world.store.list_messages(id, None, false, 100).await.expect("listed"), people, "{}", world.engine);

        for descending in [false, true] {
            for size in 1..=3 {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let page = world.store.list_messages(id, after, descending, size).await.expect("listed");
                    let Some(last) = page.last() else { break };
                    after = Some(last.id);
                    found.extend(page);
                }
                if descending {
                    found.reverse();
                }
                assert_eq!(found, people, "{}: pages of {size}, descending: {descending}", world.engine);
            }
        }
    }
}

#[tokio::test]
async fn a_snapshot_has_exactly_what_changed_since() {
    for world in worlds().await {
        let mut chat = world.running("first").await;
        let id = chat.id;
        world.send(id, "second").await;
        world.store.record_attempt(fence(&chat), world.now).await.expect("recorded");
        world.store.record_retry(fence(&chat), retry(1), world.now).await.expect("recorded");
        chat = world.store.commit_step(fence(&chat), vec![answer("a"), answer("b")], world.now).await.expect("said").0;
        chat = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        world.send(id, "third").await;
        world.store.finish_error(fence(&chat), vec![answer("c")], failure(), world.now).await.expect("failed");
        world.send(id, "fourth").await;
        chat = world.run(id).await;
        world.store.record_attempt(fence(&chat), world.now).await.expect("recorded");

        let now = world.snapshot(id, Since::Message(0)).await;
        let queue = now.queue.clone().expect("asked for");
        assert_eq!((now.messages.len(), queue.len()), (6, 1), "{}", world.engine);
        for version in 0..=now.chat.versions.snapshot {
            let since = Since::Versions { history: version, queue: version };
            let messages: Vec<_> = now.messages.iter().filter(|one| one.revision > version).cloned().collect();
            let queue = (now.chat.versions.queue > version).then(|| queue.clone());
            let expected = Snapshot { chat: now.chat.clone(), messages, queue };
            assert_eq!(world.snapshot(id, since).await, expected, "{}: since {version}", world.engine);
        }
        for after in 0..=7 {
            let messages: Vec<_> = now.messages.iter().filter(|one| one.id > after).cloned().collect();
            let expected = Snapshot { messages, ..now.clone() };
            assert_eq!(world.snapshot(id, Since::Message(after)).await, expected, "{}: after {after}", world.engine);
        }
        let revisions: Vec<_> = now.messages.iter().map(|message| message.revision).collect();
        assert!(revisions.is_sorted(), "{}: {revisions:?}", world.engine);
        assert_eq!(revisions.last(), Some(&now.chat.versions.history), "{}", world.engine);
    }
}

#[tokio::test]
async fn an_emptied_queue_is_news() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let seen = world.send(chat.id, "second").await.chat.versions;
        world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        let since = Since::Versions { history: seen.history, queue: seen.queue };
        let news = world.snapshot(chat.id, since).await;
        assert_eq!((news.messages.len(), news.queue), (1, Some(Vec::new())), "{}", world.engine);
    }
}
