//! Tools that the client runs.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{chat_with, requests, shapes, text_of};

fn scripts() -> Vec<Script> {
    let batch = Step::text("Let me ask.")
        .call("ask", json!({"question": "red?"}))
        .call("execute", json!({"command": "echo built-in"}))
        .call("measure", json!({}));
    vec![Script::new("model").per_turn().step(batch).step(Step::text("Thank you."))]
}

fn tools() -> Value {
    let tool = |name: &str| json!({"name": name, "description": "The client's.", "input_schema": "{\"type\":\"object\",\"properties\":{}}"});
    json!([tool("ask"), tool("measure"), tool("execute")])
}

async fn waiting_chat(mesh: &Mesh) -> (String, Vec<String>) {
    let workspace = mesh.admin().workspace("busy").await;
    let more = json!({"workspace_id": workspace, "dynamic_tools": tools()});
    let chat = chat_with(mesh, "model", "Go.", &more).await;
    let mut events = mesh.admin().follow(&chat, 0).await;
    let seen = events.until(|event| event.get("action_required").is_some()).await;
    let calls = seen.last().expect("an event")["action_required"]["tool_calls"].as_array().expect("calls").clone();
    let names: Vec<&str> = calls.iter().filter_map(|call| call["name"].as_str()).collect();
    assert_eq!(names, ["ask", "measure"], "the built-in one is none of the client's");
    let ids = calls.iter().map(|call| call["call_id"].as_str().expect("an id").to_owned());
    (chat, ids.collect())
}

fn results(ids: &[&str]) -> Value {
    let result = |id: &&str| json!({"call_id": id, "output": "{\"answer\":42}"});
    json!({ "results": ids.iter().map(result).collect::<Vec<_>>() })
}

/// Scenario 10: two tools of the client and one of the mesh in one answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_waits_for_the_clients_results_and_for_no_others() {
    Mesh::run(scripts(), async |mesh| {
        let (chat, ids) = waiting_chat(mesh).await;
        let client = mesh.admin();
        let waiting = client.settled(&chat, "CHAT_STATUS_REQUIRES_ACTION").await;
        assert!(waiting["action_deadline"].is_string(), "{waiting}");
        let path = format!("/api/v1/chats/{chat}:submitToolResults");
        for wrong in [vec![ids[0].as_str()], vec![ids[0].as_str(), ids[1].as_str(), "made-up"], vec![]] {
            let refused = client.post(&path, &results(&wrong)).await;
            assert_eq!(refused.status, 400, "{wrong:?}: {}", refused.body);
        }
        client.post(&path, &results(&[ids[1].as_str(), ids[0].as_str()])).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let messages = client.messages(&chat).await;
        let expected = [
            "user: text",
            "assistant: text, tool_call ask, tool_call execute, tool_call measure",
            "tool: tool_result execute",
            "tool: tool_result ask",
            "tool: tool_result measure",
            "assistant: text",
        ];
        assert_eq!(shapes(&messages), expected);
        assert_eq!(text_of(&messages[5]), "Thank you.");
        assert!(messages[2].to_string().contains("built-in"), "the mesh's own tool ran: {}", messages[2]);
        let all = requests(mesh);
        assert_eq!(all.len(), 2);
        let names: Vec<&str> =
            all[0]["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["name"].as_str()).collect();
        let expected = [
            "ask",
            "attach_file",
            "create_workspace",
            "edit_files",
            "execute",
            "list_templates",
            "measure",
            "process_list",
            "process_output",
            "process_signal",
            "read_file",
            "read_template",
            "start_workspace",
            "stop_workspace",
            "write_file",
        ];
        assert_eq!(names, expected, "each once");
    })
    .await;
}

/// F18: a stop instead of results. Scenario 10.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_instead_of_results_answers_every_open_call() {
    Mesh::run(scripts(), async |mesh| {
        let (chat, _) = waiting_chat(mesh).await;
        let client = mesh.admin();
        client.post(&format!("/api/v1/chats/{chat}:interrupt"), &json!({})).await.ok();
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let messages = client.messages(&chat).await;
        let expected = [
            "tool: tool_result execute",
            "tool: tool_result ask failed",
            "tool: tool_result measure failed",
            "assistant: text",
        ];
        assert_eq!(shapes(&messages)[2..], expected);
        client.say(&chat, "Go on.").await;
        client.settled(&chat, "CHAT_STATUS_REQUIRES_ACTION").await;
    })
    .await;
}
