//! Who may: the owner, and nobody else, on every route alike.

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_mesh_tests::{Client, eventually};
use reqwest::Method;
use serde_json::json;

use crate::with_workspace;

const ROUTES: [(Method, &str); 14] = [
    (Method::GET, "/terminal"),
    (Method::GET, "/git"),
    (Method::GET, "/ports"),
    (Method::GET, "/ports/1/"),
    (Method::GET, "/ports/1/a/b?c=d"),
    (Method::POST, "/ports/1/a"),
    (Method::PUT, "/ports/1/a"),
    (Method::DELETE, "/ports/1/a"),
    (Method::GET, "/ports/1:connect"),
    (Method::GET, "/agent"),
    (Method::POST, "/agent:ping"),
    (Method::GET, "/agent:download?max_bytes=1000"),
    (Method::POST, "/agent:upload"),
    (Method::OPTIONS, "/ports/1/a"),
];

async fn statuses(client: &Client, workspace: &str) -> Vec<(String, u16, String)> {
    let mut all = Vec::new();
    for (method, route) in ROUTES {
        let answer = client.send(method.clone(), &format!("{workspace}{route}"), None).await;
        let status = answer.status().as_u16();
        all.push((format!("{method} {route}"), status, answer.text().await.expect("a body")));
    }
    all
}

/// F.6 2: every way in checks who may.
#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_of_somebody_else_is_one_that_does_not_exist() {
    with_workspace(async |mesh, workspace| {
        let stranger = mesh.member("stranger").await;
        let id = workspace.rsplit('/').next().expect("an id");
        let unknown = SystemIds.next().to_string();
        let there_is_none = statuses(&stranger, &format!("/api/v1/workspaces/{unknown}")).await;
        let somebody_elses = statuses(&stranger, workspace).await;
        for ((route, status, body), (_, _, unknown_body)) in somebody_elses.iter().zip(&there_is_none) {
            assert_eq!(*status, 404, "{route}: {body}");
            assert_eq!(body.replace(id, ""), unknown_body.replace(&unknown, ""), "{route}");
        }
        let nobody = Client::new(mesh.url(), "");
        for (route, status, body) in statuses(&nobody, workspace).await {
            assert_eq!(status, 401, "{route}: {body}");
        }
        for (route, status, body) in statuses(mesh.admin(), workspace).await {
            assert!(!matches!(status, 401 | 404), "{route}: {status} {body}");
            if ["GET /terminal", "GET /git", "GET /ports/1:connect"].contains(&route.as_str()) {
                assert_eq!(status, 426, "{route}: {body}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_does_not_run_says_what_to_do() {
    with_workspace(async |mesh, workspace| {
        let facts = mesh.admin().get(&format!("{workspace}/agent")).await.ok();
        assert_eq!(facts["facts"]["agent"]["version"], env!("CARGO_PKG_VERSION"), "{facts}");
        assert!(facts["session"]["connect_time"].is_string(), "{facts}");
        let pong = mesh.admin().post(&format!("{workspace}/agent:ping"), &json!({})).await.ok();
        assert!(pong["agent_us"].as_u64().is_some_and(|micros| micros > 0), "{pong}");

        mesh.admin().post(&format!("{workspace}:stop"), &json!({})).await.ok();
        let stopped = |found: &serde_json::Value| found["status"] == "WORKSPACE_STATUS_STOPPED";
        eventually("stopped", async || mesh.admin().get(workspace).await.ok(), stopped).await;
        for (route, status, body) in statuses(mesh.admin(), workspace).await {
            assert_eq!(status, 409, "{route}: {body}");
            assert!(body.contains("it is stopped; start it, then try again"), "{route}: {body}");
        }
    })
    .await;
}
