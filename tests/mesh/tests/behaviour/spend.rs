//! Keys, limits and the ledger, as people see them through the door.

use chatmesh_mesh_tests::{Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

fn scripts() -> Vec<Script> {
    vec![Script::new("model").step(Step::text("Said.").tokens(100, 7)).looped()]
}

fn rows(answer: &Value) -> Vec<&Value> {
    answer["rows"].as_array().into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_turn_took_is_in_the_ledger_of_its_owner() {
    Mesh::run(scripts(), async |mesh| {
        let (ann, bob) = (mesh.member("ann").await, mesh.member("bob").await);
        let chat = ann.chat("model", "Say it.").await;
        ann.settled(&chat, "CHAT_STATUS_WAITING").await;
        let by_chat = "/api/v1/usage?group_by=USAGE_GROUPING_CHAT";
        let seen = eventually(
            "the call is written down",
            async || ann.get(by_chat).await.ok(),
            |answer| rows(answer).iter().any(|row| row["key"] == json!(chat)),
        )
        .await;
        let row = rows(&seen)[0];
        assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&json!("100"), &json!("7")), "{row}");
        assert_eq!(row["unpriced_requests"], 1, "nobody set a price: {row}");

        let events = ann.get("/api/v1/usage/events").await.ok();
        let event = &events["events"][0];
        assert_eq!(
            (&event["chat_id"], &event["source"], &event["model"]),
            (&json!(chat), &json!("chat"), &json!("model"))
        );
        assert_eq!((&event["outcome"], &event["attempts"]), (&json!("USAGE_OUTCOME_FINISHED"), &json!(1)), "{event}");
        assert!(rows(&bob.get(by_chat).await.ok()).is_empty(), "it is not bob's");
        let everyone = mesh.admin().get("/api/v1/usage?group_by=USAGE_GROUPING_USER").await.ok();
        assert!(rows(&everyone).iter().any(|row| row["key"] == event["user_id"]), "{everyone}");
        let page = mesh.admin().get("/api/v1/usage?page_size=1").await.ok();
        assert_eq!(rows(&page).len(), 1, "{page}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_beyond_the_limit_says_which_limit_and_when_it_ends() {
    let scripts = vec![Script::new("model").step(Step::text("Said.").tokens(15_000, 7)).looped()];
    Mesh::run(scripts, async |mesh| {
        let ann = mesh.member("ann").await;
        let limit = json!({"scope": "LIMIT_SCOPE_DEFAULT", "period": "LIMIT_PERIOD_WEEK", "max_tokens": "15100"});
        let limit = mesh.admin().post("/api/v1/limits", &limit).await.ok();
        let chat = ann.chat("model", "Say it.").await;
        ann.settled(&chat, "CHAT_STATUS_WAITING").await;
        // A call is expected to take some thousand tokens at most, and this one took nearly all that there are.
        eventually(
            "the call is settled",
            async || ann.get("/api/v1/limits:mine").await.ok(),
            |mine| mine["limits"][0]["used_tokens"] == "15007",
        )
        .await;
        ann.say(&chat, "And again.").await;
        let failed = ann.settled(&chat, "CHAT_STATUS_ERROR").await;
        let error = &failed["last_error"];
        assert_eq!(error["kind"], "ERROR_KIND_USAGE_LIMIT", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("Your weekly token limit is used up; it resets on "), "{message}");

        let id = limit["id"].as_str().unwrap_or_default();
        mesh.admin().delete(&format!("/api/v1/limits/{id}")).await.ok();
        ann.say(&chat, "Now?").await;
        ann.settled(&chat, "CHAT_STATUS_WAITING").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_s_key_is_shown_by_its_end_to_its_owner_only() {
    Mesh::run(scripts(), async |mesh| {
        let (ann, bob) = (mesh.member("ann").await, mesh.member("bob").await);
        let policy = json!({"key_policy": {"central_api_key_enabled": true, "allow_user_api_key": true}});
        mesh.admin().patch("/api/v1/providers/sim", &policy).await.ok();
        let availability = async |client: &chatmesh_mesh_tests::Client| {
            client.get("/api/v1/models/model").await.ok()["availability"].clone()
        };
        assert_eq!(availability(&ann).await, "MODEL_AVAILABILITY_USER_KEY_REQUIRED");
        let secret = "sim-key-of-ann-4711";
        let key = json!({"provider": "sim", "scope": "KEY_SCOPE_USER", "name": "mine", "secret": secret});
        let key = ann.post("/api/v1/keys", &key).await.ok();
        assert_eq!((&key["hint"], &key["scope"]), (&json!("4711"), &json!("KEY_SCOPE_USER")), "{key}");
        assert_eq!(availability(&ann).await, "MODEL_AVAILABILITY_AVAILABLE");
        assert_eq!(availability(&bob).await, "MODEL_AVAILABILITY_USER_KEY_REQUIRED");
        let chat = ann.chat("model", "Say it.").await;
        ann.settled(&chat, "CHAT_STATUS_WAITING").await;
        let chat = bob.chat("model", "Say it.").await;
        let failed = bob.settled(&chat, "CHAT_STATUS_ERROR").await;
        assert_eq!(failed["last_error"]["kind"], "ERROR_KIND_MISSING_KEY", "{failed}");

        let path = format!("/api/v1/keys/{}", key["id"].as_str().unwrap_or_default());
        assert!(bob.get("/api/v1/keys").await.ok()["keys"].as_array().is_none_or(Vec::is_empty));
        assert_eq!(bob.delete(&path).await.status, 404);
        assert_eq!(ann.get("/api/v1/keys").await.ok()["keys"][0]["name"], "mine");
        for line in mesh.dump().await {
            assert!(!line.contains(secret), "{line}");
        }
        ann.delete(&path).await.ok();
        assert_eq!(availability(&ann).await, "MODEL_AVAILABILITY_USER_KEY_REQUIRED");
    })
    .await;
}
