//! Which templates chats may use is not known: then they may use none.

use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;
use tonic::Status;

use super::super::workspace::World;
use super::{OTHER_KEY, call, flat};

/// What is in the way, each of its own kind: the service is away, does not answer, or cannot read what it has.
fn troubles() -> [Status; 4] {
    let domain = "chatmesh.workspaces.v1";
    [
        Status::unavailable("it restarts"),
        Status::deadline_exceeded("it did not answer"),
        status_with_reason(Code::Internal, "INTERNAL", domain, "the database failed"),
        Status::unknown("its answer makes no sense"),
    ]
}

/// B.1: each of the tools says no, and that it can be tried again; nothing is listed, told or made.
#[tokio::test(start_paused = true)]
async fn b1_what_chats_may_use_cannot_be_read_and_nothing_may_be_used() {
    for trouble in troubles() {
        let world = World::new();
        let template = world.workspace.cloud.lock().template("local");
        let args = json!({"template_id": template, "name": "mine"});
        for (tool, methods) in [
            ("list_templates", &["templates", "templates with usage"][..]),
            ("read_template", &["template"][..]),
            ("create_workspace", &["template"][..]),
        ] {
            {
                let fails = &mut world.workspace.cloud.lock().fails;
                fails.clear();
                fails.extend(methods.iter().map(|method| (*method, trouble.clone())));
            }
            let called = world.tool("", tool, args.clone()).await;
            let error = flat(&called);
            assert!(error.contains("try again in a while"), "{tool}: {error}");
            assert!(error.contains(trouble.message()), "{tool}: {error}");
        }
        assert_eq!(world.calls("create"), 0, "{trouble}");
        assert!(world.workspace.cloud.lock().alive().is_empty(), "{trouble}");
    }
}

/// B.1: the last word is that of whoever makes the workspace. It could not look: nothing was made, and the same call
/// makes it once it can.
#[tokio::test(start_paused = true)]
async fn b1_whoever_makes_workspaces_cannot_look_and_the_same_call_makes_one_later() {
    for trouble in troubles() {
        let world = World::new();
        let template = world.workspace.cloud.lock().template("local");
        let args = json!({"template_id": template, "name": "mine"});
        world.workspace.cloud.lock().fails.insert("create", trouble.clone());
        let called = world.tool("", "create_workspace", args.clone()).await;
        assert!(flat(&called).contains("try again in a while"), "{called:?}");
        assert!(world.workspace.cloud.lock().alive().is_empty(), "{trouble}");
        world.workspace.cloud.lock().fails.clear();
        assert_eq!(world.tool("", "create_workspace", args).await.result["created"], true, "{trouble}");
    }
}

/// B.1: a template that was for chats when it was looked at, and is not any more when the workspace is made.
#[tokio::test(start_paused = true)]
async fn b1_a_template_that_was_just_taken_from_chats_is_not_used() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let domain = "chatmesh.workspaces.v1";
    let refused = status_with_reason(Code::PermissionDenied, "TEMPLATE_NOT_ALLOWED", domain, "not for chats");
    world.workspace.cloud.lock().fails.insert("create", refused);
    let called = world.heard(call("", OTHER_KEY, "create_workspace", &json!({"template_id": template}))).await;
    assert!(flat(&called).contains("is not for chats"), "{called:?}");
    assert!(world.workspace.cloud.lock().alive().is_empty());
}
