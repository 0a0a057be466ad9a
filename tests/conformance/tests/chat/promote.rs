//! A waiting message becomes the next one.

use chatmesh_chat::machine::{Rejected, State, Status};
use chatmesh_chat::{Chat, ChatId, ChatStore as _, Outgoing, StoreError, Update};

use crate::content::answer;
use crate::invariants::calls_are_answered;
use crate::line::Line;
use crate::world::{World, fence, worlds};

impl World {
    async fn promote(&self, chat: ChatId, queued_id: u32) -> (Chat, Vec<Line>) {
        let (chat, messages) = self.store.promote_queued(chat, queued_id, self.now).await.expect("promoted");
        (chat, Line::all(&messages))
    }
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

/// F18: what promotion does depends on what the chat does: a running turn keeps its partial answer,
/// and calls that nobody answered get a result before the message. Else the one or the other is lost.
#[tokio::test]
async fn a_promoted_message_stands_behind_the_partial_answer_and_behind_the_results_of_all_calls() {
    for world in worlds().await {
        // Running: it only becomes the next, and the turn is stopped.
        let chat = world.running("first").await;
        for text in ["one", "two", "three"] {
            world.send(chat.id, text).await;
        }
        let (stopped, committed) = world.promote(chat.id, 3).await;
        assert_eq!((stopped.status, stopped.lease), (Status::Interrupting, chat.lease), "{}", world.engine);
        assert_eq!(
            (committed.len(), world.queue(chat.id).await),
            (0, vec!["three".into(), "one".into(), "two".into()])
        );
        assert_eq!(stopped.versions.history, chat.versions.history, "{}", world.engine);

        // Being stopped: the last promoted one is the next.
        let (stopped, committed) = world.promote(chat.id, 2).await;
        assert_eq!((stopped.status, committed.len()), (Status::Interrupting, 0), "{}", world.engine);
        let half = vec![answer("half")];
        let next = world.store.finish_interruption(fence(&stopped), half, world.now).await.expect("ended");
        assert_eq!(world.history(chat.id).await, ["first", "half", "two"], "{}", world.engine);
        assert_eq!(world.queue(chat.id).await, ["three", "one"], "{}: the others keep their order", world.engine);
        assert_eq!((next.status, next.queued_count), (Status::Running, 2), "{}", world.engine);

        // Failed: at once.
        let failed = world.failed(&["one", "two"]).await;
        let (running, committed) = world.promote(failed.id, 2).await;
        assert_eq!((running.status, &running.last_error), (Status::Running, &None), "{}", world.engine);
        assert_eq!((texts(&committed), running.lease), (vec!["two"], None), "{}", world.engine);
        assert_eq!(world.queue(failed.id).await, ["one"], "{}", world.engine);

        // Waiting for the client: at once, behind a result for every call.
        let asking = world.asking(&["a", "b"], &["one", "two"]).await;
        let (running, committed) = world.promote(asking.id, 2).await;
        assert_eq!((running.status, running.action_deadline_at), (Status::Running, None), "{}", world.engine);
        assert_eq!(texts(&committed), ["", "", "two"], "{}", world.engine);
        let answers: Vec<_> = committed.iter().flat_map(|line| line.results.clone()).collect();
        assert_eq!(answers, [("a".to_owned(), true), ("b".to_owned(), true)], "{}: in their order", world.engine);
        calls_are_answered(&world.prompt(asking.id).await, false);
    }
}

#[tokio::test]
async fn what_does_not_wait_is_not_promoted_and_an_archived_chat_keeps_its_queue() {
    for world in worlds().await {
        let failed = world.failed(&["one"]).await;
        let idle = world.idle("idle").await;
        let before = world.dump().await;
        for (chat, queued_id) in [(failed.id, 2), (failed.id, 0), (idle.id, 1)] {
            let refused = world.store.promote_queued(chat, queued_id, world.now).await;
            assert!(matches!(refused, Err(StoreError::QueuedNotFound)), "{}: {refused:?}", world.engine);
            let refused = world.store.delete_queued(chat, queued_id, world.now).await;
            assert!(matches!(refused, Err(StoreError::QueuedNotFound)), "{}: {refused:?}", world.engine);
        }
        assert_eq!(world.dump().await, before, "{}", world.engine);

        let archived = world.update(failed.id, Update { archived: Some(true), ..Update::default() }).await;
        assert_eq!(archived.state(), State::XE1, "{}", world.engine);
        let refused = world.store.promote_queued(failed.id, 1, world.now).await;
        assert!(matches!(refused, Err(StoreError::Rejected(Rejected::Archived))), "{}: {refused:?}", world.engine);
        let back = world.update(failed.id, Update { archived: Some(false), ..Update::default() }).await;
        assert_eq!((back.state(), &back.last_error), (State::E1, &failed.last_error), "{}", world.engine);
        assert_eq!(texts(&world.promote(failed.id, 1).await.1), ["one"], "{}", world.engine);
    }
}

/// F19: a message that interrupts waits until the partial answer is committed: did it stand before
/// that, the history would end with the model's own words, which providers refuse.
#[tokio::test]
async fn an_interrupting_message_never_stands_before_the_partial_answer() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let sent = world.send_interrupting(chat.id, "stop").await;
        assert_eq!((sent.messages.len(), sent.chat.versions.history), (0, chat.versions.history), "{}", world.engine);
        world.send_interrupting(chat.id, "at once").await;
        let half = vec![answer("half")];
        let next = world.store.finish_interruption(fence(&sent.chat), half, world.now).await.expect("ended");
        assert_eq!(world.history(chat.id).await, ["first", "half", "stop"], "{}", world.engine);
        assert_eq!(world.queue(chat.id).await, ["at once"], "{}", world.engine);
        let next = world.store.finish_turn(fence(&next), world.now).await.expect("finished");
        assert_eq!(world.history(chat.id).await, ["first", "half", "stop", "at once"], "{}", world.engine);
        assert_eq!((next.status, next.queued_count), (Status::Running, 0), "{}", world.engine);
    }
}

