//! Conversations that become too long.

use std::path::Path;
use std::time::Duration;

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Fault, Script, Step};
use serde_json::{Value, json};

use super::{add_model, chat_with, is_summary, requests, shapes, text_of, without_marks};

const LIMIT: u64 = 10_000;

/// A model whose context is small; the first summary of its conversations is `summary`.
async fn small_model(mesh: &Mesh, script: &str) {
    let more = json!({"context_limit": LIMIT, "compaction_threshold_percent": 70});
    add_model(mesh, "sim", "small", script, &more).await;
}

fn step(command: &str, tokens: u64) -> Step {
    Step::calls().call("execute", json!({ "command": command })).tokens(tokens, 10)
}

/// Steps of which the last one finds the conversation too long.
fn until_too_long(steps: u64) -> Vec<Step> {
    (1..=steps).map(|number| step("true", LIMIT * 71 * number / steps / 100)).collect()
}

/// 25 steps, a summary, 25 steps, a summary, and 10 more. The second part waits for `gate`, so that the summary that
/// ends it can be another.
fn long_work(gate: &Path, summary: &str) -> Script {
    let mut second = until_too_long(25);
    second[0] = step(&format!("while [ ! -e {} ]; do sleep 0.02; done", gate.display()), 300);
    let mut third = vec![step("true", 400); 10];
    third.push(Step::text("Everything was looked at.").tokens(500, 10));
    Script::new("long")
        .when_contains("the first half", second)
        .when_contains("all but the last ten", third)
        .when_contains("Look at everything", until_too_long(25))
        .when_summarising(Step::text(summary).tokens(7200, 100))
}

/// Scenario 9: a turn of sixty steps crosses the threshold twice, and loses nothing that people or the model need.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_turn_is_summarised_twice_and_comes_to_its_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let gate = directory.path().join("gate");
    let script = long_work(&gate, "This was the first half.");
    Mesh::run(vec![script], async |mesh| {
        small_model(mesh, "long").await;
        let workspace = mesh.admin().workspace("busy").await;
        let more = json!({"workspace_id": workspace, "system_prompt": "Be thorough."});
        let chat = chat_with(mesh, "small", "Look at everything.", &more).await;
        let went_on = |request: &Value| !is_summary(request) && request.to_string().contains("the first half");
        let seen = mesh.simulator().journal().wait_until(|all| all.iter().any(|one| went_on(&one.body))).await;
        seen.expect("work goes on after the first summary");
        mesh.simulator().add_script(long_work(&gate, "This was all but the last ten."));
        std::fs::write(&gate, "").expect("the gate opens");
        let chat_after = mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        assert!(chat_after["last_error"].is_null(), "{chat_after}");

        let all = requests(mesh);
        let summaries: Vec<usize> = (0..all.len()).filter(|at| is_summary(&all[*at])).collect();
        assert_eq!((all.len(), summaries.as_slice()), (25 + 1 + 25 + 1 + 11, [25, 51].as_slice()));
        // Each prompt after a summary: the instructions, the newest summary, and what came since then.
        for (summary, text) in [(25, "This was the first half."), (51, "This was all but the last ten.")] {
            let next = &all[summary + 1];
            assert!(next["system"].to_string().contains("Be thorough."), "{next}");
            let messages = next["messages"].as_array().expect("messages");
            assert_eq!(messages.len(), 1, "{messages:#?}");
            assert!(messages[0].to_string().contains(text) && !messages[0].to_string().contains("Look at everything"));
            assert_eq!(all[summary + 2]["messages"].as_array().map(Vec::len), Some(3), "and one step more");
            // F38: what the provider has in its cache is the beginning of what it is sent.
            assert_eq!(all[summary]["tools"], next["tools"]);
            let (before, asked) =
                (without_marks(&all[summary - 1]["messages"]), without_marks(&all[summary]["messages"]));
            let beginning = before.as_array().expect("messages");
            assert_eq!(asked.as_array().map(|asked| &asked[..beginning.len()]), Some(beginning.as_slice()));
        }
        assert!(!all[52]["messages"].to_string().contains("the first half"), "one summary is enough");

        // People have it all: what they said, sixty steps, the end, and where the summaries are.
        let mut messages = Vec::new();
        for number in 0..2 {
            let page = mesh.admin().get(&format!("/api/v1/chats/{chat}/messages?page_size=200")).await.ok();
            messages = page["messages"].as_array().expect("messages").clone();
            assert!(number == 0 || page["next_page_token"].as_str().unwrap_or_default().is_empty());
        }
        assert_eq!(messages.len(), 1 + 60 * 2 + 1 + 2 * 2, "{:#?}", shapes(&messages));
        let markers: Vec<&Value> = messages.iter().filter(|message| message["compressed"] == true).collect();
        assert_eq!(
            shapes(&markers.into_iter().cloned().collect::<Vec<_>>()),
            [
                "assistant: tool_call chat_summarized",
                "tool: tool_result chat_summarized",
                "assistant: tool_call chat_summarized",
                "tool: tool_result chat_summarized",
            ]
        );
        assert_eq!(text_of(messages.last().expect("a message")), "Everything was looked at.");
    })
    .await;
}

