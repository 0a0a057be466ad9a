//! Workspaces.

use serde_json::{Value, json};
use tonic::Code;

use super::NOBODY;
use crate::case::Case;
use crate::world::World;

const WORKSPACES: &str = "/api/v1/workspaces";

pub(super) fn all(world: &World) -> Vec<Case> {
    let create = |name, body: Value| Case::post(name, WORKSPACES, &body);
    let demo = format!("{WORKSPACES}/{}", world.workspace);
    let missing = |case: Case, id: &str| case.expect(404, Code::NotFound, format!("workspace `{id}` not found"));
    let verb = |name, id: &str, verb: &str| Case::post(name, format!("{WORKSPACES}/{id}:{verb}"), &json!({}));
    let others = world.others_workspace.as_str();
    let cases = vec![
        verb("start what is no UUID", "demo", "start").violates("workspace_id", "must be a UUID like"),
        verb("stop what is no UUID", "demo", "stop").violates("workspace_id", "must be a UUID like"),
        Case::delete("delete a workspace that is no UUID", format!("{WORKSPACES}/demo"))
            .violates("workspace_id", "must be a UUID like"),
        Case::get("builds of what is no UUID", format!("{WORKSPACES}/demo/builds"))
            .violates("workspace_id", "must be a UUID like"),
        Case::post("start with a bad request_id", format!("{demo}:start"), &json!({"request_id": "1"}))
            .violates("request_id", "must be a UUID"),
        missing(verb("start another user's workspace", others, "start"), others),
        missing(Case::get("builds of another user's workspace", format!("{WORKSPACES}/{others}/builds")), others),
        missing(verb("stop an unknown workspace", NOBODY, "stop"), NOBODY),
        missing(Case::delete("delete an unknown workspace", format!("{WORKSPACES}/{NOBODY}")), NOBODY),
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
