//! A message of the user that is replaced: what came after it never was.

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{deliberate, ids, never_ending, of_kind, said, text_of, until_said};

const OLD: &str = "An old branch. ";

fn script() -> Script {
    Script::new("model")
        .when_contains("four", [never_ending(OLD)])
        .when_contains("another", [deliberate("The new branch.")])
        .with_default(Step::text("Yes."))
}

/// F20: an edit is not seen by those who follow, and the truncated rows come back.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_while_the_model_speaks_leaves_nothing_of_the_old_branch() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "one").await;
        for text in ["two", "three"] {
            client.settled(&chat, "CHAT_STATUS_WAITING").await;
            client.say(&chat, text).await;
        }
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let mut follower = client.follow(&chat, 0).await;
        client.say(&chat, "four").await;
        let mut events = until_said(&mut follower).await;
        client.say(&chat, "this waits").await;

        let body = json!({"content": [{"text": "another"}]});
        let edited = client.patch(&format!("/api/v1/chats/{chat}/messages/1"), &body).await.ok();
        assert_eq!(edited["deleted_message_ids"], json!([1, 2, 3, 4, 5, 6, 7]), "{edited}");
        assert_eq!(text_of(&edited["message"]), "another");
        assert_eq!(edited["messages"], json!([edited["message"]]), "all that was committed");
        let new = edited["message"]["id"].as_u64().expect("an id");
        assert!(new > 7, "numbers are not given out twice");

        events.extend(follower.until_idle().await);
        let stored = client.messages(&chat).await;
        assert_eq!(
            said(&stored),
            [("ROLE_USER", "another".to_owned()), ("ROLE_ASSISTANT", "The new branch.".to_owned())]
        );
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        assert_eq!(transcript.messages(), stored, "a follower ends up with the new branch alone");
        assert_eq!(of_kind(&events, "history_reset").len(), 1);
        let reset = events.iter().position(|event| event.get("history_reset").is_some()).expect("a reset");
        let after: Vec<Value> = of_kind(&events[reset..], "message").into_iter().cloned().collect();
        assert!(ids(&after).iter().all(|id| *id >= new), "old messages after the reset: {after:#?}");
        let live = of_kind(&events[reset..], "message_part")
            .into_iter()
            .map(|part| text_of(&json!({"content": [part["part"]]})));
        assert!(!live.collect::<String>().contains(OLD.trim()), "live parts of the old branch after the reset");
        let queue = of_kind(&events, "queue_update").last().cloned().cloned();
        assert!(queue.is_some_and(|queue| queue["queued_messages"].is_null()), "the queue is empty");

        // Who comes now sees the same.
        let late = client.follow(&chat, 0).await.until_idle().await;
        let mut transcript = Transcript::default();
        late.iter().for_each(|event| transcript.apply(event));
        assert_eq!(transcript.messages(), stored);
        // And so does the model.
        let requests = mesh.simulator().journal().requests();
        let asked = requests.last().expect("a request").body["messages"].to_string();
        assert!(asked.contains("another") && !asked.contains("three") && !asked.contains("Yes."), "{asked}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_a_later_message_keeps_what_came_before() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "one").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.say(&chat, "two").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let path = format!("/api/v1/chats/{chat}/messages/3");
        let request = json!({"content": [{"text": "another"}], "request_id": "01890a5d-ac96-774b-bcce-b302099a8057"});
        let edited = client.patch(&path, &request).await.ok();
        assert_eq!(edited["deleted_message_ids"], json!([3, 4]));
        // The same request again has the first result and changes nothing.
        let repeated = client.patch(&path, &request).await.ok();
        assert_eq!(repeated["message"], edited["message"]);
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let texts: Vec<String> = said(&client.messages(&chat).await).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["one", "Yes.", "another", "The new branch."]);
        assert_eq!(client.patch(&path, &json!({"content": [{"text": "x"}]})).await.status, 404, "it is forgotten");
    })
    .await;
}
