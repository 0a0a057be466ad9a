//! Answers that OpenAI keeps, and that the next turn continues.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{add_model, chat_with, requests};

async fn keeping_model(mesh: &Mesh) {
    let provider = json!({
        "name": "openai", "type": "PROVIDER_TYPE_OPENAI", "base_url": mesh.simulator().base_url(), "api_key": "key",
    });
    mesh.admin().post("/api/v1/providers", &provider).await.ok();
    add_model(mesh, "openai", "keeping", "model", &json!({"options": {"store": true}})).await;
}

fn scripts() -> Vec<Script> {
    let look = Step::text("Let me look.").call("look", json!({}));
    let script = Script::new("model").when_contains("look", [look, Step::text("I have looked.")]);
    vec![script.with_default(Step::text("Hello."))]
}

fn previous(request: &Value) -> Option<&str> {
    request["previous_response_id"].as_str()
}

fn items(request: &Value) -> usize {
    request["input"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_keeps_is_not_sent_again_unless_it_forgot() {
    Mesh::run(scripts(), async |mesh| {
        keeping_model(mesh).await;
        let client = mesh.admin();
        let chat = client.chat("keeping", "One.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.say(&chat, "Two.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        mesh.simulator().forget_responses();
        client.say(&chat, "Three.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let all = requests(mesh);
        assert_eq!(all.len(), 4, "one that was forgotten is asked for once more");
        assert_eq!((previous(&all[0]), items(&all[0])), (None, 1));
        assert!(previous(&all[1]).is_some() && items(&all[1]) == 1, "{}", all[1]);
        assert!(previous(&all[2]).is_some_and(|id| Some(id) != previous(&all[1])), "{}", all[2]);
        assert_eq!((previous(&all[3]), items(&all[3])), (None, 5), "everything");
        assert_eq!(all[1]["instructions"], all[0]["instructions"]);
        assert_eq!(client.messages(&chat).await.len(), 6);
    })
    .await;
}

/// F15: a turn that ended with open calls bricks the chat, because the provider never saw what came of them. L-T12.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_after_calls_that_the_provider_saw_no_results_of_sends_everything() {
    Mesh::run(scripts(), async |mesh| {
        keeping_model(mesh).await;
        let client = mesh.admin();
        let look =
            json!([{"name": "look", "description": "", "input_schema": "{\"type\":\"object\",\"properties\":{}}"}]);
        let chat = chat_with(mesh, "keeping", "Please look.", &json!({ "dynamic_tools": look })).await;
        client.settled(&chat, "CHAT_STATUS_REQUIRES_ACTION").await;
        // A message that waits, and that is promoted before the results are there.
        let queued = client.say(&chat, "Never mind.").await;
        let id = queued["queued_message"]["id"].as_u64().expect("it waits");
        client.post(&format!("/api/v1/chats/{chat}/queue/{id}:promote"), &json!({})).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.say(&chat, "And now?").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let all = requests(mesh);
        assert_eq!(all.len(), 3, "no request was refused: {all:#?}");
        assert_eq!((previous(&all[1]), items(&all[1])), (None, 5), "{:#?}", all[1]);
        assert!(previous(&all[2]).is_some() && items(&all[2]) == 1, "after an answer without calls: {}", all[2]);
    })
    .await;
}
