//! A workspace on a machine of its owner's.

use std::path::Path;
use std::process::Stdio;

use chatmesh::Config;
use chatmesh_mesh_tests::{Client, Mesh, PATIENCE, built_program, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// What the agent ends with whom the relay refuses for good.
const REFUSED: i32 = 78;

fn config() -> Config {
    let mut config = Config::default();
    let begin = json!({"id": "begin", "script": "echo up >> begun", "run_on_start": true});
    let section = json!({"templates": [{"name": "own", "provisioner": "external", "scripts": [begin]}]});
    config.workspaces = serde_json::from_value(section).expect("a configuration");
    config
}

/// Types the line into a shell on a machine where nothing is set but where programs are.
fn typed(line: &str, machine: &Path) -> Child {
    let agent = built_program("chatmesh-agent");
    let programs = agent.parent().expect("a directory").display();
    Command::new("/bin/sh")
        .args(["-c", line])
        .current_dir(machine)
        .env_clear()
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .env("HOME", machine)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a shell")
}

async fn becomes(client: &Client, path: &str, status: &str) -> Value {
    eventually(status, async || client.get(path).await.ok(), |found| found["status"] == status).await
}

async fn ready(client: &Client, path: &str) {
    let state = async || client.get(path).await.ok()["agent"].clone();
    let is_ready = |agent: &Value| {
        agent["status"] == "AGENT_STATUS_CONNECTED" && agent["lifecycle_state"] == "LIFECYCLE_STATE_READY"
    };
    eventually("the agent is there and has begun", state, is_ready).await;
}

/// B.10: the line that the owner is shown brings the workspace up, and does so again after it was stopped and started.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_brings_a_workspace_up_with_the_line_that_is_shown_and_again_after_a_stop() {
    let script = Script::new("model").step(Step::text("Nothing to do.")).looped();
    Mesh::run_with(config(), vec![script], async |mesh| {
        let (client, machine) = (mesh.member("ada").await, tempfile::tempdir().expect("a machine"));
        let created = client.post("/api/v1/workspaces", &json!({"template": "own", "name": "w"})).await.ok();
        let id = created["id"].as_str().expect("an id").to_owned();
        let path = format!("/api/v1/workspaces/{id}");
        let running = becomes(&client, &path, "WORKSPACE_STATUS_RUNNING").await;
        let agent = running["agent"]["id"].as_str().expect("an agent");
        let issue = format!("{path}/agents/{agent}:issueToken");
        let build = running["latest_build"]["id"].as_str().expect("a build");
        let log = client.get(&format!("{path}/builds/{build}/logs")).await.ok().to_string();
        assert!(log.contains(&format!("POST {issue}")), "the log says how to ask: {log}");
        for other in [&mesh.member("bob").await, mesh.admin()] {
            assert_eq!(other.send(Method::POST, &issue, Some(&json!({}))).await.status(), 404, "for its owner alone");
        }

        let issued = client.post(&issue, &json!({})).await.ok();
        let (token, line) = (issued["token"].as_str().expect("a token"), issued["command"].as_str().expect("a line"));
        assert!(!log.contains("cma_") && line.contains(token), "{line}");
        for round in 1..=2 {
            let mut shell = typed(line, machine.path());
            ready(&client, &path).await;
            let begun = std::fs::read_to_string(machine.path().join("begun")).expect("it ran where the line was typed");
            assert_eq!(begun, "up\n".repeat(round));

            client.post(&format!("{path}:stop"), &json!({})).await.ok();
            becomes(&client, &path, "WORKSPACE_STATUS_STOPPED").await;
            let ended = tokio::time::timeout(PATIENCE, shell.wait()).await.expect("it ends by itself").expect("ended");
            assert_eq!(ended.code(), Some(REFUSED), "round {round}");
            client.post(&format!("{path}:start"), &json!({})).await.ok();
            becomes(&client, &path, "WORKSPACE_STATUS_RUNNING").await;
        }
        assert!(mesh.dump().await.iter().all(|row| !row.contains(token)), "the token is written down nowhere");
    })
    .await;
}
