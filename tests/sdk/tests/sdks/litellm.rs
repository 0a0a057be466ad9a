//! LiteLLM's proxy as the provider, in both protocols that it serves: with answers of its own, and
//! with another provider behind it, whose protocol it translates.

use std::fs;

use chatmesh_sdk_tests::{Server, World, packages};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};
use tokio::process::Command;

const MASTER_KEY: &str = "sk-0123456789abcdef0123456789abcdef";
const ANSWER: &str = "An answer of its own.";
const DONE: &str = "The file is made.";

/// The protocols that it serves, with the types of our providers and what follows its address.
const DOORS: [(&str, &str, &str); 2] =
    [("chat", "PROVIDER_TYPE_OPENAI_COMPATIBLE", "/v1"), ("messages", "PROVIDER_TYPE_ANTHROPIC", "")];
/// What stands behind it.
const BEHIND: [&str; 3] = ["mock", "to-openai", "to-anthropic"];

fn configuration(simulator: &str) -> Value {
    let openai = format!("{simulator}/v1");
    // YAML holds all of JSON.
    json!({
        "model_list": [
            {"model_name": "mock", "litellm_params": {"model": "openai/any", "api_key": "key", "mock_response": ANSWER}},
            {"model_name": "to-openai", "litellm_params": {
                "model": "openai/tools", "api_key": "key", "api_base": openai,
            }},
            {"model_name": "to-anthropic", "litellm_params": {
                "model": "anthropic/tools", "api_key": "key", "api_base": simulator,
            }},
        ],
        "litellm_settings": {"num_retries": 0, "callbacks": [], "telemetry": false},
        "general_settings": {"disable_spend_logs": true},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_pass_through_litellm_in_both_of_its_protocols() {
    let Some(litellm) = packages::litellm() else { return };
    let command = json!({"command": "echo from afar > made.txt; cat made.txt"});
    let script =
        Script::new("tools").per_turn().step(Step::text("I will.").call("execute", command)).step(Step::text(DONE));
    World::run(script, async |world| {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("litellm.yaml");
        fs::write(&file, configuration(&world.mesh.simulator().base_url()).to_string()).expect("a configuration");
        let start = |port: u16| {
            let mut command = Command::new(litellm.directory.join("bin/litellm"));
            command.arg("--config").arg(&file).args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--num_workers", "1"]).env("LITELLM_MASTER_KEY", MASTER_KEY);
            // Neither prices nor anything else is asked for over the network.
            command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("LITELLM_LOG", "ERROR");
            command
        };
        let server = Server::start(directory.path(), "/health/liveliness", start).await;
        let workspace = world.client.workspace("tools").await;
        for (door, kind, path) in DOORS {
            for behind in BEHIND {
                let name = format!("{door}-{behind}");
                world.model(&name, kind, &format!("{}{path}", server.url()), MASTER_KEY, behind).await;
                let messages = world.turn(&name, "Make the file.", Some(&workspace)).await;
                let last = messages.last().expect("an answer");
                if behind == "mock" {
                    assert_eq!(
                        (messages.len(), &last["content"][0]["text"]),
                        (2, &json!(ANSWER)),
                        "{name}: {messages:#?}"
                    );
                } else {
                    let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
                    let expected = ["ROLE_USER", "ROLE_ASSISTANT", "ROLE_TOOL", "ROLE_ASSISTANT"];
                    assert_eq!(roles, expected, "{name}: {messages:#?}");
                    assert!(messages[2].to_string().contains("from afar"), "{name}: {messages:#?}");
                    assert_eq!(last["content"][0]["text"], DONE, "{name}: {messages:#?}");
                }
            }
        }
    })
    .await;
}
