//! Models that make a workspace for their chat and work in it, with the agent's real program.

#![expect(clippy::print_stdout, reason = "the transcript of a chat, for whoever runs it with --nocapture")]

mod transcript;
mod work;

use chatmesh::Config;
use chatmesh_mesh_tests::{Client, Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

const WAITING: &str = "CHAT_STATUS_WAITING";

/// A mesh whose template `local` has a startup script that takes its time.
fn config() -> Config {
    config_of("sleep 1; echo ready > begun")
}

fn config_of(script: &str) -> Config {
    let mut config = Config::default();
    let begin = json!({"id": "begin", "script": script, "run_on_start": true});
    let template = json!({
        "name": "local", "description": "a directory on this machine", "provisioner": "local", "scripts": [begin],
    });
    config.workspaces = serde_json::from_value(json!({"templates": [template]})).expect("a configuration");
    config
}

fn one(name: &str, args: Value) -> Step {
    Step::calls().call(name, args)
}

/// Has the model find the template; what it found is there for the calls after it.
fn find() -> Step {
    one("list_templates", json!({}))
}

fn create(name: &str) -> Value {
    json!({"template_id": "{{result.recommended_template_id}}", "name": name})
}

/// The results of the tools of a chat, as models read them.
async fn outcomes(client: &Client, chat: &str) -> Vec<Value> {
    let messages = client.messages(chat).await;
    let parts = messages.iter().flat_map(|message| message["content"].as_array().cloned().unwrap_or_default());
    let results = parts.filter_map(|part| part.get("tool_result").cloned());
    results.map(|result| serde_json::from_str(result["result"].as_str().expect("a text")).expect("JSON")).collect()
}

async fn workspaces(client: &Client) -> Vec<Value> {
    let listed = client.get("/api/v1/workspaces").await.ok();
    listed["workspaces"].as_array().cloned().unwrap_or_default()
}

/// L02: two calls in one step make one workspace, also of the real service.
#[tokio::test(flavor = "multi_thread")]
async fn l02_two_calls_of_one_step_make_one_workspace() {
    let both = Step::calls().call("create_workspace", create("one")).call("create_workspace", create("two"));
    let script = Script::new("model").step(find()).step(both).step(Step::text("Done."));
    Mesh::run_with(config(), vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Go.").await;
        let settled = client.settled(&chat, WAITING).await;
        let all = outcomes(client, &chat).await;
        let [_, first, second] = &all[..] else { panic!("{all:#?}") };
        assert_eq!((&first["created"], &first["workspace_name"]), (&json!(true), &json!("one")), "{first}");
        assert_eq!((&second["created"], &second["status"]), (&json!(false), &json!("already_exists")), "{second}");
        let there = workspaces(client).await;
        assert_eq!(there.len(), 1, "{there:#?}");
        assert_eq!((&settled["workspace_id"], &settled["build_id"]), (&there[0]["id"], &first["build_id"]));
    })
    .await;
}

/// The chat has its workspace while its scripts still run, and keeps it where the chat is interrupted; the next turn
/// finds it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_chat_finds_its_workspace_again() {
    let script = Script::new("model")
        .step(find())
        .step(one("create_workspace", create("kept")))
        .step(one("create_workspace", create("another")))
        .step(Step::text("Done."));
    let config = config_of("until test -e go; do sleep 0.05; done");
    Mesh::run_with(config, vec![script], async |mesh| {
        let client = mesh.admin();
        let chat = client.chat("model", "Go.").await;
        let path = format!("/api/v1/chats/{chat}");
        let has_build = |chat: &Value| chat["build_id"].as_str().is_some_and(|id| !id.is_empty());
        let running = eventually("it has a build", async || client.get(&path).await.ok(), has_build).await;
        assert_eq!(running["status"], "CHAT_STATUS_RUNNING", "the tool still waits");
        client.post(&format!("{path}:interrupt"), &json!({})).await.ok();
        let stopped = client.settled(&chat, WAITING).await;
        assert_eq!((&stopped["workspace_id"], &stopped["build_id"]), (&running["workspace_id"], &running["build_id"]));

        let id = running["workspace_id"].as_str().expect("a workspace");
        let home = mesh.data_dir().join("workspaces").join(id).join("home");
        eventually("it has a home", async || home.is_dir(), |is_there| *is_there).await;
        std::fs::write(home.join("go"), "").expect("written");
        client.say(&chat, "Go on.").await;
        client.settled(&chat, WAITING).await;
        let all = outcomes(client, &chat).await;
        let last = all.last().expect("a result");
        assert_eq!((&last["status"], &last["workspace_name"]), (&json!("already_exists"), &json!("kept")), "{all:#?}");
        assert_eq!(workspaces(client).await.len(), 1);
    })
    .await;
}
