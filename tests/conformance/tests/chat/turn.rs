//! What a runner records of its turn.

use chatmesh_chat::machine::{Operation, Status};
use chatmesh_chat::{Chat, ChatStore as _, KeptStep, LeaseStore as _, NewMessage, Since, Versions, Visibility};
use chatmesh_core::{IdSource as _, SystemIds, Uuid};
use chatmesh_proto::common::v1::{FinishReason, Role, Usage};

use crate::content::{answer, failure, full_answer, parts, result, retry};
use crate::world::{fence, worlds};

#[tokio::test]
async fn a_step_is_committed_in_order_and_all_at_once() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        world.tick();
        let messages = vec![full_answer(), result("c1"), answer("and")];
        let (after, committed) =
            world.store.commit_step(fence(&chat), messages.clone(), world.now).await.expect("committed");
        let snapshot = chat.versions.snapshot + 1;
        let versions = Versions { snapshot, history: snapshot, ..chat.versions };
        let numbers = Chat { last_message_id: 4, last_assistant_message_id: 4, ..chat.clone() };
        let expected = Chat { versions, updated_at: world.now, ..numbers };
        assert_eq!(after, expected, "{}", world.engine);
        let numbers: Vec<_> = committed.iter().map(|message| (message.id, message.revision)).collect();
        assert_eq!(numbers, [(2, snapshot), (3, snapshot), (4, snapshot)], "{}", world.engine);
        assert!(committed.iter().map(|message| &message.body).eq(&messages), "{}: {committed:?}", world.engine);
        let seen = world.snapshot(chat.id, Since::Message(1)).await;
        assert_eq!((seen.chat, seen.messages), (after, committed), "{}", world.engine);
    }
}

#[tokio::test]
async fn attempts_and_retries_are_counted_and_their_versions_move() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let fence = fence(&chat);
        let mut snapshot = chat.versions.snapshot;
        for attempt in 1..=3 {
            let tried = world.store.record_attempt(fence, world.now).await.expect("recorded");
            assert_eq!((tried.versions.snapshot, tried.versions.generation_attempt), (snapshot + 1, attempt));
            let cleared = if attempt == 1 { 0 } else { snapshot + 1 };
            assert_eq!((&tried.retry_state, tried.versions.retry_state), (&None, cleared), "{}", world.engine);

            let paused = world.store.record_retry(fence, retry(attempt), world.now).await.expect("recorded");
            assert_eq!(paused.retry_state, Some(retry(attempt)), "{}", world.engine);
            assert_eq!((paused.versions.snapshot, paused.versions.retry_state), (snapshot + 2, snapshot + 2));
            assert_eq!(paused.versions.generation_attempt, attempt, "{}", world.engine);
            assert_eq!((paused.versions.history, paused.versions.queue), (1, 0), "{}", world.engine);
            assert_eq!(world.get(chat.id).await, paused, "{}", world.engine);
            snapshot += 2;
        }
        let (done, _) = world.store.commit_step(fence, vec![answer("at last")], world.now).await.expect("committed");
        let snapshot = snapshot + 1;
        let expected = Versions { snapshot, history: snapshot, queue: 0, retry_state: snapshot, generation_attempt: 0 };
        assert_eq!((done.versions, &done.retry_state), (expected, &None), "{}", world.engine);
    }
}

