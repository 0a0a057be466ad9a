//! What is waited for after a build.

use std::time::Duration;

use chatmesh_proto::agent::v1::LifecycleState;
use chatmesh_proto::workspaces::v1::{AgentStatus, Transition};
use serde_json::{Value, json};

use super::super::workspace::{Ends, World};

/// The fields that say what is the matter with the agent.
fn trouble(result: &Value) -> [&Value; 3] {
    ["agent_status", "startup_scripts", "lifecycle_state"].map(|field| &result[field])
}

/// L13, G12: the agent and its startup scripts are waited for; what is wrong with them is told and is no failure.
#[tokio::test(start_paused = true)]
async fn l13_what_is_wrong_with_an_agent_is_told_field_by_field() {
    use LifecycleState as S;
    let never = Duration::from_secs(100_000);
    let (soon, ten) = (Duration::from_secs(5), Some(Duration::from_secs(10)));
    for (what, names, connect_after, scripts_for, come_to, expected, took) in [
        ("ready", &["main"][..], ten, soon, S::Ready, json!([null, null, null]), 35..=38),
        (
            "an error",
            &["main"],
            ten,
            soon,
            S::StartError,
            json!([null, "startup_scripts_failed", "start_error"]),
            35..=38,
        ),
        (
            "too long",
            &["main"],
            ten,
            soon,
            S::StartTimeout,
            json!([null, "startup_scripts_failed", "start_timeout"]),
            35..=38,
        ),
        ("shut down", &["main"], ten, soon, S::Off, json!([null, "startup_scripts_failed", "off"]), 35..=38),
        ("no end", &["main"], ten, never, S::Ready, json!([null, "startup_scripts_timeout", null]), 630..=632),
        ("never there", &["main"], None, soon, S::Ready, json!(["not_ready", null, null]), 140..=141),
        ("none", &[], ten, soon, S::Ready, json!(["no_agent", null, null]), 20..=21),
        ("two", &["a-chat", "b-chat"], ten, soon, S::Ready, json!(["selection_error", null, null]), 20..=21),
        ("one of two", &["a", "b-chat"], ten, soon, S::Ready, json!([null, null, null]), 35..=38),
    ] {
        let world = World::new();
        let template = {
            let mut cloud = world.workspace.cloud.lock();
            let agents = &mut cloud.agents;
            (agents.names, agents.connect_after, agents.scripts_for) = (names.to_vec(), connect_after, scripts_for);
            agents.come_to = come_to;
            cloud.template("local")
        };
        let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
        assert_eq!((&called.result["created"], called.is_error), (&json!(true), false), "{what}: {called:?}");
        assert_eq!(json!(trouble(&called.result)), expected, "{what}: {called:?}");
        assert_eq!(called.result.get("agent_error").is_some(), expected[0].is_string(), "{what}: {called:?}");
        assert!(took.contains(&called.took.as_secs()), "{what}: {called:?}");
        assert_eq!(called.notices.len(), 2, "{what}: the chat hears that the wait is over");
    }
}

/// G11: what runs on a machine of the user's is the user's to start.
#[tokio::test(start_paused = true)]
async fn g11_the_user_is_asked_to_start_an_agent_of_their_own() {
    for (has_connected_before, expected) in
        [(false, "has never been connected"), (true, "is not connected at the moment")]
    {
        let world = World::new();
        let workspace = {
            let mut cloud = world.workspace.cloud.lock();
            cloud.template("own-machine");
            cloud.templates[0].provisioner = "external".to_owned();
            cloud.agents.connect_after = None;
            cloud.agents.said_to_be = Some(AgentStatus::Disconnected);
            cloud.agents.has_connected_before = has_connected_before;
            cloud.workspace("own-machine", Transition::Start)
        };
        let called = world.tool(&workspace, "start_workspace", json!({})).await;
        assert_eq!(called.result["agent_status"], "not_ready", "{called:?}");
        let error = called.result["agent_error"].as_str().expect("an error");
        assert!(error.contains(expected) && error.contains("ask the user"), "{error}");
        assert!(called.took <= Duration::from_secs(125), "{called:?}");
    }
}

