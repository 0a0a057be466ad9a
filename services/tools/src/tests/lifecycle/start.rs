//! `start_workspace`.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::{BuildErrorCode, Quota, Transition};
use serde_json::json;

use super::super::workspace::{Ends, World};
use super::{flat, told};

fn with_workspace(world: &World, transition: Transition) -> String {
    let mut cloud = world.workspace.cloud.lock();
    cloud.template("local");
    cloud.workspace("local", transition)
}

#[tokio::test(start_paused = true)]
async fn a_stopped_workspace_is_started_and_waited_for() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    let expected = json!({"started": true, "workspace_name": "local-dev", "build_id": "w-1-b2"});
    assert_eq!((&called.result, called.is_error), (&expected, false));
    assert_eq!(told(&called), ["bound w-1 w-1-b2", "settled w-1 w-1-b2"]);
    assert!(called.took >= Duration::from_secs(28), "its scripts are waited for: {called:?}");
}

/// L04: to start what is not there is said to be impossible, and what to do instead.
#[tokio::test(start_paused = true)]
async fn l04_a_deleted_workspace_is_not_started() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Delete);
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert!(flat(&called).contains("is deleted") && flat(&called).contains("create_workspace"), "{called:?}");
    let called = world.tool("", "start_workspace", json!({})).await;
    assert!(flat(&called).contains("has no workspace") && flat(&called).contains("create_workspace"), "{called:?}");
    assert_eq!(world.calls("start"), 0, "nothing is asked for");
}

/// L09: one that runs is left alone, one that failed is tried again, and one whose build is being given up is waited
/// for.
#[tokio::test(start_paused = true)]
async fn l09_what_a_start_does_depends_on_the_last_build() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Start);
    let called = world.tool(&workspace, "start_workspace", json!({"parameters": {"size": 4}})).await;
    assert_eq!((&called.result["no_build"], &called.result["started"]), (&json!(true), &json!(true)));
    assert!(called.result["message"].as_str().is_some_and(|message| message.contains("not applied")), "{called:?}");
    assert!(called.notices.is_empty() && called.result.get("build_id").is_none());
    assert_eq!(world.workspace.cloud.lock().builds_of(&workspace), 1);

    for ends in [Ends::Badly("no disk", BuildErrorCode::Unspecified), Ends::Canceled] {
        let world = World::new();
        let workspace = with_workspace(&world, Transition::Stop);
        world.workspace.cloud.lock().build(&workspace, Transition::Start, ends);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let called = world.tool(&workspace, "start_workspace", json!({})).await;
        assert_eq!(called.result["build_id"], "w-1-b3", "{ends:?}: {called:?}");
    }

    let world = World::new();
    let workspace = with_workspace(&world, Transition::Start);
    {
        let mut cloud = world.workspace.cloud.lock();
        cloud.build(&workspace, Transition::Stop, Ends::Canceled);
        cloud.cancel(&workspace);
    }
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert_eq!(told(&called), ["bound w-1 w-1-b2", "bound w-1 w-1-b3", "settled w-1 w-1-b3"], "{called:?}");
}

/// L05: a start that is under way is joined: no other is made.
#[tokio::test(start_paused = true)]
async fn l05_a_start_that_is_under_way_is_joined() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    world.workspace.cloud.lock().build(&workspace, Transition::Start, Ends::Well);
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert_eq!((&called.result["build_id"], called.result.get("no_build")), (&json!("w-1-b2"), None));
    assert_eq!(told(&called), ["bound w-1 w-1-b2", "settled w-1 w-1-b2"]);
    assert_eq!(called.result.get("message"), None, "nothing was asked for that was not done");
    assert_eq!(world.workspace.cloud.lock().builds_of(&workspace), 2);

    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    world.workspace.cloud.lock().build(&workspace, Transition::Start, Ends::Well);
    let called = world.tool(&workspace, "start_workspace", json!({"parameters": {"size": 4}})).await;
    assert_eq!((&called.result["build_id"], &called.result["started"]), (&json!("w-1-b2"), &json!(true)));
    assert!(called.result["message"].as_str().is_some_and(|message| message.contains("not applied")), "{called:?}");
}