#[tokio::test]
async fn the_answer_is_kept_for_its_history_until_it_is_committed() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let history = chat.versions.history;
        let kept = async |history| world.store.kept_step(chat.id, history).await.expect("asked");
        assert_eq!(kept(history).await, None, "{}", world.engine);
        let recorded =
            world.store.record_step(fence(&chat), &answer("draft"), None, world.now).await.expect("recorded");
        assert_eq!(recorded.versions.snapshot, chat.versions.snapshot + 1, "{}", world.engine);
        assert_eq!(recorded.versions.history, history, "{}: it is no message yet", world.engine);
        assert_eq!(world.history(chat.id).await, ["first"], "{}", world.engine);
        let step = KeptStep { answer: full_answer(), workspace_id: Some(Uuid::from_u128(7)) };
        let again = world.store.record_step(fence(&chat), &step.answer, step.workspace_id, world.now).await;
        again.expect("recorded again");
        assert_eq!(kept(history).await.as_ref(), Some(&step), "{}: exactly", world.engine);
        assert_eq!(kept(history + 1).await, None, "{}", world.engine);
        assert_eq!(kept(history - 1).await, None, "{}", world.engine);

        // It outlives the runner.
        let runner = fence(&chat).runner_id;
        world.store.abandon(chat.id, runner, world.now).await.expect("abandoned");
        let again = world.run(chat.id).await;
        assert_eq!(kept(history).await, Some(step), "{}", world.engine);
        let messages = vec![full_answer(), result("c1")];
        let (after, _) = world.store.commit_step(fence(&again), messages, world.now).await.expect("committed");
        for version in 0..=after.versions.snapshot {
            assert_eq!(kept(version).await, None, "{}: {version}", world.engine);
        }
    }
}

#[tokio::test]
async fn a_kept_answer_says_nothing_that_it_did_not_say() {
    let usages = [
        None,
        Some(Usage::default()),
        Some(Usage { total_tokens: Some(0), ..Usage::default() }),
        Some(Usage { cache_write_tokens: Some(7), reasoning_tokens: Some(u32::MAX), ..Usage::default() }),
    ];
    let numbers = [None, Some(0), Some(u32::MAX)];
    let words = [None, Some(String::new()), Some("resp – 1".to_owned())];
    let reasons = [None, Some(FinishReason::Unspecified), Some(FinishReason::Length)];
    let mut answers = vec![answer(""), NewMessage::new(Role::Assistant, Vec::new()), full_answer()];
    answers.extend(usages.map(|usage| NewMessage { usage, ..answer("a") }));
    answers.extend(reasons.map(|finish_reason| NewMessage { finish_reason, ..answer("a") }));
    for number in numbers {
        answers.push(NewMessage { context_limit: number, ..answer("a") });
        answers.push(NewMessage { runtime_ms: number, ..answer("a") });
        answers.push(NewMessage { cost_micros: number, ..answer("a") });
    }
    for word in words {
        answers.push(NewMessage { model: word.clone(), ..answer("a") });
        answers.push(NewMessage { provider_response_id: word, ..answer("a") });
    }
    for world in worlds().await {
        let chat = world.running("first").await;
        for kept in &answers {
            world.store.record_step(fence(&chat), kept, None, world.now).await.expect("recorded");
            let found = world.store.kept_step(chat.id, chat.versions.history).await.expect("asked");
            let expected = KeptStep { answer: kept.clone(), workspace_id: None };
            assert_eq!(found, Some(expected), "{}", world.engine);
        }
        // As a message it is the same, but that a provider's report without a number is no report.
        let (_, said) = world.store.commit_step(fence(&chat), answers.clone(), world.now).await.expect("said");
        for (message, given) in world.messages(chat.id).await[1..].iter().zip(&answers) {
            let usage = given.usage.filter(|usage| *usage != Usage::default());
            assert_eq!(message.body, NewMessage { usage, ..given.clone() }, "{}", world.engine);
        }
        assert_eq!(said.len(), answers.len(), "{}", world.engine);
    }
}

