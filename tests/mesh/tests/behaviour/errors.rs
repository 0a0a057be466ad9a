//! What people are told of a turn that failed.

use chatmesh_mesh_tests::Mesh;
use chatmesh_proto::common::v1::ErrorKind;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use super::of_kind;

fn failing(fault: Fault) -> Vec<Script> {
    vec![Script::new("model").step(Step::text("Never said.").fault(fault)).looped()]
}

/// F42: a kind that is spelt in two ways hides from the client what it should offer.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_has_one_spelling_wherever_it_is_told() {
    let body =
        json!({"type": "error", "error": {"type": "billing_error", "message": "Your credit balance is too low."}});
    Mesh::run(failing(Fault::status(402).with_body(body)), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let live = client.follow(&chat, 0).await.until(|event| event.get("error").is_some()).await;
        let stored = client.settled(&chat, "CHAT_STATUS_ERROR").await;
        let listed = client.get("/api/v1/chats?query=status:error").await.ok();
        for error in [of_kind(&live, "error")[0], &stored["last_error"], &listed["chats"][0]["last_error"]] {
            assert_eq!(error["kind"], ErrorKind::UsageLimit.as_str_name(), "{error}");
        }
        assert_eq!(ErrorKind::UsageLimit.as_str_name(), "ERROR_KIND_USAGE_LIMIT");
        assert_eq!(mesh.simulator().journal().stats().requests, 1, "trying again would not help");
    })
    .await;
}

/// F42: a kind with a hyphen.
#[test]
fn the_names_of_kinds_are_made_of_capitals_and_underscores() {
    let kinds: Vec<&str> =
        (0..=64).filter_map(|n| ErrorKind::try_from(n).ok()).map(|kind| kind.as_str_name()).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    for kind in kinds {
        assert!(kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{kind}");
    }
}

/// F43: after a reload an error shows its headline and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_the_same_live_stored_listed_and_after_a_reload() {
    let body = json!({"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too many"}});
    Mesh::run(failing(Fault::status(400).with_body(body)), async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let live = client.follow(&chat, 0).await.until(|event| event.get("error").is_some()).await;
        let live = of_kind(&live, "error")[0].clone();
        assert!(live["message"].as_str().is_some_and(|text| !text.is_empty()), "{live}");
        assert!(live["detail"].as_str().is_some_and(|text| text.contains("too many")), "{live}");
        assert_eq!((&live["kind"], &live["status_code"]), (&json!("ERROR_KIND_CONFIG"), &json!(400)), "{live}");
        assert!(live["provider"].as_str().is_some_and(|text| !text.is_empty()), "{live}");

        let stored = client.settled(&chat, "CHAT_STATUS_ERROR").await;
        assert_eq!(stored["last_error"], live, "stored");
        let listed = client.get("/api/v1/chats").await.ok();
        assert_eq!(listed["chats"][0]["last_error"], live, "listed");
        let reloaded = client.follow(&chat, 1).await.until(|event| event.get("error").is_some()).await;
        assert_eq!(of_kind(&reloaded, "error"), [&live], "after a reload, once");

        // It outlives being put away, and goes with the next message.
        let archived = client.patch(&format!("/api/v1/chats/{chat}"), &json!({"archived": true})).await.ok();
        assert_eq!(archived["last_error"], live, "archived");
        client.patch(&format!("/api/v1/chats/{chat}"), &json!({"archived": false})).await.ok();
        mesh.simulator().add_script(Script::new("model").step(Step::text("Yes.")).looped());
        client.say(&chat, "And now?").await;
        let recovered = client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert_eq!(recovered["last_error"], Value::Null, "{recovered}");
    })
    .await;
}
