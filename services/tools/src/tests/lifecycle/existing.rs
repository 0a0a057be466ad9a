//! `create_workspace` of a chat that has a workspace.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::{AgentStatus, BuildErrorCode, Quota, Transition};
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;

use super::super::workspace::{Ends, World};
use super::{flat, told};

/// A chat with a workspace of the template `local`, after a build like this. Returns both identifiers.
fn with_workspace(world: &World, transition: Transition) -> (String, String) {
    let mut cloud = world.workspace.cloud.lock();
    let template = cloud.template("local");
    (cloud.workspace("local", transition), template)
}

/// L03: it is not replaced, and the model is told what to do.
#[tokio::test(start_paused = true)]
async fn l03_a_stopped_workspace_is_to_be_started() {
    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Stop);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!((&called.result["status"], &called.result["created"]), (&json!("stopped"), &json!(false)));
    assert!(called.result["message"].as_str().is_some_and(|message| message.contains("start_workspace")));
    assert_eq!((world.calls("create"), called.notices.len()), (0, 0));
}

/// A workspace that is alive is used. Whether it is, the workspaces know: G18, a single try to reach it does not count.
#[tokio::test(start_paused = true)]
async fn g18_a_workspace_that_is_alive_is_not_replaced() {
    for said_to_be in [None, Some(AgentStatus::Connecting)] {
        let world = World::new();
        world.workspace.cloud.lock().agents.said_to_be = said_to_be;
        let (workspace, template) = with_workspace(&world, Transition::Start);
        let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
        assert_eq!(called.result["status"], "already_exists", "{called:?}");
        assert_eq!((world.calls("create"), called.notices.len()), (0, 0), "{said_to_be:?}");
    }
    for said_to_be in [AgentStatus::Disconnected, AgentStatus::Timeout] {
        let world = World::new();
        world.workspace.cloud.lock().agents.said_to_be = Some(said_to_be);
        let (workspace, template) = with_workspace(&world, Transition::Start);
        world.workspace.cloud.lock().agents.said_to_be = None;
        let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
        assert_eq!(called.result["created"], true, "{called:?}");
        let created = world.workspace.cloud.lock().created[0].clone();
        assert_eq!(created.replaced_workspace_id, workspace, "it says which one it takes the place of");
    }
}

/// C14: a workspace in which nothing says which agent is meant is there all the same; another one would be no better.
#[tokio::test(start_paused = true)]
async fn c14_a_workspace_with_several_agents_for_chats_is_not_replaced() {
    let world = World::new();
    world.workspace.cloud.lock().agents.names = vec!["one-chat", "two-chat"];
    let (workspace, template) = with_workspace(&world, Transition::Start);
    for _ in 0..2 {
        let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
        let result = (&called.result["status"], &called.result["agent_status"]);
        assert_eq!(result, (&json!("already_exists"), &json!("selection_error")), "{called:?}");
        assert_eq!(called.result["agent_error"], "one-chat and two-chat", "{called:?}");
        assert!(called.took < Duration::from_secs(1) && called.notices.is_empty(), "nothing to wait for: {called:?}");
    }
    assert_eq!(world.calls("create"), 0);

    let world = World::new();
    world.workspace.cloud.lock().agents.names = vec![];
    let (workspace, template) = with_workspace(&world, Transition::Start);
    world.workspace.cloud.lock().agents.names = vec!["main"];
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result["created"], true, "one without any agent is of no use: {called:?}");
}

/// L04, G1: a deleted workspace is none: another one is made; also where the deletion is under way.
#[tokio::test(start_paused = true)]
async fn l04_a_deleted_workspace_is_replaced() {
    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Delete);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result["created"], true, "{called:?}");

    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Start);
    world.workspace.cloud.lock().build(&workspace, Transition::Delete, Ends::Well);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!(told(&called), ["bound w-1 w-1-b2", "bound w-2 w-2-b1", "settled w-2 w-2-b1"]);
}

/// L05: a build that is under way is joined, and can be followed while it is waited for.
#[tokio::test(start_paused = true)]
async fn l05_a_build_that_is_under_way_is_joined() {
    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Stop);
    world.workspace.cloud.lock().build(&workspace, Transition::Start, Ends::Well);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    let result = (&called.result["status"], &called.result["build_id"], &called.result["created"]);
    assert_eq!(result, (&json!("already_exists"), &json!("w-1-b2"), &json!(false)));
    assert_eq!(told(&called), ["bound w-1 w-1-b2", "settled w-1 w-1-b2"]);
    assert_eq!((called.notices[0].0, world.calls("create")), (0, 0));
    assert!(called.took >= Duration::from_secs(28), "{called:?}");

    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Start);
    world.workspace.cloud.lock().build(&workspace, Transition::Stop, Ends::Well);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!((&called.result["status"], told(&called)), (&json!("stopped"), vec!["bound w-1 w-1-b2"]));
}

/// L06, L07: a build that was joined fails like any other.
#[tokio::test(start_paused = true)]
async fn l07_a_joined_build_that_fails_is_told_with_its_fields() {
    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Stop);
    {
        let mut cloud = world.workspace.cloud.lock();
        let ends = Ends::Badly("4 of 3 credits", BuildErrorCode::InsufficientQuota);
        cloud.build(&workspace, Transition::Start, ends);
        cloud.quota = Some(Quota { credits_consumed: 3, budget: None });
    }
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result["error_code"], "INSUFFICIENT_QUOTA", "{called:?}");
    assert_eq!(called.result["quota"], json!({"credits_consumed": 3}));
    assert_eq!((told(&called), world.calls("create")), (vec!["bound w-1 w-1-b2"], 0));
}

/// A failed or given up workspace is replaced.
#[tokio::test(start_paused = true)]
async fn a_workspace_whose_last_build_failed_is_replaced() {
    for ends in [Ends::Badly("no disk", BuildErrorCode::Unspecified), Ends::Canceled] {
        let world = World::new();
        let (workspace, template) = with_workspace(&world, Transition::Stop);
        world.workspace.cloud.lock().build(&workspace, Transition::Start, ends);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
        assert_eq!((&called.result["created"], called.notices.len()), (&json!(true), 2), "{ends:?}: {called:?}");
    }
}

/// Whether a workspace is alive is not known where it cannot be read: to make another one would leave it to nobody.
#[tokio::test(start_paused = true)]
async fn a_workspace_that_cannot_be_read_is_not_replaced() {
    let world = World::new();
    let (workspace, template) = with_workspace(&world, Transition::Start);
    let status = status_with_reason(Code::Internal, "INTERNAL", "chatmesh.workspaces.v1", "the database failed");
    world.workspace.cloud.lock().fails.insert("get", status);
    let called = world.tool(&workspace, "create_workspace", json!({"template_id": template})).await;
    assert!(flat(&called).contains("the database failed"), "{called:?}");
    assert_eq!(world.calls("create"), 0);
}
