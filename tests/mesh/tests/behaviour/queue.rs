//! Messages to a busy chat wait their turn, also when the turn is stopped.

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::json;

use super::{deliberate, ids, never_ending, queues, said, text_of, until_said, verb};

fn scripts() -> Vec<Script> {
    let script = Script::new("model")
        .when_contains("alpha", [never_ending("All about alpha. ")])
        .when_contains("bravo", [deliberate("Bravo is done.")])
        .when_contains("charlie", [deliberate("Charlie is done.")]);
    vec![script]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_follows_the_partial_answer_of_a_stopped_turn_in_order() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Tell me of alpha.").await;
        let mut stream = client.follow(&chat, 0).await;
        let mut events = until_said(&mut stream).await;
        for (waiting, text) in [(1, "Then of bravo."), (2, "And of charlie.")] {
            let sent = client.say(&chat, text).await;
            assert_eq!((&sent["queued"], &sent["message"]), (&json!(true), &json!(null)), "{sent}");
            assert_eq!(text_of(&sent["queued_message"]), text);
            // Everyone has seen it waiting before the next one comes, or the turn is stopped: a reader that is
            // slower sees both at once.
            events.extend(stream.until(|event| queues(std::slice::from_ref(event)).concat().len() == waiting).await);
        }
        let interrupted = verb(client, &chat, "interrupt").await.ok();
        assert_eq!(interrupted["status"], "CHAT_STATUS_INTERRUPTING");
        events.extend(stream.until_idle().await);

        let stored = client.messages(&chat).await;
        assert_eq!(ids(&stored), [1, 2, 3, 4, 5, 6], "numbers without gaps, in order");
        let texts = said(&stored);
        let roles: Vec<&str> = texts.iter().map(|(role, _)| *role).collect();
        assert_eq!(roles, ["ROLE_USER", "ROLE_ASSISTANT"].repeat(3));
        let (_, partial) = &texts[1];
        assert!(partial.starts_with("All about alpha. "), "what was said is kept: {partial:?}");
        let rest: Vec<&str> = texts[2..].iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(rest, ["Then of bravo.", "Bravo is done.", "And of charlie.", "Charlie is done."]);
        let waited: Vec<Vec<String>> =
            [&["Then of bravo."][..], &["Then of bravo.", "And of charlie."], &["And of charlie."], &[]]
                .map(|texts| texts.iter().map(|text| (*text).to_owned()).collect())
                .into();
        assert_eq!(queues(&events), waited, "each step of the queue is seen once");
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        assert_eq!(transcript.messages(), stored);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_interrupts_comes_after_the_partial_answer_and_after_what_waited() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Tell me of alpha.").await;
        until_said(&mut client.follow(&chat, 0).await).await;
        client.say(&chat, "Then of bravo.").await;
        let body = json!({"content": [{"text": "And of charlie."}], "busy_behavior": "BUSY_BEHAVIOR_INTERRUPT"});
        let sent = client.post(&format!("/api/v1/chats/{chat}/messages"), &body).await.ok();
        assert_eq!((&sent["queued"], &sent["messages"]), (&json!(true), &json!(null)), "{sent}");

        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let stored = client.messages(&chat).await;
        let users: Vec<String> =
            said(&stored).into_iter().filter(|(role, _)| *role == "ROLE_USER").map(|(_, text)| text).collect();
        assert_eq!(users, ["Tell me of alpha.", "Then of bravo.", "And of charlie."]);
        assert!(text_of(&stored[1]).starts_with("All about alpha. "), "{stored:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_message_can_be_taken_back_and_is_never_said() {
    Mesh::run(scripts(), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Tell me of alpha.").await;
        until_said(&mut client.follow(&chat, 0).await).await;
        let bravo = client.say(&chat, "Then of bravo.").await;
        client.say(&chat, "And of charlie.").await;
        let path = format!("/api/v1/chats/{chat}/queue/{}", bravo["queued_message"]["id"]);
        let left = client.delete(&path).await.ok();
        let left: Vec<String> = left["queued_messages"].as_array().expect("a queue").iter().map(text_of).collect();
        assert_eq!(left, ["And of charlie."]);
        assert_eq!(client.delete(&path).await.status, 404, "it is gone");

        verb(client, &chat, "interrupt").await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let texts: Vec<String> = said(&client.messages(&chat).await).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts[2..], ["And of charlie.", "Charlie is done."]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_ends_by_itself_is_followed_by_what_waits() {
    let script = Script::new("model").step(deliberate("First.")).step(Step::text("Second.")).step(Step::text("Third."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "one").await;
        client.say(&chat, "two").await;
        client.say(&chat, "three").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let texts: Vec<String> = said(&client.messages(&chat).await).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["one", "First.", "two", "Second.", "three", "Third."]);
    })
    .await;
}
