//! What is read and what is not.

use chatmesh_mesh_tests::{Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_unread_until_somebody_has_looked() {
    Mesh::run(vec![Script::new("model").step(Step::text("Yes.")).looped()], async |mesh| {
        let chat = mesh.admin().chat("model", "Are you there?").await;
        let path = format!("/api/v1/chats/{chat}");
        let unread = mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        assert_eq!(unread["has_unread"], true, "{unread}");

        let mut events = mesh.admin().follow(&chat, 0).await;
        events.until(|event| event.get("status").is_some()).await;
        let opened = mesh.admin().get(&path).await.ok();
        assert_ne!(opened["has_unread"], true, "{opened}");

        mesh.admin().say(&chat, "And now?").await;
        events.until_idle().await;
        drop(events);
        eventually("it is read", async || mesh.admin().get(&path).await.ok(), |chat| chat["has_unread"] != true).await;
    })
    .await;
}
