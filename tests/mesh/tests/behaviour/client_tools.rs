//! Tools that the client runs.

use chatmesh_mesh_tests::{Client, Mesh, Transcript};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{of_kind, text_of, verb};

fn script() -> Script {
    let step = Step::text("I need three things.")
        .call("ask_user", json!({"question": "Which one?"}))
        .call("read_file", json!({"path": "/nowhere"}))
        .call("locate", json!({}));
    Script::new("model").step(step).step(Step::text("Thank you."))
}

async fn create(client: &Client) -> String {
    let tool =
        |name: &str| json!({"name": name, "description": "Of the client.", "input_schema": "{\"type\":\"object\"}"});
    let body = json!({
        "content": [{"text": "Help me."}],
        "workspace_id": client.workspace("demo").await,
        // A tool of the mesh takes precedence over one of the client with the same name.
        "dynamic_tools": [tool("ask_user"), tool("locate"), tool("read_file")],
    });
    client.post("/api/v1/chats", &body).await.ok()["id"].as_str().expect("an id").to_owned()
}

/// Waits until the client's tools are asked for, and returns the chat and their calls.
async fn asked(client: &Client, chat: &str) -> (Value, Vec<Value>) {
    let events = client.follow(chat, 0).await.until(|event| event.get("action_required").is_some()).await;
    let calls = events.last().expect("an event")["action_required"]["tool_calls"].as_array().expect("calls").clone();
    (client.settled(chat, "CHAT_STATUS_REQUIRES_ACTION").await, calls)
}

fn results(calls: &[&Value]) -> Value {
    let result = |call: &&Value| json!({"call_id": call["call_id"], "output": "{\"answer\":42}"});
    json!({"results": calls.iter().map(result).collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_clients_tools_are_asked_for_and_the_turn_goes_on_with_their_results() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = create(client).await;
        let (waiting, calls) = asked(client, &chat).await;
        let names: Vec<&Value> = calls.iter().map(|call| &call["name"]).collect();
        assert_eq!(names, ["ask_user", "locate"], "not the mesh's own");
        assert!(waiting["action_deadline"].is_string(), "{waiting}");
        let before = client.messages(&chat).await;
        let [_, answer, own] = &before[..] else { panic!("{before:#?}") };
        assert_eq!(own["content"][0]["tool_result"]["name"], "read_file", "the mesh's own tool has run");
        let call_ids: Vec<&Value> =
            answer["content"].as_array().expect("parts").iter().filter_map(|part| part.get("tool_call")).collect();
        assert_eq!(call_ids.len(), 3);

        let submit = format!("/api/v1/chats/{chat}:submitToolResults");
        let [ask, locate] = &calls[..] else { panic!("{calls:#?}") };
        let own = json!({"call_id": own["content"][0]["tool_result"]["call_id"]});
        let unknown = json!({"call_id": "toolu_nobody"});
        for (wrong, missing) in [
            (vec![ask], true),
            (vec![ask, locate, &own], false),
            (vec![ask, locate, &unknown], false),
            (vec![&unknown], true),
        ] {
            let refused = client.post(&submit, &results(&wrong)).await;
            assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!(3)), "{refused:?}");
            assert_eq!(refused.body["details"][0]["reason"], "WRONG_TOOL_CALLS", "{refused:?}");
            assert_eq!(refused.body["details"][1]["field_violations"][0]["field"], "results", "{refused:?}");
            let message = refused.body["message"].as_str().unwrap_or_default();
            let named = if missing { locate } else { wrong.last().expect("one") };
            assert!(message.contains(named["call_id"].as_str().expect("an id")), "{message}");
        }
        assert_eq!(client.messages(&chat).await, before, "nothing changed");

        // In any order; they are committed in the order of the calls.
        let submitted = client.post(&submit, &results(&[locate, ask])).await.ok();
        assert_eq!(submitted["chat"]["status"], "CHAT_STATUS_RUNNING");
        let names: Vec<&Value> = submitted["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .map(|message| &message["content"][0]["tool_result"]["name"])
            .collect();
        assert_eq!(names, ["ask_user", "locate"]);
        let done = client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert!(done["action_deadline"].is_null(), "{done}");
        let stored = client.messages(&chat).await;
        assert_eq!(text_of(stored.last().expect("an answer")), "Thank you.");
        assert_eq!(client.post(&submit, &results(&[ask, locate])).await.status, 409, "nothing is awaited any more");
        let sent = mesh.simulator().journal().requests()[1].body["messages"].to_string();
        assert_eq!(sent.matches("answer").count(), 2, "the model read both results: {sent}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_answers_the_open_calls_and_the_turn_goes_on_without_them() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = create(client).await;
        let (_, calls) = asked(client, &chat).await;
        let interrupted = verb(client, &chat, "interrupt").await.ok();
        assert!(interrupted["action_deadline"].is_null(), "{interrupted}");
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let stored = client.messages(&chat).await;
        for call in &calls {
            let result = stored.iter().map(|message| &message["content"][0]["tool_result"]);
            let result: Vec<&Value> = result.filter(|result| result["call_id"] == call["call_id"]).collect();
            assert_eq!(result.len(), 1, "exactly one result: {stored:#?}");
            assert_eq!(result[0]["is_error"], true, "{result:#?}");
        }
    })
    .await;
}

/// F49: a client that resumes from the newest number that it was told skips rows that the mesh inserted.
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_call_commits_is_told_so_that_a_client_can_resume_behind_it() {
    Mesh::run(vec![script()], async |mesh| {
        let client = mesh.admin();
        let chat = create(client).await;
        asked(client, &chat).await;
        let mut transcript = Transcript::default();
        for message in client.messages(&chat).await {
            transcript.apply(&json!({ "message": message }));
        }
        let queued = client.say(&chat, "Never mind.").await;
        let path = format!("/api/v1/chats/{chat}/queue/{}:promote", queued["queued_message"]["id"]);
        let promoted = client.post(&path, &json!({})).await.ok();
        let messages = promoted["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), 3, "two answers to open calls and the message: {promoted}");
        for message in messages {
            transcript.apply(&json!({ "message": message }));
        }
        assert_eq!(transcript.seen(), messages[2]["id"].as_u64().expect("an id"), "no gap");

        // Behind what was told come only the answer and what follows.
        let events = client.follow(&chat, transcript.seen()).await.until_idle().await;
        events.iter().for_each(|event| transcript.apply(event));
        assert_eq!(of_kind(&events, "history_reset").len(), 0);
        assert_eq!(transcript.messages(), client.messages(&chat).await);
    })
    .await;
}
