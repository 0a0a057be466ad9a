//! The queue: its bound, its order, and requests that come again.

use chatmesh_chat::machine::{Rejected, Status};
use chatmesh_chat::{ChatStore as _, MAX_QUEUED, Outgoing, StoreError};
use chatmesh_core::{IdSource as _, SystemIds};
use futures::future::join_all;

use crate::content::{answer, text_of};
use crate::world::{fence, worlds};

#[tokio::test]
async fn the_queue_is_bounded_and_one_more_changes_nothing() {
    for world in worlds().await {
        let chat = world.running("first").await;
        for number in 1..=MAX_QUEUED {
            let sent = world.send(chat.id, &number.to_string()).await;
            assert_eq!((sent.chat.queued_count, sent.queued.map(|one| one.id)), (number, Some(number)));
        }
        let before = world.everything(chat.id).await;
        for interrupt in [false, true] {
            let outgoing = Outgoing { interrupt, ..world.outgoing("one more") };
            let refused = world.try_send(chat.id, outgoing).await;
            assert!(matches!(refused, Err(StoreError::QueueFull)), "{}: {refused:?}", world.engine);
        }
        assert_eq!(world.everything(chat.id).await, before, "{}", world.engine);
        let promoted = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        assert_eq!(promoted.queued_count, MAX_QUEUED - 1, "{}", world.engine);
        assert_eq!(world.send(chat.id, "fits").await.queued.map(|one| one.id), Some(21), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_failed_chat_with_a_full_queue_goes_on_with_the_next_message() {
    for world in worlds().await {
        let texts: Vec<_> = (1..=MAX_QUEUED).map(|number| number.to_string()).collect();
        let failed = world.failed(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!(failed.queued_count, MAX_QUEUED, "{}", world.engine);
        let sent = world.try_send(failed.id, world.outgoing("go on")).await;
        let sent = sent.unwrap_or_else(|error| panic!("{}: nothing else could start it: {error}", world.engine));
        assert_eq!((sent.chat.status, sent.chat.queued_count), (Status::Running, MAX_QUEUED), "{}", world.engine);
        assert_eq!(text_of(&sent.messages[0].body.content), "1", "{}", world.engine);
    }
}

#[tokio::test]
async fn whoever_takes_a_message_back_sees_what_still_waits() {
    for world in worlds().await {
        let chat = world.running("first").await;
        for text in ["one", "two", "three"] {
            world.send(chat.id, text).await;
        }
        for (id, expected) in [(2, vec!["one", "three"]), (3, vec!["one"]), (1, vec![])] {
            let (after, left) = world.store.delete_queued(chat.id, id, world.now).await.expect("deleted");
            let texts: Vec<_> = left.iter().map(|message| text_of(&message.content)).collect();
            assert_eq!(texts, expected, "{}", world.engine);
            assert_eq!(world.get(chat.id).await, after, "{}", world.engine);
            assert_eq!(after.queued_count as usize, expected.len(), "{}", world.engine);
        }
    }
}

#[tokio::test]
async fn a_failed_chat_in_which_messages_wait_says_what_to_do_before_it_is_cleared() {
    for world in worlds().await {
        let failed = world.failed(&["one"]).await;
        let before = world.everything(failed.id).await;
        let marker = vec![answer("marker")];
        let refused = world.store.clear_context(failed.id, marker, world.now).await.expect_err("messages wait");
        assert!(matches!(refused, StoreError::Rejected(Rejected::MessagesWait)), "{}: {refused:?}", world.engine);
        let said = refused.to_string();
        assert!(said.contains("promote one of them to go on, or delete them first"), "{}: {said}", world.engine);
        assert_eq!(world.everything(failed.id).await, before, "{}", world.engine);
    }
}

#[tokio::test]
async fn the_head_of_the_queue_begins_the_next_turn() {
    for mut world in worlds().await {
        let mut chat = world.running("first").await;
        let lease = chat.lease;
        for text in ["one", "two", "three"] {
            let outgoing = Outgoing { model: format!("model-{text}"), ..world.outgoing(text) };
            let sent = world.try_send(chat.id, outgoing).await.expect("sent");
            assert_eq!(sent.chat.model, "house", "{}: until its turn begins", world.engine);
        }
        let mut expected = vec!["first".to_owned()];
        for (text, left) in [("one", 2), ("two", 1), ("three", 0)] {
            world.tick();
            let before = world.get(chat.id).await.versions;
            chat = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
            expected.push(text.to_owned());
            assert_eq!((chat.status, chat.lease), (Status::Running, lease), "{}: the runner goes on", world.engine);
            assert_eq!((chat.queued_count, chat.model.as_str()), (left, format!("model-{text}").as_str()));
            let now = chat.versions.snapshot;
            assert_eq!((now, chat.versions.queue, chat.versions.history), (before.snapshot + 1, now, now));
            assert_eq!(world.history(chat.id).await, expected, "{}", world.engine);
            assert_eq!(world.queue(chat.id).await.len(), usize::try_from(left).expect("small"), "{}", world.engine);
        }
        let idle = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        assert_eq!((idle.status, idle.lease, idle.queued_count), (Status::Waiting, None, 0), "{}", world.engine);
        let prompt = world.store.prompt_messages(chat.id).await.expect("listed");
        assert_eq!(prompt[1].body.created_by, Some(world.owner), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_waiting_message_is_in_the_queue_or_in_the_history_while_turns_end() {
    for world in worlds().await {
        let chat = world.running("0").await;
        for number in 1..=10 {
            world.send(chat.id, &number.to_string()).await;
        }
        let all: Vec<_> = (0..=10).map(|number| number.to_string()).collect();
        let watch = async {
            loop {
                let seen = world.snapshot(chat.id, chatmesh_chat::Since::Message(0)).await;
                let mut texts: Vec<_> = seen.messages.iter().map(|message| text_of(&message.body.content)).collect();
                let queue = seen.queue.expect("asked for");
                assert_eq!(queue.len(), usize::try_from(seen.chat.queued_count).expect("small"), "{}", world.engine);
                texts.extend(queue.iter().map(|message| text_of(&message.content)));
                assert_eq!(texts, all, "{}: each once, in order", world.engine);
                if seen.chat.status == Status::Waiting {
                    break;
                }
            }
        };
        let work = async {
            let mut running = chat.clone();
            while running.status == Status::Running {
                running = world.store.finish_turn(fence(&running), world.now).await.expect("finished");
            }
        };
        futures::join!(watch, work);
    }
}

#[tokio::test]
async fn what_was_said_before_the_interruption_stands_before_the_next_message() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let stopped = world.send_interrupting(chat.id, "second").await.chat;
        let next = world.store.finish_interruption(fence(&stopped), vec![answer("half an ans")], world.now).await;
        let next = next.expect("ended");
        assert_eq!((next.status, next.lease, next.queued_count), (Status::Running, chat.lease, 0), "{}", world.engine);
        assert_eq!(world.history(chat.id).await, ["first", "half an ans", "second"], "{}", world.engine);
        assert_eq!(world.queue(chat.id).await, Vec::<String>::new(), "{}", world.engine);
        assert_eq!(next.versions.snapshot, stopped.versions.snapshot + 1, "{}: in one step", world.engine);
    }
}

#[tokio::test]
async fn the_same_request_again_has_the_first_message() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let request = SystemIds.next();
        let sends = (0..8).map(|_| world.try_send(chat.id, world.request("second", request)));
        let results = join_all(sends).await;
        let results: Vec<_> = results.into_iter().map(|result| result.expect("sent")).collect();
        assert_eq!(results.iter().filter(|sent| sent.changed).count(), 1, "{}", world.engine);
        for sent in &results {
            assert_eq!((&sent.queued, sent.messages.len()), (&results[0].queued, 0), "{}", world.engine);
        }
        assert_eq!(world.queue(chat.id).await, ["second"], "{}", world.engine);

        let promoted = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        let before = world.everything(chat.id).await;
        let outgoing = Outgoing { interrupt: true, ..world.request("other words", request) };
        let repeat = world.try_send(chat.id, outgoing).await.expect("repeated");
        assert_eq!((repeat.changed, &repeat.queued, &repeat.chat), (false, &None, &promoted), "{}", world.engine);
        let texts: Vec<_> = repeat.messages.iter().map(|message| text_of(&message.body.content)).collect();
        assert_eq!(texts, ["second"], "{}: it is a message by now", world.engine);
        assert_eq!(world.everything(chat.id).await, before, "{}", world.engine);

        let idle = world.store.finish_turn(fence(&promoted), world.now).await.expect("finished");
        let direct = SystemIds.next();
        let sent = world.try_send(chat.id, world.request("third", direct)).await.expect("sent");
        let repeat = world.try_send(chat.id, world.request("third", direct)).await.expect("repeated");
        assert_eq!((repeat.messages, repeat.changed), (sent.messages, false), "{}", world.engine);
        assert_eq!(world.get(chat.id).await.versions.snapshot, idle.versions.snapshot + 1, "{}", world.engine);

        let other = world.create("elsewhere").await;
        let sent = world.try_send(other.id, world.request("second", request)).await.expect("sent");
        assert!(sent.changed, "{}: another chat's request is another request", world.engine);
    }
}
