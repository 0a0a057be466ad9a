//! A mock server that nobody here wrote, as the provider.

use std::fs;

use chatmesh_sdk_tests::{MODELS, Server, World, packages, script};
use serde_json::{Value, json};
use tokio::process::Command;

const ASKED: &str = "make the file";
const DONE: &str = "The file is made.";

fn fixtures() -> Value {
    let arguments = json!({"command": "echo from outside > made.txt; cat made.txt"});
    json!({"fixtures": [
        {
            "match": {"userMessage": ASKED, "hasToolResult": false},
            "response": {"toolCalls": [{"name": "execute", "arguments": arguments}]},
        },
        {"match": {"userMessage": ASKED, "hasToolResult": true}, "response": {"content": DONE}},
    ]})
}

/// What it does in its protocols is its makers' reading of them, not ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_with_a_tool_passes_through_a_mock_server_in_each_of_its_protocols() {
    let Some(node) = packages::node() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("fixtures.json");
    fs::write(&file, fixtures().to_string()).expect("fixtures");
    let start = |port: u16| {
        let mut command = Command::new(&node.program);
        command.arg(node.directory.join("node_modules/@copilotkit/aimock/dist/cli.js"));
        command.args(["--strict", "--validate-on-load", "--port", &port.to_string(), "--fixtures"]).arg(&file);
        command
    };
    let server = Server::start(directory.path(), "/health", start).await;
    World::run(script(), async |world| {
        let workspace = world.client.workspace("tools").await;
        for (model, kind, called) in MODELS {
            let name = format!("mock-{model}");
            world.model(&name, kind, &server.url(), "key", called).await;
            let messages = world.turn(&name, ASKED, Some(&workspace)).await;
            let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
            assert_eq!(roles, ["ROLE_USER", "ROLE_ASSISTANT", "ROLE_TOOL", "ROLE_ASSISTANT"], "{name}: {messages:#?}");
            assert!(messages[2].to_string().contains("from outside"), "{name}: {messages:#?}");
            // Before it, the server tells a thought of its own in the protocols that have them.
            let said = messages[3]["content"].as_array().and_then(|parts| parts.last());
            assert_eq!(said.map(|part| &part["text"]), Some(&json!(DONE)), "{name}: {messages:#?}");
        }
    })
    .await;
}
