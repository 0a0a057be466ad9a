//! Sending messages, and stopping turns.

use chatmesh_chat::machine::{Rejected, Status};
use chatmesh_chat::{ChatStore as _, Outgoing, Since, StoreError};
use chatmesh_core::{IdSource as _, SystemIds};
use futures::future::join_all;

use crate::content::{failure, parts, text_of};
use crate::world::{fence, worlds};

#[tokio::test]
async fn a_message_to_an_idle_chat_begins_a_turn() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        let idle = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        assert_eq!((idle.status, idle.lease), (Status::Waiting, None), "{}", world.engine);

        world.tick();
        let outgoing = Outgoing {
            model: "other".to_owned(),
            traceparent: Some("00-second".to_owned()),
            ..world.outgoing("second")
        };
        let sent = world.try_send(chat.id, outgoing.clone()).await.expect("sent");
        assert_eq!((sent.chat.status, sent.changed, &sent.queued), (Status::Running, true, &None), "{}", world.engine);
        assert_eq!((sent.chat.model.as_str(), sent.chat.traceparent.as_deref()), ("other", Some("00-second")));
        assert_eq!(sent.chat.updated_at, world.now, "{}", world.engine);
        let [message] = &sent.messages[..] else { panic!("{}: {sent:?}", world.engine) };
        assert_eq!((message.id, &message.body), (2, &outgoing.message), "{}", world.engine);
        assert_eq!(message.revision, sent.chat.versions.snapshot, "{}", world.engine);
        assert_eq!(sent.chat.versions.history, sent.chat.versions.snapshot, "{}", world.engine);
        let seen = world.snapshot(chat.id, Since::Message(1)).await;
        assert_eq!((seen.chat, seen.messages), (sent.chat, sent.messages), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_message_to_a_failed_chat_clears_the_error() {
    for world in worlds().await {
        let failed = world.failed(&[]).await;
        assert_eq!((failed.status, failed.last_error.clone()), (Status::Error, Some(failure())), "{}", world.engine);
        let sent = world.send(failed.id, "again").await;
        assert_eq!((sent.chat.status, &sent.chat.last_error), (Status::Running, &None), "{}", world.engine);
        assert_eq!((sent.messages.len(), &sent.queued), (1, &None), "{}", world.engine);
        assert_eq!(world.history(failed.id).await, ["first", "again"], "{}", world.engine);
    }
}

#[tokio::test]
async fn a_message_to_a_busy_chat_waits() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let outgoing = Outgoing { traceparent: Some("00-other".to_owned()), ..world.outgoing("second") };
        let sent = world.try_send(chat.id, outgoing).await.expect("sent");
        assert_eq!((sent.chat.status, sent.chat.lease), (Status::Running, chat.lease), "{}", world.engine);
        assert_eq!(sent.chat.traceparent, chat.traceparent, "{}: the turn that runs keeps its own", world.engine);
        assert!(sent.messages.is_empty() && sent.changed, "{}", world.engine);
        let queued = sent.queued.expect("it waits");
        assert_eq!((queued.id, text_of(&queued.content).as_str()), (1, "second"), "{}", world.engine);
        assert_eq!((queued.created_by, queued.created_at), (world.owner, world.now), "{}", world.engine);
        assert_eq!((sent.chat.queued_count, sent.chat.last_queued_id), (1, 1), "{}", world.engine);
        let versions = sent.chat.versions;
        assert_eq!((versions.queue, versions.history), (versions.snapshot, 1), "{}: only the queue", world.engine);

        let seen = world.snapshot(chat.id, Since::Message(0)).await;
        assert_eq!((seen.chat, seen.queue), (sent.chat, Some(vec![queued])), "{}", world.engine);
        assert_eq!(seen.messages.len(), 1, "{}", world.engine);
    }
}

#[tokio::test]
async fn an_interrupting_message_waits_and_stops_the_turn() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let sent = world.send_interrupting(chat.id, "stop").await;
        assert_eq!((sent.chat.status, sent.chat.lease), (Status::Interrupting, chat.lease), "{}", world.engine);
        assert!(sent.messages.is_empty() && sent.queued.is_some(), "{}", world.engine);
        let again = world.send_interrupting(chat.id, "at once").await.chat;
        assert_eq!((again.status, again.queued_count), (Status::Interrupting, 2), "{}", world.engine);
        let later = world.send(chat.id, "later").await.chat;
        assert_eq!((later.status, later.queued_count), (Status::Interrupting, 3), "{}", world.engine);
        assert_eq!(world.queue(chat.id).await, ["stop", "at once", "later"], "{}", world.engine);
    }
}

