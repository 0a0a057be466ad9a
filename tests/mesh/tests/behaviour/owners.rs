//! Whose keys a chat works with.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::Method;
use serde_json::{Value, json};

use super::never_ending;

/// F50: someone else starts a turn that works with the owner's keys.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_owner_makes_a_chat_work_not_even_an_administrator() {
    let scripts =
        vec![Script::new("quick").step(Step::text("Yes.")).looped(), Script::new("busy").step(never_ending("On. "))];
    Mesh::run(scripts, async |mesh| {
        let owner = mesh.member("owner").await;
        let idle = owner.chat("quick", "Hello.").await;
        owner.settled(&idle, "CHAT_STATUS_WAITING").await;
        let busy = owner.chat("busy", "Hello.").await;
        owner.follow(&busy, 0).await.until(|event| event.get("message_part").is_some()).await;
        owner.say(&busy, "This waits.").await;

        let hi = json!({"content": [{"text": "hi"}]});
        let result = json!({"results": [{"call_id": "a", "output": "1"}]});
        let calls: [(Method, &str, &Value); 12] = [
            (Method::POST, "/messages", &hi),
            (Method::PATCH, "/messages/1", &hi),
            (Method::POST, "/queue/1:promote", &Value::Null),
            (Method::DELETE, "/queue/1", &Value::Null),
            (Method::POST, ":interrupt", &Value::Null),
            (Method::POST, ":compact", &Value::Null),
            (Method::POST, ":clear", &Value::Null),
            (Method::POST, ":reconcile", &Value::Null),
            (Method::POST, ":submitToolResults", &result),
            (Method::PATCH, "", &json!({"title": "Mine"})),
            (Method::GET, "", &Value::Null),
            (Method::GET, "/messages", &Value::Null),
        ];
        let before = everything(&owner, [&idle, &busy]).await;
        let requests = mesh.simulator().journal().stats().requests;
        for stranger in [mesh.admin().clone(), mesh.member("stranger").await] {
            for chat in [&idle, &busy] {
                for (method, rest, body) in &calls {
                    let body = if body.is_null() { json!({}) } else { (*body).clone() };
                    let body = (*method != Method::GET && *method != Method::DELETE).then_some(&body);
                    let refused = stranger.send(method.clone(), &format!("/api/v1/chats/{chat}{rest}"), body).await;
                    assert_eq!(
                        refused.status().as_u16(),
                        404,
                        "{method} {rest}: a chat that is not theirs is not there"
                    );
                }
            }
            let listed = stranger.get("/api/v1/chats").await.ok();
            assert!(listed["chats"].is_null(), "{listed}");
        }
        assert_eq!(everything(&owner, [&idle, &busy]).await, before, "nothing changed");
        assert_eq!(mesh.simulator().journal().stats().requests, requests, "no model was called");
    })
    .await;
}

async fn everything(owner: &chatmesh_mesh_tests::Client, chats: [&String; 2]) -> Vec<Value> {
    let mut all = Vec::new();
    for chat in chats {
        all.push(owner.get(&format!("/api/v1/chats/{chat}")).await.ok());
        all.extend(owner.messages(chat).await);
    }
    all
}
