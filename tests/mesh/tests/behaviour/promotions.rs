//! A waiting message that is to be the next, whatever the chat is doing.

use std::time::Duration;

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use super::{deliberate, never_ending, promote, said, text_of, until_said, verb};

fn script() -> Script {
    Script::new("model")
        .when_contains("alpha", [never_ending("All about alpha. ")])
        .when_contains("bravo", [deliberate("Bravo is done.")])
        .when_contains("charlie", [deliberate("Charlie is done.")])
}

fn texts(messages: &[Value]) -> Vec<String> {
    said(messages).into_iter().map(|(_, text)| text).collect()
}

/// F18: a promotion in a running turn discards what was said.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_running_turn_it_follows_the_partial_answer_and_overtakes_the_others() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "alpha").await;
        until_said(&mut client.follow(&chat, 0).await).await;
        client.say(&chat, "bravo").await;
        let charlie = client.say(&chat, "charlie").await;
        let promoted = promote(client, &chat, &charlie["queued_message"]["id"]).await.ok();
        assert_eq!(promoted["chat"]["status"], "CHAT_STATUS_INTERRUPTING", "{promoted}");
        assert!(promoted["messages"].is_null(), "the turn ends first: {promoted}");

        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let texts = texts(&client.messages(&chat).await);
        assert!(texts[1].starts_with("All about alpha. "), "what was said is kept: {texts:#?}");
        assert_eq!(texts[2..], ["charlie", "Charlie is done.", "bravo", "Bravo is done."]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failed_turn_it_is_said_at_once() {
    // What was not answered is said together with what follows: the last words come first here.
    let failing = Script::new("model")
        .when_contains("bravo", [Step::text("Bravo is done.")])
        .when_contains("charlie", [Step::text("Charlie is done.")])
        .when_contains("alpha", [Step::text("").first_delay(Duration::from_secs(5)).fault(Fault::status(401))]);
    Mesh::run(vec![failing], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "alpha").await;
        client.say(&chat, "bravo").await;
        let charlie = client.say(&chat, "charlie").await;
        client.settled(&chat, "CHAT_STATUS_ERROR").await;
        let promoted = promote(client, &chat, &charlie["queued_message"]["id"]).await.ok();
        assert_eq!(promoted["chat"]["status"], "CHAT_STATUS_RUNNING");
        assert!(promoted["chat"]["last_error"].is_null(), "{promoted}");
        let messages: Vec<String> = promoted["messages"].as_array().expect("messages").iter().map(text_of).collect();
        assert_eq!(messages, ["charlie"]);
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let texts = texts(&client.messages(&chat).await);
        assert_eq!(texts[1..], ["charlie", "Charlie is done.", "bravo", "Bravo is done."]);
    })
    .await;
}

/// F18: a promotion while the client's tools are awaited puts a message between a call and its result.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_clients_tools_are_awaited_the_open_calls_are_answered_first() {
    let script = Script::new("model")
        .when_contains("alpha", [Step::text("I ask you.").call("ask_user", json!({"question": "?"}))])
        .when_contains("bravo", [Step::text("Bravo is done.")]);
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let body = json!({
            "content": [{"text": "alpha"}],
            "dynamic_tools": [{"name": "ask_user", "description": "Asks.", "input_schema": "{\"type\":\"object\"}"}],
        });
        let chat = client.post("/api/v1/chats", &body).await.ok()["id"].as_str().expect("an id").to_owned();
        client.settled(&chat, "CHAT_STATUS_REQUIRES_ACTION").await;
        let bravo = client.say(&chat, "bravo").await;
        assert_eq!(bravo["queued"], true, "{bravo}");
        let promoted = promote(client, &chat, &bravo["queued_message"]["id"]).await.ok();
        let messages = promoted["messages"].as_array().expect("messages");
        let roles: Vec<&Value> = messages.iter().map(|message| &message["role"]).collect();
        assert_eq!(roles, ["ROLE_TOOL", "ROLE_USER"], "{promoted}");
        assert_eq!(messages[0]["content"][0]["tool_result"]["is_error"], true, "{promoted}");

        // The simulator refuses a history in which a call has no result.
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert_eq!(texts(&client.messages(&chat).await), ["alpha", "I ask you.", "", "bravo", "Bravo is done."]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_and_an_interruption_at_the_same_time_lose_nothing() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "alpha").await;
        until_said(&mut client.follow(&chat, 0).await).await;
        client.say(&chat, "bravo").await;
        let charlie = client.say(&chat, "charlie").await;
        let queued = &charlie["queued_message"]["id"];
        let (interrupted, promoted) = tokio::join!(verb(client, &chat, "interrupt"), promote(client, &chat, queued));
        // The one that comes second may find the turn over already, and that is all that may go wrong.
        for answer in [interrupted, promoted] {
            assert!(answer.status.is_success() || [404, 409].contains(&answer.status.as_u16()), "{answer:?}");
        }
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let mut users: Vec<String> = said(&client.messages(&chat).await)
            .into_iter()
            .filter(|(role, _)| *role == "ROLE_USER")
            .map(|(_, text)| text)
            .collect();
        users.sort_unstable();
        assert_eq!(users, ["alpha", "bravo", "charlie"]);
    })
    .await;
}