/// A user who has just started an agent is not told to: the wait is the same for all.
#[tokio::test(start_paused = true)]
async fn an_agent_that_comes_late_is_waited_for() {
    let world = World::new();
    let workspace = {
        let mut cloud = world.workspace.cloud.lock();
        cloud.template("own-machine");
        cloud.templates[0].provisioner = "external".to_owned();
        cloud.agents.connect_after = Some(Duration::from_secs(110));
        cloud.workspace("own-machine", Transition::Stop)
    };
    let called = world.tool(&workspace, "start_workspace", json!({})).await;
    assert_eq!(json!(trouble(&called.result)), json!([null, null, null]), "{called:?}");
}

impl World {
    /// Deletes a workspace at once, some time from now.
    async fn delete_in(&self, workspace: &str, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let mut cloud = self.workspace.cloud.lock();
        cloud.build_time = Duration::ZERO;
        cloud.build(workspace, Transition::Delete, Ends::Well);
    }
}

/// G1, B.8: what is deleted while its agent or its scripts are waited for does not come back.
#[tokio::test(start_paused = true)]
async fn g1_a_workspace_that_is_deleted_meanwhile_is_not_waited_for() {
    let never = Duration::from_secs(100_000);
    for (what, connect_after) in [("the agent", None), ("the scripts", Some(Duration::from_secs(3)))] {
        for tool in ["start_workspace", "create_workspace"] {
            let world = World::new();
            let (template, workspace) = {
                let mut cloud = world.workspace.cloud.lock();
                (cloud.agents.connect_after, cloud.agents.scripts_for) = (connect_after, never);
                let template = cloud.template("local");
                let is_start = tool == "start_workspace";
                (template, if is_start { cloud.workspace("local", Transition::Stop) } else { String::new() })
            };
            // The build takes 20 s.
            let args = json!({"template_id": template});
            let (called, ()) = tokio::join!(world.tool(&workspace, tool, args), world.delete_in("w-1", 40));
            let error = super::flat(&called);
            assert!(error.contains("is deleted") && error.contains("create_workspace"), "{tool}, {what}: {error}");
            assert!((40..=75).contains(&called.took.as_secs()), "{tool}, {what}: {called:?}");
        }
    }
}

/// L04, G1: where a chat asks for a workspace and the one that it has is deleted meanwhile, it gets another one.
#[tokio::test(start_paused = true)]
async fn l04_a_workspace_that_is_deleted_while_it_is_waited_for_is_replaced() {
    for transition in [Transition::Start, Transition::Stop] {
        let world = World::new();
        let (template, workspace) = {
            let mut cloud = world.workspace.cloud.lock();
            cloud.agents.scripts_for = Duration::from_secs(100_000);
            (cloud.template("local"), cloud.workspace("local", transition))
        };
        {
            let mut cloud = world.workspace.cloud.lock();
            if transition == Transition::Stop {
                cloud.build(&workspace, Transition::Start, Ends::Well);
            }
            cloud.agents.scripts_for = Duration::from_secs(5);
        }
        let args = json!({"template_id": template});
        let (called, ()) =
            tokio::join!(world.tool(&workspace, "create_workspace", args), world.delete_in(&workspace, 40));
        assert_eq!(called.result["created"], true, "{transition:?}: {called:?}");
        assert_eq!(called.notices.last().map(|(_, notice)| notice.as_str()), Some("settled w-2 w-2-b1"));
        assert!(called.took.as_secs() <= 75, "{transition:?}: {called:?}");
    }
}

/// What a template says of how long to wait counts.
#[tokio::test(start_paused = true)]
async fn the_waits_of_a_template_count() {
    let world = World::new();
    let template = {
        let mut cloud = world.workspace.cloud.lock();
        cloud.agents.connect_after = None;
        cloud.connection_seconds = 15;
        cloud.template("local")
    };
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result["agent_status"], "not_ready", "{called:?}");
    assert!((35..=36).contains(&called.took.as_secs()), "{called:?}");
}
