//! What is away for a while, and what never ends.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::Transition;
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;
use tonic::Status;

use super::super::workspace::{Ends, World};
use super::told;

/// The service that knows builds is restarted in the middle of the wait.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_for_a_while_does_not_end_a_wait() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let restart = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.workspace.cloud.lock().fails.insert("wait", Status::unavailable("it restarts"));
        tokio::time::sleep(Duration::from_secs(90)).await;
        world.workspace.cloud.lock().fails.clear();
    };
    let args = json!({"template_id": template});
    let (called, ()) = tokio::join!(world.tool("", "create_workspace", args), restart);
    assert_eq!(called.result["created"], true, "{called:?}");
    assert!((95..=110).contains(&called.took.as_secs()), "{called:?}");
}

/// A build that does not end is waited for as long as it may take, and no longer; it can be waited for again.
#[tokio::test(start_paused = true)]
async fn a_build_that_does_not_end_is_left_after_ten_minutes() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    world.workspace.cloud.lock().ends.push_back(Ends::Never);
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert!((600..=605).contains(&called.took.as_secs()), "{called:?}");
    assert_eq!((&called.result["build_id"], called.is_error), (&json!("w-1-b1"), false));
    assert!(called.result["error"].as_str().is_some_and(|error| error.contains("10m")), "{called:?}");
    assert!(called.result["message"].as_str().is_some_and(|message| message.contains("start_workspace")));
    assert_eq!(told(&called), ["bound w-1 w-1-b1"], "the chat keeps it");
}

/// Somebody who interrupts the chat ends the wait. The build goes on, and the next call finds it.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_leaves_the_build_alone() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let args = json!({"template_id": template});
    let given_up = tokio::time::timeout(Duration::from_secs(5), world.tool("", "create_workspace", args)).await;
    assert!(given_up.is_err());
    let asked = world.calls("wait");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.calls("wait"), asked, "nobody waits any more");
    let called = world.other_tool("w-1", "start_workspace", json!({})).await;
    assert_eq!(called.result["no_build"], true, "{called:?}");
    assert_eq!(world.workspace.cloud.lock().builds_of("w-1"), 1);
}

/// Somebody starts and stops a workspace without end: the call ends all the same.
#[tokio::test(start_paused = true)]
async fn a_workspace_that_does_not_come_to_rest_is_told_to_be_so() {
    let world = World::new();
    let workspace = {
        let mut cloud = world.workspace.cloud.lock();
        cloud.template("local");
        cloud.workspace("local", Transition::Start)
    };
    let (code, domain) = (Code::FailedPrecondition, "chatmesh.workspaces.v1");
    let busy = status_with_reason(code, "BUILD_ACTIVE", domain, "it is being started");
    world.workspace.cloud.lock().fails.insert("stop", busy);
    let called = world.tool(&workspace, "stop_workspace", json!({})).await;
    assert!(super::flat(&called).contains("try again in a while"), "{called:?}");
    assert!(world.calls("stop") <= 4, "{}", world.calls("stop"));
}
