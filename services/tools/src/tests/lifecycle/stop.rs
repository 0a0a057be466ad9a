//! `stop_workspace`.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::{BuildErrorCode, Transition};
use serde_json::json;

use super::super::workspace::{Ends, World};
use super::{flat, told};

fn with_workspace(world: &World, transition: Transition) -> String {
    let mut cloud = world.workspace.cloud.lock();
    cloud.template("local");
    cloud.workspace("local", transition)
}

/// L12, G9: nothing is done where a stop succeeded; a stop that failed is not taken for one that did.
#[tokio::test(start_paused = true)]
async fn l12_only_a_workspace_that_was_stopped_is_left_alone() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    let called = world.tool(&workspace, "stop_workspace", json!({})).await;
    let expected = json!({"stopped": true, "workspace_name": "local-dev", "no_build": true});
    assert_eq!((&called.result, told(&called)), (&expected, vec![]));

    let world = World::new();
    let workspace = with_workspace(&world, Transition::Start);
    world.workspace.cloud.lock().ends.push_back(Ends::Badly("it hangs", BuildErrorCode::Unspecified));
    let called = world.tool(&workspace, "stop_workspace", json!({})).await;
    assert_eq!((&called.result, called.is_error), (&json!({"error": "it hangs", "build_id": "w-1-b2"}), false));
    let called = world.other_tool(&workspace, "stop_workspace", json!({})).await;
    let expected = json!({"stopped": true, "workspace_name": "local-dev", "build_id": "w-1-b3"});
    assert_eq!((&called.result, told(&called)), (&expected, vec!["bound w-1 w-1-b3", "settled w-1 w-1-b3"]));
}

/// L12: what is under way is waited for, however it ends; then the workspace is stopped.
#[tokio::test(start_paused = true)]
async fn l12_a_stop_waits_for_what_is_under_way() {
    for (transition, ends, expected) in [
        (Transition::Start, Ends::Well, json!({"stopped": true, "workspace_name": "local-dev", "build_id": "w-1-b3"})),
        (
            Transition::Start,
            Ends::Canceled,
            json!({"stopped": true, "workspace_name": "local-dev", "build_id": "w-1-b3"}),
        ),
        (Transition::Stop, Ends::Well, json!({"stopped": true, "workspace_name": "local-dev", "no_build": true})),
    ] {
        let world = World::new();
        let workspace = with_workspace(&world, Transition::Stop);
        world.workspace.cloud.lock().build(&workspace, transition, ends);
        let called = world.tool(&workspace, "stop_workspace", json!({})).await;
        assert_eq!(called.result, expected, "{transition:?} {ends:?}");
        assert_eq!(called.notices[0], (0, "bound w-1 w-1-b2".to_owned()), "told before the wait");
        assert!(called.took >= Duration::from_secs(20), "{called:?}");
    }
}

/// Whoever is told to wait is told to go on with what it wanted: a model that was told to start a workspace would undo
/// the stop that its user asked for.
#[tokio::test(start_paused = true)]
async fn a_wait_that_takes_too_long_is_to_be_gone_on_with_by_the_same_tool() {
    for (tool, before, under_way) in [
        ("stop_workspace", Transition::Start, None),
        ("stop_workspace", Transition::Stop, Some(Transition::Start)),
        ("start_workspace", Transition::Stop, None),
        ("start_workspace", Transition::Start, Some(Transition::Stop)),
    ] {
        let world = World::new();
        let workspace = with_workspace(&world, before);
        {
            let mut cloud = world.workspace.cloud.lock();
            cloud.build_time = Duration::from_secs(15 * 60);
            under_way.map(|transition| cloud.build(&workspace, transition, Ends::Well));
        }
        let called = world.tool(&workspace, tool, json!({})).await;
        let said = called.result["message"].as_str().unwrap_or_default();
        assert!(said.starts_with(&format!("Call `{tool}` again")), "{tool} {under_way:?}: {called:?}");
        assert_eq!(called.result["error"], "the build was not done after 10m, and goes on");
    }
}

/// L12, L04: a workspace that is deleted in the meantime is not stopped, nor is one that was deleted before.
#[tokio::test(start_paused = true)]
async fn l12_a_workspace_that_is_deleted_meanwhile_is_not_stopped() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Start);
    world.workspace.cloud.lock().build(&workspace, Transition::Delete, Ends::Well);
    let called = world.tool(&workspace, "stop_workspace", json!({})).await;
    assert!(flat(&called).contains("is deleted") && flat(&called).contains("create_workspace"), "{called:?}");
    assert_eq!(told(&called), ["bound w-1 w-1-b2"]);
    let again = world.other_tool(&workspace, "stop_workspace", json!({})).await;
    assert_eq!(flat(&again), flat(&called));
    let none = world.tool("", "stop_workspace", json!({})).await;
    assert!(flat(&none).contains("has no workspace"), "{none:?}");
}
