//! What stays inside.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::Method;
use serde_json::json;

use super::sse::Wire;

/// The beginning of every signature of the simulated provider.
const SIGNATURE: &str = "c2lnbmF0dXJl";

/// F30: what a provider gives to be given back reaches the provider again, and nobody else, on no way.
#[tokio::test(flavor = "multi_thread")]
async fn a_providers_own_data_leaves_on_no_way() {
    let first = Step::calls().reasoning("I have to think about it.").call("execute", json!({"command": "true"}));
    let second = Step::text("Now I know.").reasoning("Think again.");
    Mesh::run(vec![Script::new("model").per_turn().step(first).step(second)], async |mesh| {
        let chat = mesh.admin().chat("model", "Think.").await;
        let mut live = Wire::open(mesh.admin(), &format!("/api/v1/chats/{chat}/stream")).await;
        live.until(|event| event["status"]["status"] == "CHAT_STATUS_WAITING").await;
        let mut late = Wire::open(mesh.admin(), &format!("/api/v1/chats/{chat}/stream")).await;
        late.until(|event| event.get("status").is_some()).await;
        assert!(live.received.contains("I have to think"), "the reasoning itself is shown");

        let mut given = vec![live.received, late.received];
        for path in [
            format!("/api/v1/chats/{chat}"),
            format!("/api/v1/chats/{chat}/messages"),
            format!("/api/v1/chats/{chat}/messages?order=MESSAGE_ORDER_DESCENDING"),
            "/api/v1/chats".to_owned(),
        ] {
            let response = mesh.admin().send(Method::GET, &path, None).await;
            given.push(response.text().await.expect("a body"));
        }
        given.push(mesh.admin().say(&chat, "And now?").await.to_string());
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        let edited = mesh.admin().patch(&format!("/api/v1/chats/{chat}/messages/1"), &say("Think better.")).await.ok();
        given.push(edited.to_string());
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;

        for text in given {
            for secret in [SIGNATURE, "provider_metadata", "thinking_signature"] {
                assert!(!text.contains(secret), "`{secret}` left the mesh: {text}");
            }
        }
        let requests = mesh.simulator().journal().requests();
        let returned = requests.iter().filter(|request| request.body.to_string().contains(SIGNATURE)).count();
        assert!(returned > 0, "the provider is given back what it gave");
    })
    .await;
}

fn say(text: &str) -> serde_json::Value {
    json!({"content": [{ "text": text }]})
}
