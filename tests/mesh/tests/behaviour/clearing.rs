//! A model that is to forget, and what cannot be summarised.

use chatmesh_mesh_tests::{Mesh, Transcript};
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use super::{of_kind, text_of, verb};

#[tokio::test(flavor = "multi_thread")]
async fn the_model_forgets_what_people_still_see() {
    let script =
        Script::new("model").when_contains("again", [Step::text("Hello.")]).with_default(Step::text("A secret."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "The first question").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let mut stream = client.follow(&chat, 0).await;
        let mut events = stream.until(|event| event["message"]["id"] == 2).await;

        let cleared = verb(client, &chat, "clear").await.ok();
        assert_eq!(cleared["chat"]["status"], "CHAT_STATUS_WAITING");
        let told = cleared["messages"].as_array().expect("messages");
        let [call, result] = &told[..] else { panic!("what only the model reads is not shown: {cleared}") };
        assert_eq!(call["content"][0]["tool_call"]["name"], "chat_cleared");
        assert_eq!(result["content"][0]["tool_result"]["call_id"], call["content"][0]["tool_call"]["call_id"]);
        assert!(call["compressed"] == true && result["compressed"] == true, "{cleared}");
        let again = verb(client, &chat, "clear").await;
        assert_eq!((again.status.as_u16(), &again.body["code"]), (409, &json!(10)), "nothing to forget: {again:?}");

        client.say(&chat, "And now again").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let requests = mesh.simulator().journal().requests();
        let asked = requests.last().expect("a request").body["messages"].to_string();
        assert!(asked.contains("And now again"), "{asked}");
        assert!(!asked.contains("The first question") && !asked.contains("A secret"), "{asked}");
        let stored = client.messages(&chat).await;
        let texts: Vec<String> = stored.iter().map(text_of).filter(|text| !text.is_empty()).collect();
        assert_eq!(texts, ["The first question", "A secret.", "And now again", "Hello."], "people see all of it");
        events.extend(stream.until(|event| event["message"]["id"] == stored[stored.len() - 1]["id"]).await);
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        assert_eq!(transcript.messages(), stored);
        assert!(of_kind(&events, "history_reset").is_empty(), "nothing was taken away");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_chat_with_a_history_can_be_cleared_and_is_well_again() {
    let script = Script::new("model")
        .when_contains("fail", [Step::text("Never.").fault(Fault::status(401))])
        .with_default(Step::text("Yes."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Hello.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.say(&chat, "Now fail.").await;
        client.settled(&chat, "CHAT_STATUS_ERROR").await;
        let cleared = verb(client, &chat, "clear").await.ok();
        assert_eq!(
            (&cleared["chat"]["status"], &cleared["chat"]["last_error"]),
            (&json!("CHAT_STATUS_WAITING"), &Value::Null)
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_said_cannot_be_summarised() {
    let script = Script::new("model").step(Step::text("Never.").fault(Fault::status(401)));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Hello.").await;
        let failed = client.settled(&chat, "CHAT_STATUS_ERROR").await;
        for word in ["compact", "clear"] {
            let refused = verb(client, &chat, word).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (409, &json!(10)), "{refused:?}");
            assert_eq!(refused.body["details"][0]["reason"], "NOTHING_SAID", "{refused:?}");
        }
        assert_eq!(client.get(&format!("/api/v1/chats/{chat}")).await.ok(), failed, "nothing changed");
    })
    .await;
}
