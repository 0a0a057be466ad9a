//! Whoever comes late.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::json;

use super::kind;

/// F9: whoever opens a chat between two calls of the model sees why nothing is said.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_seen_by_those_who_come_during_it() {
    let fault = Fault::status(429).with_header("retry-after", "5");
    let script = Script::new("model").step(Step::text("Said at last.").fail_first(1, fault));
    Mesh::run(vec![script], async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let mut early = mesh.admin().follow(&chat, 0).await;
        early.until(|event| event.get("retry").is_some()).await;

        let mut late = mesh.admin().follow(&chat, 0).await;
        let events = late.until(|event| event.get("retry").is_some()).await;
        assert_eq!(events.iter().map(kind).collect::<Vec<_>>(), ["message", "status", "retry"]);
        let retry = &events[2]["retry"];
        assert_eq!((&retry["attempt"], &retry["status_code"]), (&json!(1), &json!(429)));

        let rest = late.until_idle().await;
        let kinds: Vec<&str> = rest.iter().map(kind).collect();
        assert_eq!(kinds.first(), Some(&"preview_reset"), "the pause is over: {kinds:?}");
        assert!(kinds.contains(&"message_part") && kinds.contains(&"message"), "{kinds:?}");
    })
    .await;
}

/// F43: a failed chat shows the whole error to whoever opens it later, as it does to whoever was there.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_chat_shows_the_same_error_after_a_refresh() {
    let refused = Step::text("never").fault(Fault::status(401));
    Mesh::run(vec![Script::new("model").step(refused)], async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let there = mesh.admin().follow(&chat, 0).await.until(|event| event.get("error").is_some()).await;
        let row = mesh.admin().settled(&chat, "CHAT_STATUS_ERROR").await;
        let late = mesh.admin().follow(&chat, 1).await.until(|event| event.get("error").is_some()).await;
        assert_eq!(late.iter().map(kind).collect::<Vec<_>>(), ["status", "error"]);

        let error = &late[1]["error"];
        assert_eq!(Some(error), there.last().map(|event| &event["error"]));
        assert_eq!(*error, row["last_error"]);
        for field in ["message", "kind", "provider", "status_code"] {
            assert!(!error[field].is_null(), "`{field}` is missing: {error}");
        }
    })
    .await;
}