/// S-T8: the queue keeps its order and its numbers, whatever is done to it in between.
#[tokio::test]
async fn the_queue_keeps_its_order_while_turns_are_stopped_and_messages_promoted_and_deleted() {
    for world in worlds().await {
        let mut chat = world.running("0").await;
        for number in 1..=6 {
            world.send(chat.id, &number.to_string()).await;
        }
        chat = world.promote(chat.id, 4).await.0;
        assert_eq!(world.queue(chat.id).await, ["4", "1", "2", "3", "5", "6"], "{}", world.engine);
        world.store.delete_queued(chat.id, 2, world.now).await.expect("deleted");
        world.send_interrupting(chat.id, "7").await;
        world.promote(chat.id, 6).await;
        assert_eq!(world.queue(chat.id).await, ["6", "4", "1", "3", "5", "7"], "{}", world.engine);
        chat = world.store.finish_interruption(fence(&chat), Vec::new(), world.now).await.expect("ended");
        let gone = world.store.delete_queued(chat.id, 6, world.now).await;
        assert!(matches!(gone, Err(StoreError::QueuedNotFound)), "{}: it is a message: {gone:?}", world.engine);
        world.interrupt(chat.id).await;
        world.store.delete_queued(chat.id, 4, world.now).await.expect("deleted");
        world.send(chat.id, "8").await;
        chat = world.store.finish_interruption(fence(&chat), Vec::new(), world.now).await.expect("ended");
        while chat.queued_count > 0 {
            let numbers = world.queue(chat.id).await.len();
            assert_eq!(numbers, usize::try_from(chat.queued_count).expect("small"), "{}", world.engine);
            chat = world.store.finish_turn(fence(&chat), world.now).await.expect("finished");
        }
        assert_eq!(world.history(chat.id).await, ["0", "6", "1", "3", "5", "7", "8"], "{}", world.engine);
        assert_eq!(chat.last_queued_id, 8, "{}: numbers are not given out twice", world.engine);
    }
}

#[tokio::test]
async fn a_promoted_message_brings_its_trace_and_its_model() {
    for world in worlds().await {
        let chat = world.running("first").await;
        for text in ["one", "two", "three"] {
            let (model, traceparent) = (format!("model-{text}"), Some(format!("00-{text}")));
            let outgoing = Outgoing { model, traceparent, ..world.outgoing(text) };
            let sent = world.try_send(chat.id, outgoing).await.expect("sent");
            assert_eq!(sent.chat.traceparent, chat.traceparent, "{}: not before its turn", world.engine);
        }
        let mut running = chat.clone();
        for text in ["one", "two", "three"] {
            running = world.store.finish_turn(fence(&running), world.now).await.expect("finished");
            let expected = (Some(format!("00-{text}")), format!("model-{text}"));
            assert_eq!((running.traceparent.clone(), running.model.clone()), expected, "{}", world.engine);
        }

        let outgoing = Outgoing { traceparent: Some("00-asked".to_owned()), ..world.outgoing("waits") };
        let asking = world.asking(&["a"], &[]).await;
        world.try_send(asking.id, outgoing).await.expect("sent");
        let (running, _) = world.promote(asking.id, 1).await;
        assert_eq!(running.traceparent.as_deref(), Some("00-asked"), "{}", world.engine);
    }
}
