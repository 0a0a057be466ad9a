//! What a template's workspaces run when they start and stop: from the configuration to the agent, and its reports back.

use chatmesh::Config;
use chatmesh_mesh_tests::{Client, Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

fn config() -> Config {
    let mut config = Config::default();
    let templates = json!({"templates": [{
        "name": "scripted",
        "description": "with scripts",
        "provisioner": "local",
        "scripts": [
            {"id": "begin", "display_name": "Begin", "script": "echo it begins; touch begun", "run_on_start": true},
            {"id": "broken", "script": "echo it breaks >&2; exit 3", "run_on_start": true},
            {"id": "end", "script": "echo it ends; sleep 1; echo once >> ended; echo it has ended", "run_on_stop": true},
        ],
    }]});
    config.workspaces = serde_json::from_value(templates).expect("a configuration");
    config
}

async fn state_of(client: &Client, workspace: &str) -> String {
    let workspace = client.get(&format!("/api/v1/workspaces/{workspace}")).await.ok();
    workspace["agent"]["lifecycle_state"].as_str().unwrap_or_default().to_owned()
}

async fn lines_of(client: &Client, path: &str) -> Vec<Value> {
    let logs = client.get(&format!("{path}/logs")).await.ok();
    logs["lines"].as_array().cloned().unwrap_or_default()
}

/// Each run as its script and its result.
async fn runs_of(client: &Client, path: &str) -> Vec<(String, String)> {
    let runs = client.get(&format!("{path}/runs")).await.ok();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let runs = runs["runs"].as_array().into_iter().flatten();
    runs.map(|run| (text(&run["script_id"]), text(&run["result"]))).collect()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["text"].as_str()).collect()
}

/// S01: scripts run with the workspace, their output and their ends are recorded, and one that runs on stop runs to its
/// end although the build that stops the workspace is the latest by then.
#[tokio::test(flavor = "multi_thread")]
async fn s01_scripts_of_a_template_run_when_its_workspace_starts_and_stops() {
    let script = Script::new("model").step(Step::text("Nothing to do.")).looped();
    Mesh::run_with(config(), vec![script], async |mesh| {
        let client = mesh.member("ada").await;
        let workspace = client.post("/api/v1/workspaces", &json!({"template": "scripted", "name": "w"})).await.ok();
        let id = workspace["id"].as_str().expect("an id").to_owned();
        let state = eventually(
            "the scripts have run",
            async || state_of(&client, &id).await,
            |state| state == "LIFECYCLE_STATE_START_ERROR",
        );
        state.await;
        let found = client.get(&format!("/api/v1/workspaces/{id}")).await.ok();
        let message = found["agent"]["lifecycle_message"].as_str().expect("what went wrong");
        assert!(message.contains("broken"), "{message}");
        let agent = found["agent"]["id"].as_str().expect("an agent").to_owned();
        let path = format!("/api/v1/workspaces/{id}/agents/{agent}");
        let lines = lines_of(&client, &path).await;
        assert!(texts(&lines).contains(&"it begins") && texts(&lines).contains(&"it breaks"), "{lines:?}");
        let home = mesh.data_dir().join("workspaces").join(&id).join("home");
        assert!(home.join("begun").is_file());

        client.post(&format!("/api/v1/workspaces/{id}:stop"), &json!({})).await.ok();
        eventually(
            "it is stopped",
            async || client.get(&format!("/api/v1/workspaces/{id}")).await.ok()["status"].clone(),
            |status| status == "WORKSPACE_STATUS_STOPPED",
        )
        .await;
        assert_eq!(std::fs::read_to_string(home.join("ended")).expect("it ran"), "once\n");
        // The relay may still be telling when the agent has gone.
        let has_ended = |lines: &Vec<Value>| texts(lines).contains(&"it has ended");
        eventually("its lines", async || lines_of(&client, &path).await, has_ended).await;
        let of = |id: &str, result: &str| (id.to_owned(), result.to_owned());
        let expected =
            [of("begin", "SCRIPT_RESULT_OK"), of("broken", "SCRIPT_RESULT_FAILED"), of("end", "SCRIPT_RESULT_OK")];
        let all_ran = |runs: &Vec<(String, String)>| expected.iter().all(|run| runs.contains(run));
        eventually("the ends of all", async || runs_of(&client, &path).await, all_ran).await;
        // Somebody else does not see them.
        let other = mesh.member("bob").await;
        assert_eq!(other.get(&format!("{path}/logs")).await.status, 404);
    })
    .await;
}
