//! Workspaces.

use serde_json::{Value, json};
use tonic::Code;

use crate::case::Case;
use crate::world::World;

const WORKSPACES: &str = "/api/v1/workspaces";

pub(super) fn all(world: &World) -> Vec<Case> {
    let create = |name, body: Value| Case::post(name, WORKSPACES, &body);
    let demo = format!("{WORKSPACES}/{}", world.workspace);
    let cases = vec![
        create("unknown template", json!({"template": "gpu", "name": "x"})).expect(
            404,
            Code::NotFound,
            "template `gpu` not found",
        ),
        create("workspace without a template", json!({"name": "x"})).violates("template", "must name a template, like"),
        create("NUL in a template's name", json!({"template": "local\0", "name": "x"}))
            .violates("template", "must name a template, like"),
        create("bad workspace name", json!({"template": "local", "name": "My Workspace"}))
            .violates("name", "must be 1 to 32 lower-case letters, digits or `-`"),
        create("duplicate workspace name", json!({"template": "local", "name": "demo"})).expect(
            409,
            Code::AlreadyExists,
            "a workspace named `demo` exists: use it or choose another name",
        ),
        create("workspace with a bad request_id", json!({"template": "local", "name": "x", "request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        Case::post("second start of a running workspace", format!("{demo}:start"), &json!({})).expect(
            400,
            Code::FailedPrecondition,
            "it is running already: use it as it is, or stop it first",
        ),
    ];
    cases.into_iter().map(|case| case.token(&world.member)).collect()
}
