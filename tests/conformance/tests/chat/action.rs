//! The client's tools: their results, and what stands in their place.

use std::time::Duration;

use chatmesh_chat::machine::{Rejected, Status};
use chatmesh_chat::{ChatId, ChatStore as _, ClientResult, Outgoing, StoreError};
use chatmesh_proto::common::v1::part::Body;

use crate::content::{answer, asking, client_result, result, searched};
use crate::invariants::calls_are_answered;
use crate::line::{Line, open_calls};
use crate::table::BREAK;
use crate::world::{PATIENCE, World, fence, worlds};

fn results(calls: &[&str]) -> Vec<ClientResult> {
    calls.iter().map(|call| client_result(call)).collect()
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl World {
    async fn due(&self, limit: u32) -> Vec<ChatId> {
        self.store.expired_actions(self.now, limit).await.expect("listed")
    }
}

#[tokio::test]
async fn exactly_the_open_calls_are_answered_or_nothing_is() {
    for mut world in worlds().await {
        let chat = world.asking(&["a", "b"], &["waits"]).await;
        world.tick();
        let before = world.dump().await;
        let table: [(&[&str], &[&str], &[&str]); 5] = [
            (&[], &["a", "b"], &[]),
            (&["b"], &["a"], &[]),
            (&["a", "b", "c"], &[], &["c"]),
            (&["z", "a", "y"], &["b"], &["y", "z"]),
            (&["A", "b"], &["a"], &["A"]),
        ];
        for (given, lacks, surplus) in table {
            let refused = world.store.submit_tool_results(chat.id, results(given), world.now).await;
            let Err(StoreError::WrongCalls { missing, unexpected }) = refused else {
                panic!("{}: {given:?}: {refused:?}", world.engine);
            };
            assert_eq!((missing, unexpected), (strings(lacks), strings(surplus)), "{}: {given:?}", world.engine);
            assert_eq!(world.dump().await, before, "{}: {given:?}", world.engine);
        }

        let failed = ClientResult { output: "\"no\"".to_owned(), is_error: true, ..client_result("a") };
        let given = vec![client_result("b"), failed];
        let (running, committed) = world.store.submit_tool_results(chat.id, given, world.now).await.expect("taken");
        assert_eq!((running.status, running.lease, running.action_deadline_at), (Status::Running, None, None));
        assert_eq!((running.queued_count, running.updated_at), (1, world.now), "{}: the queue waits", world.engine);
        let said: Vec<_> = committed.iter().map(|message| &message.body.content[0].body).collect();
        let [Some(Body::ToolResult(a)), Some(Body::ToolResult(b))] = said[..] else { panic!("{said:?}") };
        assert_eq!((a.call_id.as_str(), a.result.as_str(), a.is_error), ("a", "\"no\"", true), "{}", world.engine);
        assert_eq!((b.call_id.as_str(), b.is_error, a.name.as_str()), ("b", false, "ask"), "{}", world.engine);
        calls_are_answered(&world.prompt(chat.id).await, false);

        let late = world.store.submit_tool_results(chat.id, results(&["a", "b"]), world.now).await;
        let refused = matches!(late, Err(StoreError::Rejected(Rejected::NoAction(Status::Running))));
        assert!(refused, "{}: only once: {late:?}", world.engine);
        world.run(chat.id).await;
    }
}

#[tokio::test]
async fn what_the_mesh_and_the_provider_answered_is_not_asked_of_the_client() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let calls = strings(&["mesh", "client"]);
        let mut step = searched("found", "provider");
        step.content.extend(asking("", &calls).content);
        let messages = vec![step, result("mesh")];
        let deadline = world.now + PATIENCE;
        let entered = world.store.enter_requires_action(fence(&chat), messages, deadline, world.now).await;
        let (asks, _) = entered.expect("entered");
        assert_eq!((asks.status, asks.lease), (Status::RequiresAction, None), "{}: no runner waits", world.engine);
        assert_eq!(asks.action_deadline_at, Some(deadline), "{}", world.engine);
        let given = results(&["client"]);
        let (_, committed) = world.store.submit_tool_results(chat.id, given, world.now).await.expect("taken");
        assert_eq!(Line::all(&committed)[0].results, [("client".to_owned(), false)], "{}", world.engine);
        calls_are_answered(&world.prompt(chat.id).await, false);
    }
}

