//! A turn that is stopped in each of its phases.

use std::time::{Duration, Instant};

use chatmesh_mesh_tests::{Mesh, eventually};
use chatmesh_testkit::simulator::{Fault, Outcome, Script, Step};
use serde_json::json;

use super::{never_ending, said, text_of, until_said, verb};

/// Far less than what is waited for in each phase.
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn in_the_pause_before_the_next_attempt_it_ends_at_once_and_nothing_was_said() {
    let busy = Fault::status(529).with_header("retry-after", "3600");
    Mesh::run(vec![Script::new("model").step(Step::text("Never.").fault(busy))], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let mut stream = client.follow(&chat, 0).await;
        stream.until(|event| event.get("retry").is_some()).await;
        let began = Instant::now();
        verb(client, &chat, "interrupt").await.ok();
        stream.until_idle().await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        assert_eq!(said(&client.messages(&chat).await), [("ROLE_USER", "Say it.".to_owned())]);
        assert_eq!(client.settled(&chat, "CHAT_STATUS_WAITING").await["last_error"], json!(null));
    })
    .await;
}

/// F3: what was shown live is gone after a stop.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_model_speaks_what_it_said_is_kept_and_the_provider_is_left() {
    Mesh::run(vec![Script::new("model").step(never_ending("Word by word. "))], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let mut stream = client.follow(&chat, 0).await;
        let mut live = String::new();
        while live.len() < "Word by word. ".len() {
            let events = until_said(&mut stream).await;
            let part = &events.last().expect("a part")["message_part"]["part"];
            live.push_str(&text_of(&json!({ "content": [part] })));
        }
        verb(client, &chat, "interrupt").await.ok();
        stream.until_idle().await;
        let messages = client.messages(&chat).await;
        assert_eq!(messages.len(), 2, "{messages:#?}");
        assert!(text_of(&messages[1]).starts_with(&live), "{:?} was shown, {messages:#?} is kept", live);
        let left = |requests: &[_]| {
            requests
                .iter()
                .all(|request: &chatmesh_testkit::simulator::ReceivedRequest| request.outcome == Outcome::Abandoned)
        };
        mesh.simulator().journal().wait_until(left).await.expect("nobody listens to the provider any more");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_tool_runs_its_call_is_kept_with_a_result_that_says_so() {
    let script = Script::new("model")
        .step(Step::text("I wait.").call("execute", json!({"command": "sleep 3000"})))
        .step(Step::text("Then I go on."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("demo").await;
        let body = json!({"content": [{"text": "Wait."}], "workspace_id": workspace});
        let chat = client.post("/api/v1/chats", &body).await.ok()["id"].as_str().expect("an id").to_owned();
        // The answer is there and its tool runs.
        let mut stream = client.follow(&chat, 0).await;
        stream.until(|event| event["message_part"]["part"]["tool_call"]["args"].is_string()).await;
        let began = Instant::now();
        verb(client, &chat, "interrupt").await.ok();
        stream.until_idle().await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        let messages = client.messages(&chat).await;
        let [_, answer, result] = &messages[..] else { panic!("{messages:#?}") };
        assert_eq!(text_of(answer), "I wait.");
        let call = &answer["content"][1]["tool_call"]["call_id"];
        let result = &result["content"][0]["tool_result"];
        assert_eq!((&result["call_id"], &result["is_error"]), (call, &json!(true)), "{messages:#?}");
        assert!(result["result"].as_str().is_some_and(|text| text.contains("interrupted")), "{result}");

        // The history is one that providers take.
        client.say(&chat, "Go on.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert_eq!(text_of(client.messages(&chat).await.last().expect("an answer")), "Then I go on.");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_is_stopped_again_and_again_is_stopped_once() {
    Mesh::run(vec![Script::new("model").step(never_ending("Word by word. "))], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        until_said(&mut client.follow(&chat, 0).await).await;
        verb(client, &chat, "interrupt").await.ok();
        let look = async || verb(client, &chat, "interrupt").await;
        let refused = eventually("nothing runs", look, |answer| answer.status == 409).await;
        assert!(refused.body["message"].as_str().is_some_and(|text| text.contains("no turn runs")), "{refused:?}");
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert_eq!(client.messages(&chat).await.len(), 2);
    })
    .await;
}
