//! The mesh as an MCP server.

use chatmesh_mesh_tests::{Client, Mesh, eventually};
use reqwest::header::{ACCEPT, HeaderValue};
use serde_json::{Value, json};

/// Calls a tool: what it returned, or else what was wrong.
async fn call(client: &Client, tool: &str, arguments: Value) -> Result<Value, String> {
    let accept = (ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments},
    });
    let answer = client.with_header(accept).post("/mcp", &body).await.ok();
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"));
    if answer["result"]["isError"] == true {
        return Err(text.to_owned());
    }
    Ok(serde_json::from_str(text).expect("JSON"))
}

/// E: a command starts the workspace that is stopped, ends when its time is over, and is told from a wrong call.
#[tokio::test(flavor = "multi_thread")]
async fn e_a_command_starts_its_workspace_and_ends_in_its_time() {
    Mesh::run(super::mcp_servers::scripts(), async |mesh| {
        let client = mesh.member("ann").await;
        let path = format!("/api/v1/workspaces/{}", client.workspace("demo").await);
        client.post(&format!("{path}:stop"), &json!({})).await.ok();
        let is_stopped = |found: &Value| found["status"] == "WORKSPACE_STATUS_STOPPED";
        eventually("it is stopped", async || client.get(&path).await.ok(), is_stopped).await;

        let command = json!({"workspace": "ann--demo", "command": "echo here; exit 3"});
        let ran = call(&client, "workspace_bash", command).await.expect("it ran");
        assert_eq!((&ran["output"], &ran["exit_code"]), (&json!("here\n"), &json!(3)), "{ran}");
        assert_eq!(ran["workspace_started"], json!({}), "{ran}");

        let command = json!({"workspace": "ann/demo.main", "command": "sleep 600", "timeout_ms": 1});
        let ran = call(&client, "workspace_bash", command).await.expect("it ran");
        assert_eq!((&ran["exit_code"], ran.get("workspace_started")), (&json!(124), None), "{ran}");
        let left = call(&client, "workspace_process_list", json!({"workspace": "demo"})).await.expect("a list");
        assert!(!left.to_string().contains("\"running\":true"), "{left}");

        let wrong = call(&client, "workspace_bash", json!({"workspace": "demo", "cmd": "ls"})).await;
        assert!(wrong.is_err_and(|error| error.contains("`command` is missing, `cmd` is not known")));
        let wrong = call(&client, "workspace_bash", json!({"workspace": "demo.gpu", "command": "ls"})).await;
        assert!(wrong.is_err_and(|error| error.contains("has no agent `gpu`: it has main")));
        let built = call(&client, "get_workspace_build_logs", json!({"workspace": "demo"})).await.expect("a log");
        assert_eq!(built["status"], "BUILD_STATUS_SUCCEEDED", "{built}");
        call(&client, "get_workspace_agent_logs", json!({"workspace": "demo"})).await.expect("a log");
        let me = call(&client, "get_authenticated_user", json!({})).await.expect("a user");
        assert_eq!(me["name"], "ann", "{me}");
        call(&client, "delete_workspace", json!({"workspace": "demo"})).await.expect("it is being deleted");
    })
    .await;
}
