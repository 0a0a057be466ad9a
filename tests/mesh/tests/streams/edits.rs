//! An edit while others look on.

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::json;

use super::{kind, text_of};

/// F20: whoever follows a chat sees an edit as it happens, and whoever was away sees it when coming back.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_messages_back_from_those_who_have_seen_them() {
    let script = Script::new("model").step(Step::text("An answer.").delta_characters(3)).looped();
    Mesh::run(vec![script], async |mesh| {
        let chat = mesh.admin().chat("model", "One.").await;
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        mesh.admin().say(&chat, "Two.").await;
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        let mut events = mesh.admin().follow(&chat, 0).await;
        let (mut there, mut away) = (Transcript::default(), Transcript::default());
        for event in events.until(|event| event["status"]["status"] == "CHAT_STATUS_WAITING").await {
            there.apply(&event);
            away.apply(&event);
        }
        assert_eq!(there.seen(), 4);

        let edit = json!({"content": [{ "text": "Three." }]});
        let edited = mesh.admin().patch(&format!("/api/v1/chats/{chat}/messages/3"), &edit).await.ok();
        assert_eq!(edited["deleted_message_ids"], json!([3, 4]));
        let seen = events.until(|event| event["message"]["id"] == 6).await;
        assert_eq!(seen.iter().filter(|event| kind(event) == "history_reset").count(), 1, "{seen:#?}");
        seen.iter().for_each(|event| there.apply(event));

        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        away.reconnect();
        let mut back = mesh.admin().follow(&chat, away.seen()).await;
        let missed = back.until(|event| event["status"]["status"] == "CHAT_STATUS_WAITING").await;
        assert_eq!(kind(&missed[0]), "history_reset", "{missed:#?}");
        missed.iter().for_each(|event| away.apply(event));

        let stored = mesh.admin().messages(&chat).await;
        let texts: Vec<String> = stored.iter().map(text_of).collect();
        assert_eq!(texts, ["One.", "An answer.", "Three.", "An answer."]);
        assert_eq!(there.messages(), stored);
        assert_eq!(away.messages(), stored);
    })
    .await;
}
