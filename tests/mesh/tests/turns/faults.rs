//! A provider and a workspace that are away.

use std::time::{Duration, Instant};

use chatmesh_mesh_tests::{Mesh, Transcript, eventually};
use chatmesh_testkit::simulator::{Fault, ResetReason, Script, Step};
use serde_json::{Value, json};

use super::{chat_with, requests, shapes, text_of};

const ANSWER: &str = "This answer is long enough to be sent in several pieces, one after the other.";

/// F10: the words of an attempt that was reset are joined with those of the next one. L-T4.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_reset_is_void() {
    // Those who follow are there before it begins.
    let step = Step::text(ANSWER).first_delay(Duration::from_secs(1));
    let step = step.fail_first(1, Fault::reset(6, ResetReason::Cancel));
    Mesh::run(vec![Script::new("model").step(step)], async |mesh| {
        let chat = mesh.admin().chat("model", "Say it.").await;
        let events = mesh.admin().follow(&chat, 0).await.until_idle().await;
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        let messages = mesh.admin().messages(&chat).await;
        assert_eq!(transcript.messages(), messages);
        assert_eq!((messages.len(), text_of(&messages[1])), (2, ANSWER.to_owned()));
        assert_eq!(events.iter().filter(|event| event.get("retry").is_some()).count(), 1);
        // F26: one layer tries again.
        assert_eq!(mesh.simulator().journal().stats().requests, 2);
    })
    .await;
}

/// F3: an answer that people saw disappears when they stop it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_a_stop_stays() {
    // It does not come to its end by itself.
    let step = Step::text(ANSWER).delta_characters(4).delta_delay(Duration::from_millis(100)).fault(Fault::stall(15));
    Mesh::run(vec![Script::new("model").step(step)], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Say it.").await;
        let mut events = client.follow(&chat, 0).await;
        let seen = events.until(|event| event["message_part"]["seq"] == 2).await;
        client.post(&format!("/api/v1/chats/{chat}:interrupt"), &json!({})).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let live: String = seen.iter().filter_map(|event| event["message_part"]["part"]["text"].as_str()).collect();
        let messages = client.messages(&chat).await;
        let kept = text_of(&messages[1]);
        assert!(kept.starts_with(&live) && ANSWER.starts_with(&kept) && kept != ANSWER, "{live:?} {kept:?}");
    })
    .await;
}

/// F11: a chat whose workspace is stopped hangs before the first call of the model.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_workspace_does_not_hold_the_model_up() {
    let script = Script::new("model").per_turn().step(Step::text("Your workspace is away."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("tired").await;
        client.post(&format!("/api/v1/workspaces/{workspace}:stop"), &json!({})).await.ok();
        let path = format!("/api/v1/workspaces/{workspace}");
        let gone = |found: &Value| found["agent"]["status"] != "AGENT_STATUS_CONNECTED";
        eventually("the agent is gone", async || client.get(&path).await.ok(), gone).await;

        let began = Instant::now();
        let chat = chat_with(mesh, "model", "Are you there?", &json!({ "workspace_id": workspace })).await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let all = requests(mesh);
        assert_eq!(all.len(), 1);
        assert!(all[0]["tools"].as_array().is_some_and(|tools| tools.len() >= 3), "tools are offered all the same");
    })
    .await;
}

/// F3: a stop does not wait for a command that runs, and the command has a result.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_stopped_while_a_command_runs() {
    let step = Step::text("One moment.").call("execute", json!({"command": "sleep 300", "timeout": "5m"}));
    Mesh::run(vec![Script::new("model").step(step)], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("busy").await;
        let chat = chat_with(mesh, "model", "Do it.", &json!({ "workspace_id": workspace })).await;
        let mut events = client.follow(&chat, 0).await;
        events.until(|event| event["message_part"]["part"]["tool_call"]["args"].is_string()).await;
        let began = Instant::now();
        client.post(&format!("/api/v1/chats/{chat}:interrupt"), &json!({})).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        let messages = client.messages(&chat).await;
        assert_eq!(shapes(&messages)[1..], ["assistant: text, tool_call execute", "tool: tool_result execute failed"]);
    })
    .await;
}
