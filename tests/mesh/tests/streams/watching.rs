//! The list of chats, live.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::sse::Wire;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_follows_a_chat_from_its_beginning_until_it_is_put_away() {
    Mesh::run(vec![Script::new("model").step(Step::text("Yes.")).looped()], async |mesh| {
        let mut list = Wire::open(mesh.admin(), "/api/v1/chats:watch").await;
        let chat = mesh.admin().chat("model", "Are you there?").await;
        let path = format!("/api/v1/chats/{chat}");
        let ours = |kind: &'static str| {
            let chat = chat.clone();
            move |event: &Value| event["kind"] == kind && event["chat"]["id"] == chat.as_str()
        };
        list.until(ours("WATCH_KIND_CREATED")).await;
        let ended = |event: &Value| event["chat"]["status"] == "CHAT_STATUS_WAITING";
        let status = list.until(|event| ours("WATCH_KIND_STATUS_CHANGE")(event) && ended(event)).await;
        assert_eq!(status["chat"]["has_unread"], true, "{status}");

        // Whoever reads it tells the other windows of the same user.
        let mut events = mesh.admin().follow(&chat, 0).await;
        events.until(|event| event.get("status").is_some()).await;
        let read = list.until(ours("WATCH_KIND_METADATA_CHANGE")).await;
        assert_ne!(read["chat"]["has_unread"], true, "{read}");

        mesh.admin().patch(&path, &json!({"title": "Another"})).await.ok();
        let titled = list.until(ours("WATCH_KIND_TITLE_CHANGE")).await;
        assert_eq!(titled["chat"]["title"], "Another");
        mesh.admin().patch(&path, &json!({"archived": true})).await.ok();
        list.until(ours("WATCH_KIND_DELETED")).await;
        mesh.admin().patch(&path, &json!({"archived": false})).await.ok();
        list.until(ours("WATCH_KIND_CREATED")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_shows_nobody_elses_chats() {
    Mesh::run(vec![Script::new("model").step(Step::text("Yes.")).looped()], async |mesh| {
        let other = mesh.member("other").await;
        let mut list = Wire::open(&other, "/api/v1/chats:watch").await;
        mesh.admin().chat("model", "Mine.").await;
        let theirs = other.chat("model", "Theirs.").await;
        // The first thing that is heard is their own.
        let first = list.until(|_| true).await;
        assert_eq!(first["chat"]["id"], theirs.as_str(), "{first}");
    })
    .await;
}
