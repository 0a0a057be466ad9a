//! Tools and the prompts that they make.

use chatmesh_mesh_tests::Mesh;
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

use super::{chat_with, requests, without_marks};

/// F4: results that stand in another order, or twice, are refused by the provider, and only until the history is
/// read anew.
#[tokio::test(flavor = "multi_thread")]
async fn prompts_within_a_turn_are_those_that_are_read_anew() {
    let execute = |command: &str| json!({ "command": command });
    let several = Step::text("Several at once.")
        .reasoning("Which?")
        .call("execute", execute("sleep 0.3; echo slow"))
        .call("execute", execute("echo fast"))
        .call("nonsense", json!({}))
        .raw_call("execute", "{\"command\": ");
    let script = Script::new("model")
        .per_turn()
        .step(several.clone())
        .step(Step::calls().call("execute", execute("exit 3")))
        .step(several)
        .step(Step::text("Done."));
    Mesh::run(vec![script], async |mesh| {
        let client = mesh.admin();
        let workspace = client.workspace("busy").await;
        let chat = chat_with(mesh, "model", "Go.", &json!({ "workspace_id": workspace })).await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        client.say(&chat, "Again.").await;
        client.settled(&chat, "CHAT_STATUS_WAITING").await;
        let all = requests(mesh);
        assert_eq!(all.len(), 8);
        let anew = without_marks(&all[4]["messages"]);
        let anew = anew.as_array().expect("messages");
        for request in &all[..4] {
            let said = without_marks(&request["messages"]);
            let said = said.as_array().expect("messages");
            // The last message of a request may have grown: what the user said next stands in it, too.
            assert_eq!(said[..], anew[..said.len()], "of {} messages", anew.len());
        }
        let results = anew[2]["content"].as_array().expect("results").clone();
        let calls = anew[1]["content"].as_array().expect("blocks").clone();
        let ids = |blocks: &[Value], kind: &str, id: &str| -> Vec<Value> {
            blocks.iter().filter(|block| block["type"] == kind).map(|block| block[id].clone()).collect()
        };
        assert_eq!(ids(&results, "tool_result", "tool_use_id"), ids(&calls, "tool_use", "id"));
        assert!(results[0].to_string().contains("slow") && results[1].to_string().contains("fast"));
        assert!(results[2].to_string().contains("not found") && results[3].to_string().contains("not a JSON object"));
    })
    .await;
}
