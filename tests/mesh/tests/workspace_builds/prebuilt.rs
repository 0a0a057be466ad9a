//! Workspaces that are made before anybody asks for them, by the local provisioner.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use chatmesh_mesh_tests::{Client, Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use serde_json::{Value, json};

const MANIFEST: &str = "
[[agents]]
name = 'main'
[[agents.scripts]]
id = 'begin'
script = 'touch begun'
run_on_start = true
[[parameters]]
name = 'size'
type = 'number'
default = 1
[[presets]]
name = 'large'
parameters = { size = 9 }
prebuilds = { instances = 1 }
";

/// Whether the startup script of any workspace has run.
fn has_begun(data_dir: &Path) -> bool {
    let workspaces = std::fs::read_dir(data_dir.join("workspaces")).into_iter().flatten().flatten();
    workspaces.into_iter().any(|workspace| workspace.path().join("home").join("begun").exists())
}

/// Asks for a workspace of a name that is free, and says how long that took.
async fn ask(client: &Client, number: &AtomicU32) -> (Value, Duration) {
    let name = format!("w-{}", number.fetch_add(1, Ordering::Relaxed));
    let began = Instant::now();
    let wanted = json!({"template": "ready", "name": name, "preset": "large"});
    let workspace = client.post("/api/v1/workspaces", &wanted).await.ok();
    (workspace, began.elapsed())
}

/// E5: a workspace that was made in advance is claimed in less than a second, with an agent that is connected.
#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_ready_is_claimed_in_less_than_a_second() {
    let script = Script::new("model").step(Step::text("Nothing to do.")).looped();
    Mesh::run(vec![script], async |mesh| {
        let pushed = json!({"manifest": MANIFEST, "format": "MANIFEST_FORMAT_TOML"});
        mesh.admin().post("/api/v1/templates/ready/versions", &pushed).await.ok();
        let begun = eventually("one was made", async || has_begun(mesh.data_dir()), |begun| *begun);
        begun.await;
        let (client, number) = (mesh.member("ada").await, AtomicU32::new(0));
        // That its agent is ready is known a moment after its script has run: before that of one that begins now.
        client.workspace("other").await;
        let claimed = eventually(
            "one is ready",
            async || ask(&client, &number).await,
            |(workspace, _)| workspace["status"] == "WORKSPACE_STATUS_RUNNING",
        );
        let (workspace, took) = claimed.await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(workspace["agent"]["status"], "AGENT_STATUS_CONNECTED");
        assert_eq!(workspace["agent"]["lifecycle_state"], "LIFECYCLE_STATE_READY");
        assert_eq!(workspace["latest_build"]["parameters"]["size"], "9");
        let id = workspace["id"].as_str().expect("an id");
        // It is reached through the relay as the owner's.
        client.get(&format!("/api/v1/workspaces/{id}/agent")).await.ok();
    })
    .await;
}