/// L06, L07: the failure of a fresh start keeps its fields; where the numbers cannot be had, they alone are missing.
#[tokio::test(start_paused = true)]
async fn l07_a_start_without_credits_is_told_with_the_numbers_that_there_are() {
    for quota in [Some(Quota { credits_consumed: 2, budget: Some(3) }), None] {
        let world = World::new();
        let workspace = with_workspace(&world, Transition::Stop);
        {
            let mut cloud = world.workspace.cloud.lock();
            cloud.ends.push_back(Ends::Badly("4 of 3 credits", BuildErrorCode::InsufficientQuota));
            cloud.quota = quota;
            if quota.is_none() {
                cloud.fails.insert("quota", tonic::Status::unavailable("away"));
            }
        }
        let called = world.tool(&workspace, "start_workspace", json!({})).await;
        assert_eq!(called.result["error_code"], "INSUFFICIENT_QUOTA", "{called:?}");
        assert_eq!((called.result.get("quota").is_some(), called.is_error), (quota.is_some(), false));
        assert_eq!((&called.result["build_id"], told(&called)), (&json!("w-1-b2"), vec!["bound w-1 w-1-b2"]));
    }
}

/// L10, G2: a template that demands its active version updates the workspace, and the model is told so.
#[tokio::test(start_paused = true)]
async fn l10_an_update_is_told_where_there_is_one() {
    for (is_required, active, is_updated) in
        [(true, "local-v2", true), (true, "local-v1", false), (false, "local-v2", false)]
    {
        let world = World::new();
        let workspace = with_workspace(&world, Transition::Stop);
        {
            let mut cloud = world.workspace.cloud.lock();
            cloud.templates[0].require_active_version = is_required;
            active.clone_into(&mut cloud.templates[0].active_version_id);
        }
        let called = world.tool(&workspace, "start_workspace", json!({})).await;
        assert_eq!(called.result["started"], true, "{called:?}");
        assert_eq!(called.result.get("updated_to_active_version").is_some(), is_updated, "{called:?}");
        assert_eq!(called.result.get("update_reason").is_some(), is_updated, "{called:?}");
    }
}

/// L11, G3: what a newer version wants is told so that the model can find it out and go on.
#[tokio::test(start_paused = true)]
async fn l11_values_that_an_update_wants_can_be_given() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    let template = {
        let mut cloud = world.workspace.cloud.lock();
        cloud.templates[0].require_active_version = true;
        "local-v2".clone_into(&mut cloud.templates[0].active_version_id);
        cloud.wants = Some("region");
        cloud.templates[0].id.clone()
    };
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert!(!called.is_error && called.notices.is_empty(), "{called:?}");
    assert_eq!(called.result["template_id"], json!(template));
    let validations = json!([{"field": "parameters.region", "detail": "must be given"}]);
    assert_eq!(
        (&called.result["validations"], &called.result["detail"]),
        (&validations, &json!("what was chosen does not fit"))
    );
    let error = called.result["error"].as_str().expect("an error");
    assert!(error.contains("read_template") && error.contains("start_workspace") && error.contains("Ask the user"));

    let read = world.tool(&workspace, "read_template", json!({"template_id": called.result["template_id"]})).await;
    assert_eq!(read.result["template"]["active_version_id"], "local-v2");
    let called = world.other_tool(&workspace, "start_workspace", json!({"parameters": {"region": "eu"}})).await;
    let result = (&called.result["started"], &called.result["updated_to_active_version"]);
    assert_eq!(result, (&json!(true), &json!(true)), "{called:?}");
}

/// Without an update, what does not fit is the model's mistake, and no template is named.
#[tokio::test(start_paused = true)]
async fn values_that_do_not_fit_the_same_version_are_told_as_they_are() {
    let world = World::new();
    let workspace = with_workspace(&world, Transition::Stop);
    world.workspace.cloud.lock().wants = Some("region");
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert_eq!(called.result["error"], "what was chosen does not fit", "{called:?}");
    assert!(called.result.get("template_id").is_none() && called.result["validations"].is_array());
}