#[tokio::test]
async fn a_turn_that_ends_forgets_the_kept_answer() {
    for world in worlds().await {
        for operation in [Operation::FinishTurn, Operation::FinishError, Operation::FinishInterruption] {
            let chat = world.running("first").await;
            let fence = fence(&chat);
            world.store.record_attempt(fence, world.now).await.expect("recorded");
            world.store.record_retry(fence, retry(1), world.now).await.expect("recorded");
            world.store.record_step(fence, &answer("kept"), None, world.now).await.expect("recorded");
            if operation == Operation::FinishInterruption {
                world.interrupt(chat.id).await;
            }
            let ended = world.work(operation, fence, vec![answer("more")]).await.expect("ended").chat;
            assert_eq!((ended.lease, &ended.retry_state), (None, &None), "{}: {operation:?}", world.engine);
            assert_eq!(ended.versions.generation_attempt, 0, "{}: {operation:?}", world.engine);
            let kept = world.store.kept_step(chat.id, fence.history_version).await.expect("asked");
            assert_eq!(kept, None, "{}: {operation:?}", world.engine);
        }
    }
}

#[tokio::test]
async fn a_failed_turn_keeps_what_was_said_and_why_it_failed() {
    for mut world in worlds().await {
        let chat = world.running("first").await;
        world.send(chat.id, "second").await;
        world.tick();
        let partial = vec![full_answer(), result("c1")];
        let failed =
            world.store.finish_error(fence(&chat), partial.clone(), failure(), world.now).await.expect("failed");
        assert_eq!((failed.status, failed.lease), (Status::Error, None), "{}", world.engine);
        assert_eq!(failed.last_error, Some(failure()), "{}", world.engine);
        assert_eq!((failed.queued_count, failed.updated_at), (1, world.now), "{}: the queue waits", world.engine);
        let seen = world.snapshot(chat.id, Since::Message(1)).await;
        assert_eq!(seen.chat, failed, "{}", world.engine);
        assert!(seen.messages.iter().map(|message| &message.body).eq(&partial), "{}", world.engine);
    }
}

#[tokio::test]
async fn an_error_without_words_is_still_an_error() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let empty = Default::default();
        let failed = world.store.finish_error(fence(&chat), Vec::new(), empty, world.now).await.expect("failed");
        assert_eq!((failed.status, failed.last_error.is_some()), (Status::Error, true), "{}", world.engine);
        assert_eq!(world.get(chat.id).await, failed, "{}", world.engine);
    }
}

#[tokio::test]
async fn a_stopped_turn_keeps_what_was_said() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let stopped = world.interrupt(chat.id).await;
        let partial = vec![full_answer(), result("c1")];
        let idle = world.store.finish_interruption(fence(&stopped), partial, world.now).await.expect("ended");
        assert_eq!((idle.status, idle.lease, &idle.last_error), (Status::Waiting, None, &None), "{}", world.engine);
        assert_eq!((idle.last_message_id, idle.versions.history), (3, idle.versions.snapshot), "{}", world.engine);
    }
}

#[tokio::test]
async fn every_field_of_a_message_comes_back() {
    for world in worlds().await {
        let chat = world.running("first").await;
        let mut messages = Vec::new();
        for (role, visibility) in [
            (Role::System, Visibility::Both),
            (Role::User, Visibility::User),
            (Role::Assistant, Visibility::Both),
            (Role::Tool, Visibility::Model),
        ] {
            let (created_by, request_id) = (Some(world.owner), Some(SystemIds.next()));
            messages.push(NewMessage { role, visibility, created_by, request_id, ..full_answer() });
        }
        messages.push(NewMessage::new(Role::User, parts("")));
        messages.push(NewMessage::new(Role::User, Vec::new()));
        let (_, committed) = world.store.commit_step(fence(&chat), messages, world.now).await.expect("committed");
        let all = world.store.prompt_messages(chat.id).await.expect("listed");
        let expected: Vec<_> =
            committed.iter().filter(|message| message.body.visibility != Visibility::User).cloned().collect();
        assert_eq!(all[1..], expected, "{}", world.engine);
        let people = world.store.list_messages(chat.id, Some(1), false, 100).await.expect("listed");
        let expected: Vec<_> =
            committed.into_iter().filter(|message| message.body.visibility != Visibility::Model).collect();
        assert_eq!(people, expected, "{}", world.engine);
    }
}
