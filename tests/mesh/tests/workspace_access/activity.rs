//! What people do in a workspace keeps it from being stopped.

use std::time::Duration;

use chatmesh_mesh_tests::{Mesh, eventually};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::app::{App, Peer};
use crate::wire::Wire;

/// What is used runs for a minute, which is written down once three seconds of it have passed.
const MANIFEST: &str = "default_ttl = '1m'\nactivity_bump = '1m'\n";

/// When each workspace is to be stopped.
async fn deadlines(mesh: &Mesh, workspaces: &[String]) -> Vec<Value> {
    let mut deadlines = Vec::new();
    for path in workspaces {
        let found = mesh.admin().get(path).await.ok();
        let deadline = found["latest_build"]["deadline"].clone();
        assert!(deadline.is_string(), "{found}");
        deadlines.push(deadline);
    }
    deadlines
}

/// B.8, D.10: connections that are made long before count as long as something goes on there, and it is known what.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_working_in_a_workspace_does_not_lose_it() {
    let mut config = Mesh::not_isolated();
    config.gateway.activity_interval = Duration::from_millis(50);
    let script = Script::new("model").step(Step::text("Yes.")).looped();
    let test = Mesh::run_with(config, vec![script], async |mesh| {
        let pushed = json!({"manifest": MANIFEST, "format": "MANIFEST_FORMAT_TOML"});
        mesh.admin().post("/api/v1/templates/brief/versions", &pushed).await.ok();
        let mut workspaces = Vec::new();
        for name in ["terminal", "repositories", "connection", "page"] {
            let id = mesh.admin().workspace_of("brief", name).await;
            workspaces.push(format!("/api/v1/workspaces/{id}"));
        }
        let [terminal, repositories, connection, page] = &*workspaces else { panic!("{workspaces:?}") };
        let (peer, app) = (Peer::start().await, App::start().await);
        let open = async |path: String| Mutex::new(Wire::open(mesh, &path).await);
        let terminal = open(format!("{terminal}/terminal?command=cat")).await;
        let repositories = open(format!("{repositories}/git")).await;
        let connection = open(format!("{connection}/ports/{}:connect", peer.port)).await;
        let page = open(format!("{page}/ports/{}/ws", app.port)).await;
        let _accepted = peer.accept().await;

        let opened = deadlines(mesh, &workspaces).await;
        let working = async || {
            terminal.lock().await.send("x").await;
            repositories.lock().await.say(r#"{"refresh":{}}"#).await;
            connection.lock().await.send("x").await;
            page.lock().await.send("x").await;
            deadlines(mesh, &workspaces).await
        };
        let all_later = |now: &Vec<Value>| now.iter().zip(&opened).all(|(now, opened)| now != opened);
        eventually("all are stopped later", working, all_later).await;

        let counted = async || {
            let metrics = mesh.admin().send(Method::GET, "/metrics", None).await;
            metrics.text().await.expect("a text")
        };
        let is_there = |text: &String| {
            ["terminal", "port_forward", "repository"].iter().all(|reason| {
                text.contains(&format!("chatmesh_workspaces_activity_bumps_total{{reason=\"{reason}\"}}"))
            })
        };
        eventually("it is counted what was done", counted, is_there).await;
    });
    Box::pin(test).await;
}