/// A chat with a tool: what is asked without one is no summary to the simulator.
fn with_tool() -> Value {
    json!({"dynamic_tools": [{"name": "look", "description": "", "input_schema": "{\"type\":\"object\",\"properties\":{}}"}]})
}

/// F45: a provider that refuses the conversation ends the turn though a summary of it would fit.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_the_provider_refuses_is_summarised_and_sent_once_more() {
    // Slow enough to be watched.
    let summary = Step::text("You talked about apples.").first_delay(Duration::from_secs(1));
    let script = Script::new("model")
        .step(Step::text("They are fine."))
        .step(Step::text("never said").fault(Fault::ContextOverflow))
        .when_summarising(summary);
    Mesh::run(vec![script], async |mesh| {
        let chat = chat_with(mesh, "model", "What about apples?", &with_tool()).await;
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        mesh.admin().say(&chat, "and pears?").await;
        let events = mesh.admin().follow(&chat, 0).await.until_idle().await;
        let shown = events.iter().filter_map(|event| event["message_part"]["part"]["tool_call"]["name"].as_str());
        assert!(shown.into_iter().any(|name| name == "chat_summarized"), "people see what is going on: {events:#?}");
        let messages = mesh.admin().messages(&chat).await;
        let expected = [
            "user: text",
            "assistant: text",
            "user: text",
            "assistant: tool_call chat_summarized",
            "tool: tool_result chat_summarized",
            "assistant: text",
        ];
        assert_eq!(shapes(&messages), expected);
        assert_eq!(text_of(&messages[5]), "They are fine.");
        let all = requests(mesh);
        assert_eq!(all.len(), 4, "the answer, the refusal, the summary, the answer");
        assert!(all[3]["messages"].to_string().contains("and pears?"), "{}", all[3]);
    })
    .await;
}

/// F45: and where it is refused again, the turn ends with an error that says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_refused_again_is_an_error() {
    let refused = Step::text("never said").fault(Fault::ContextOverflow);
    let script = Script::new("model")
        .when_contains("What about apples?", [Step::text("They are fine.")])
        .step(refused.clone())
        .step(refused)
        .when_summarising(Step::text("You talked about apples."));
    Mesh::run(vec![script], async |mesh| {
        let chat = chat_with(mesh, "model", "What about apples?", &with_tool()).await;
        mesh.admin().settled(&chat, "CHAT_STATUS_WAITING").await;
        mesh.admin().say(&chat, "and pears?").await;
        let failed = mesh.admin().settled(&chat, "CHAT_STATUS_ERROR").await;
        assert_eq!(failed["last_error"]["context_overflow"], true, "{failed}");
        assert_eq!(requests(mesh).len(), 4);
    })
    .await;
}

/// F5: a summary that the owner asks for answers nobody, and the next message is answered from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_summary_on_request_takes_the_place_of_the_history() {
    let script = Script::new("model")
        .when_summarising(Step::text("You talked about apples."))
        .with_default(Step::text("They are fine."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = chat_with(mesh, "model", "What about apples?", &with_tool()).await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.post(&format!("/api/v1/chats/{chat}:compact"), &json!({})).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let again = client.post(&format!("/api/v1/chats/{chat}:compact"), &json!({})).await;
        assert_eq!(again.status, 409, "there is nothing to summarise: {}", again.body);
        client.say(&chat, "And now?").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let all = requests(mesh);
        assert_eq!(all.len(), 3);
        let last = all[2]["messages"].to_string();
        assert!(last.contains("You talked about apples.") && last.contains("And now?"), "{last}");
        assert!(!last.contains("What about apples?"), "{last}");
        let messages = client.messages(&chat).await;
        let result: Value =
            serde_json::from_str(messages[3]["content"][0]["tool_result"]["result"].as_str().expect("a result"))
                .expect("JSON");
        assert_eq!((&result["source"], &result["summary"]), (&json!("manual"), &json!("You talked about apples.")));
    })
    .await;
}