#[tokio::test]
async fn an_interrupting_message_to_an_idle_chat_is_a_message() {
    for world in worlds().await {
        let chat = world.running("first").await;
        world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        let sent = world.send_interrupting(chat.id, "second").await;
        assert_eq!((sent.chat.status, sent.messages.len()), (Status::Running, 1), "{}", world.engine);
        assert_eq!(sent.queued, None, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_message_to_a_failed_chat_does_not_overtake_the_queue() {
    for interrupt in [false, true] {
        for world in worlds().await {
            let failed = world.failed(&["one", "two"]).await;
            assert_eq!(failed.queued_count, 2, "{}: the queue outlives the failure", world.engine);
            let request = SystemIds.next();
            let outgoing = Outgoing { interrupt, ..world.request("three", request) };
            let sent = world.try_send(failed.id, outgoing.clone()).await.expect("sent");
            assert_eq!((sent.chat.status, &sent.chat.last_error), (Status::Running, &None), "{}", world.engine);
            let texts: Vec<_> = sent.messages.iter().map(|message| text_of(&message.body.content)).collect();
            assert_eq!(texts, ["one"], "{}: the head begins the turn", world.engine);
            let queued = sent.queued.as_ref().map(|queued| text_of(&queued.content));
            assert_eq!(queued.as_deref(), Some("three"), "{}: what was sent waits", world.engine);
            assert_eq!(sent.chat.versions.snapshot, failed.versions.snapshot + 1, "{}", world.engine);
            assert_eq!(world.history(failed.id).await, ["first", "one"], "{}", world.engine);
            assert_eq!(world.queue(failed.id).await, ["two", "three"], "{}", world.engine);

            let repeat = world.try_send(failed.id, outgoing).await.expect("repeated");
            assert_eq!((&repeat.queued, repeat.changed), (&sent.queued, false), "{}", world.engine);
        }
    }
}

#[tokio::test]
async fn a_turn_is_stopped_only_while_it_runs() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        world.tick();
        let stopped = world.interrupt(chat.id).await;
        assert_eq!((stopped.status, stopped.lease), (Status::Interrupting, chat.lease), "{}", world.engine);
        assert_eq!(stopped.versions.snapshot, chat.versions.snapshot + 1, "{}", world.engine);
        let again = world.store.interrupt(chat.id, world.now).await;
        let rejected = matches!(again, Err(StoreError::Rejected(Rejected::NotRunning(Status::Interrupting))));
        assert!(rejected, "{}: {again:?}", world.engine);
        let idle = world.store.finish_interruption(fence(&stopped), Vec::new(), world.now).await.expect("ended");
        assert_eq!((idle.status, idle.lease), (Status::Waiting, None), "{}", world.engine);
        let again = world.store.interrupt(chat.id, world.now).await;
        let rejected = matches!(again, Err(StoreError::Rejected(Rejected::NotRunning(Status::Waiting))));
        assert!(rejected, "{}: {again:?}", world.engine);
    }
}

#[tokio::test]
async fn numbers_have_no_gaps_however_many_send_at_once() {
    const SENDERS: u32 = 32;
    for mut world in worlds().await {
        let chat = world.create("0").await;
        let acquired = world.acquire(crate::world::new_worker(), 1).await.pop().expect("a chat").chat;
        let idle = world.store.finish_turn(fence(&acquired), world.now).await.expect("finished");
        world.tick();
        let outgoing: Vec<_> = (1..=SENDERS).map(|number| world.outgoing(&number.to_string())).collect();
        let results = join_all(outgoing.into_iter().map(|one| world.try_send(chat.id, one))).await;
        let (sent, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        for refusal in &refused {
            assert!(matches!(refusal, Err(StoreError::QueueFull)), "{}: {refusal:?}", world.engine);
        }
        assert_eq!((sent.len(), refused.len()), (21, 11), "{}: one runs and twenty wait", world.engine);

        let mut snapshots = Vec::new();
        let (mut committed, mut queued) = (Vec::new(), Vec::new());
        for one in sent.into_iter().flatten() {
            snapshots.push(one.chat.versions.snapshot);
            committed.extend(one.messages.iter().map(|message| message.id));
            queued.extend(one.queued.map(|message| message.id));
        }
        snapshots.sort_unstable();
        queued.sort_unstable();
        let first = idle.versions.snapshot + 1;
        assert_eq!(snapshots, (first..first + 21).collect::<Vec<_>>(), "{}: one each", world.engine);
        assert_eq!(committed, [2], "{}", world.engine);
        assert_eq!(queued, (1..=20).collect::<Vec<_>>(), "{}", world.engine);

        // All are promoted in the order of their numbers: as messages they are dense, too.
        let mut chat = world.acquire(crate::world::new_worker(), 1).await.pop().expect("a chat").chat;
        let waiting = world.queue(chat.id).await;
        while chat.status == Status::Running {
            chat = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        }
        let messages = world.snapshot(chat.id, Since::Message(0)).await.messages;
        let numbers: Vec<_> = messages.iter().map(|message| message.id).collect();
        assert_eq!(numbers, (1..=22).collect::<Vec<_>>(), "{}", world.engine);
        assert_eq!(world.history(chat.id).await[2..], waiting, "{}", world.engine);
    }
}

#[tokio::test]
async fn any_text_comes_back_byte_for_byte() {
    let texts = [
        "\0",
        "a\0b\0",
        "\u{1}\u{7f}\u{80}\u{9f}",
        "\r\n\t  ",
        "𝄞 👩‍👩‍👧‍👦 é e\u{301}",
        "\u{feff}\u{200e}\u{202e}",
        "\u{ffff}\u{10ffff}\u{fffd}",
        "'; DROP TABLE chats; --",
        "\\x00 \\u0000 %s {} $1",
    ];
    for world in worlds().await {
        let chat = world.running(texts[0]).await;
        for text in texts {
            world.send(chat.id, text).await;
        }
        assert_eq!(world.queue(chat.id).await, texts, "{}: in the queue", world.engine);
        let mut running = chat.clone();
        while running.status == Status::Running {
            running = world.store.finish_turn(fence(&running), world.now).await.expect("finished");
        }
        assert_eq!(world.history(chat.id).await[1..], texts, "{}: in the history", world.engine);
        let all = texts.concat();
        let long = all.repeat(10_000);
        let sent = world.try_send(chat.id, world.outgoing(&long)).await.expect("sent");
        assert_eq!(sent.messages[0].body.content, parts(&long));
        assert_eq!(world.history(chat.id).await.last(), Some(&long), "{}", world.engine);
    }
}
