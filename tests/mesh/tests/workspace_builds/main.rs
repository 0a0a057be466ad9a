//! Builds of workspaces through the HTTP door: read, waited for, followed, given up, and made in advance.

mod external;
mod prebuilt;

use chatmesh::Config;
use chatmesh_mesh_tests::{Mesh, PATIENCE};
use chatmesh_testkit::simulator::{Script, Step};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Nobody carries its builds out.
fn config() -> Config {
    let mut config = Config::default();
    let section = json!({
        "templates": [{"name": "parked", "provisioner": "nobody"}],
        "quota": {"credits": 7},
    });
    config.workspaces = serde_json::from_value(section).expect("a configuration");
    config
}

/// The events of a stream that has ended.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok()).collect()
}

/// L05, L09: a build has its own address, where it is waited for and given up.
#[tokio::test(flavor = "multi_thread")]
async fn a_build_is_followed_over_http_until_it_is_given_up() {
    let script = Script::new("model").step(Step::text("Nothing to do.")).looped();
    Mesh::run_with(config(), vec![script], async |mesh| {
        let client = mesh.member("ada").await;
        let wanted = json!({"template": "parked", "name": "w", "ttl_seconds": 600});
        let workspace = client.post("/api/v1/workspaces", &wanted).await.ok();
        let (id, build) = (&workspace["id"], &workspace["latest_build"]["id"]);
        let id = id.as_str().expect("an id");
        let path = format!("/api/v1/workspaces/{id}/builds/{}", build.as_str().expect("an id"));
        let found = client.get(&path).await.ok();
        assert_eq!(
            (&found["status"], &found["reason"]),
            (&json!("BUILD_STATUS_PENDING"), &json!("BUILD_REASON_INITIATOR"))
        );
        let waited = client.get(&format!("{path}:wait?timeout_seconds=1")).await.ok();
        assert_eq!(waited["status"], "BUILD_STATUS_PENDING", "the time was over first");
        let logs = client.get(&format!("{path}/logs?page_size=5")).await.ok();
        assert_eq!(logs["lines"].as_array().map_or(0, Vec::len), 0, "{logs}");

        let stream = client.send(Method::GET, &format!("{path}/logs:watch?after_number=3"), None).await;
        assert_eq!(stream.status(), StatusCode::OK);
        let canceled = client.post(&format!("{path}:cancel"), &json!({})).await.ok();
        assert_eq!(canceled["status"], "BUILD_STATUS_CANCELED");
        assert_eq!(canceled["error_code"], "BUILD_ERROR_CODE_CANCELED");
        let body = tokio::time::timeout(PATIENCE, stream.text()).await.expect("it ends").expect("a body");
        let events = events(&body);
        let last = events.iter().rev().find(|event| event.get("build").is_some()).expect("the build as it ended");
        assert_eq!(last["build"]["status"], "BUILD_STATUS_CANCELED", "{body}");
        let waited = client.get(&format!("{path}:wait")).await.ok();
        assert_eq!(waited["status"], "BUILD_STATUS_CANCELED");

        let changed = client.patch(&format!("/api/v1/workspaces/{id}"), &json!({"ttl_seconds": 60})).await.ok();
        assert_eq!((&changed["ttl_seconds"], &changed["status"]), (&json!(60), &json!("WORKSPACE_STATUS_CANCELED")));
        let quota = client.get("/api/v1/workspaces:quota").await.ok();
        assert_eq!(quota["budget"], 7, "{quota}");
        let other = mesh.member("bob").await;
        let refused = other.send(Method::GET, &path, None).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "it is somebody else's");
    })
    .await;
}