#[tokio::test]
async fn nobody_is_given_up_before_the_deadline_and_all_are_found_after_it() {
    for mut world in worlds().await {
        let first = world.asking(&["a"], &[]).await;
        world.tick();
        let second = world.asking(&["b"], &["waits"]).await;
        world.idle("idle").await;
        world.now = first.action_deadline_at.expect("a deadline") - Duration::from_micros(1);
        assert_eq!(world.due(10).await, [], "{}", world.engine);
        let before = world.dump().await;
        assert_eq!(world.store.cancel_action(first.id, world.now).await.expect("asked"), first, "{}", world.engine);
        assert_eq!(world.dump().await, before, "{}: too early", world.engine);

        world.now += Duration::from_micros(1);
        assert_eq!(world.due(10).await, [first.id], "{}", world.engine);
        world.tick();
        assert_eq!(world.due(10).await, [first.id, second.id], "{}: the longest overdue first", world.engine);
        assert_eq!(world.due(1).await, [first.id], "{}", world.engine);
        for (chat, queued, call) in [(first.id, 0, "a"), (second.id, 1, "b")] {
            let running = world.store.cancel_action(chat, world.now).await.expect("cancelled");
            assert_eq!((running.status, running.queued_count), (Status::Running, queued), "{}", world.engine);
            assert_eq!((running.action_deadline_at, running.lease), (None, None), "{}", world.engine);
            let prompt = world.prompt(chat).await;
            calls_are_answered(&prompt, false);
            assert_eq!(prompt.last().expect("said").results, [(call.to_owned(), true)], "{}", world.engine);
            let again = world.store.cancel_action(chat, world.now).await;
            let refused = matches!(again, Err(StoreError::Rejected(Rejected::NoAction(Status::Running))));
            assert!(refused, "{}: {again:?}", world.engine);
        }
        assert_eq!(world.due(10).await, [], "{}", world.engine);

        // One that contradicts itself does not stand before the others for ever.
        let broken = world.asking(&["c"], &[]).await;
        world.force(BREAK, broken.id).await;
        world.now += PATIENCE;
        assert_eq!(world.due(10).await, [], "{}", world.engine);
    }
}

#[tokio::test]
async fn one_of_many_who_cancel_at_once_does() {
    for mut world in worlds().await {
        let chat = world.asking(&["a", "b"], &[]).await;
        world.now += PATIENCE;
        let rivals = (0..8).map(|_| world.store.cancel_action(chat.id, world.now));
        let done = futures::future::join_all(rivals).await.into_iter().filter(Result::is_ok).count();
        assert_eq!(done, 1, "{}", world.engine);
        assert_eq!(world.get(chat.id).await.last_message_id, 4, "{}: one result a call", world.engine);
        calls_are_answered(&world.prompt(chat.id).await, false);
    }
}

/// F49: whoever goes on from the newest message that was returned skips nothing: all that was
/// inserted is returned, also what stands in the place of results, which has lower numbers.
#[tokio::test]
async fn all_that_was_inserted_is_returned_to_whoever_caused_it() {
    for world in worlds().await {
        let inserted = async |chat: ChatId, after: u32| {
            world.messages(chat).await.into_iter().filter(|one| one.id > after).collect::<Vec<_>>()
        };
        let chat = world.asking(&["a", "b"], &[]).await;
        let (running, returned) = world.store.interrupt(chat.id, world.now).await.expect("stopped");
        assert_eq!((running.status, returned.len()), (Status::Running, 2), "{}: without the results", world.engine);
        assert_eq!(returned, inserted(chat.id, 2).await, "{}: interrupted", world.engine);

        let chat = world.asking(&["a", "b"], &[]).await;
        let sent = world.send_interrupting(chat.id, "instead").await;
        assert_eq!((sent.chat.status, sent.chat.queued_count, sent.messages.len()), (Status::Running, 1, 2));
        assert_eq!(sent.messages, inserted(chat.id, 2).await, "{}: sent", world.engine);
        assert!(sent.queued.is_some(), "{}", world.engine);

        let chat = world.asking(&["a", "b"], &["one", "two"]).await;
        let (_, returned) = world.store.promote_queued(chat.id, 2, world.now).await.expect("promoted");
        assert_eq!((returned.len(), &returned), (3, &inserted(chat.id, 2).await), "{}: promoted", world.engine);

        // A message to a failed chat lets an older one go first.
        let failed = world.failed(&["older"]).await;
        let sent = world.try_send(failed.id, Outgoing { interrupt: true, ..world.outgoing("newer") }).await;
        let sent = sent.expect("sent");
        assert_eq!((sent.messages.len(), &sent.messages), (1, &inserted(failed.id, 1).await), "{}", world.engine);

        let edited = world.try_edit(failed.id, 2, "better").await.expect("edited");
        assert_eq!((edited.messages.len(), &edited.messages), (1, &inserted(failed.id, 2).await), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_turn_that_ends_leaves_no_call_without_a_result() {
    for world in worlds().await {
        let calls = strings(&["a", "b"]);
        let chat = world.running("first").await;
        let partial = vec![asking("look", &calls), result("b")];
        let failure = crate::content::failure();
        world.store.finish_error(fence(&chat), partial.clone(), failure, world.now).await.expect("failed");
        let prompt = world.prompt(chat.id).await;
        calls_are_answered(&prompt, false);
        assert_eq!(open_calls(&prompt), Vec::<String>::new(), "{}", world.engine);

        let chat = world.running("first").await;
        world.send(chat.id, "second").await;
        let stopped = world.interrupt(chat.id).await;
        world.store.finish_interruption(fence(&stopped), partial, world.now).await.expect("ended");
        calls_are_answered(&world.prompt(chat.id).await, false);
        let texts = world.history(chat.id).await;
        assert_eq!(texts, ["first", "look", "", "", "second"], "{}: results before the message", world.engine);

        let chat = world.running("first").await;
        let said = vec![answer("said"), searched("found", "p")];
        let done = world.store.finish_error(fence(&chat), said, crate::content::failure(), world.now).await;
        assert_eq!(done.expect("failed").last_message_id, 3, "{}: nothing to answer", world.engine);
    }
}
