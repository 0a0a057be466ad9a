//! Builds of workspaces, and how long these run.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

/// E6: what can not be said of builds.
pub(super) fn all(world: &World) -> Vec<Case> {
    let demo = format!("/api/v1/workspaces/{}", world.workspace);
    let build = |rest: &str| format!("{demo}/builds/{NOBODY}{rest}");
    let missing = |case: Case| case.expect(404, Code::NotFound, format!("build `{NOBODY}` not found"));
    let ttl = |name, body: Value| Case::new(name, "PATCH", demo.clone()).body(body.to_string());
    let cases = vec![
        missing(Case::get("unknown build", build(""))),
        missing(Case::get("wait for an unknown build", build(":wait"))),
        missing(Case::get("log of an unknown build", build("/logs"))),
        missing(Case::get("follow the log of an unknown build", build("/logs:watch"))),
        missing(Case::post("cancel an unknown build", build(":cancel"), &json!({}))),
        Case::get("build that is no UUID", format!("{demo}/builds/1")).violates("build_id", "must be a UUID like"),
        Case::get("build of a workspace that is no UUID", format!("/api/v1/workspaces/demo/builds/{NOBODY}"))
            .violates("workspace_id", "must be a UUID"),
        Case::post("token of an unknown agent", format!("{demo}/agents/{NOBODY}:issueToken"), &json!({})).expect(
            404,
            Code::NotFound,
            format!("agent `{NOBODY}` not found"),
        ),
        Case::post("token of an agent that is no UUID", format!("{demo}/agents/main:issueToken"), &json!({}))
            .violates("agent_id", "must be a UUID"),
        Case::get("page of a log of nonsense", build("/logs?page_token=garbage"))
            .violates("page_token", "is not a token of this list"),
        ttl("workspace that runs for too long", json!({"ttl_seconds": 2_592_001}))
            .violates("ttl_seconds", "must be 2592000 (30 days) at most"),
        Case::post(
            "workspace that is to run for too long",
            "/api/v1/workspaces",
            &json!({"template": "local", "name": "x", "ttl_seconds": 4_000_000_000_u32}),
        )
        .violates("ttl_seconds", "must be 2592000 (30 days) at most"),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}
