//! Calls for callers that are no chats.

use std::time::Duration;

use chatmesh_proto::tools::v1::CallWorkspaceToolRequest;
use chatmesh_proto::workspaces::v1::Transition;
use serde_json::{Value, json};
use tonic::Status;

use super::workspace::{KEY, Mood, Processes, World};

fn request(name: &str, args: &Value) -> CallWorkspaceToolRequest {
    CallWorkspaceToolRequest {
        workspace_id: "workspace-1".to_owned(),
        name: name.to_owned(),
        args: args.to_string(),
        idempotency_key: KEY.to_owned(),
        ..CallWorkspaceToolRequest::default()
    }
}

fn limited() -> CallWorkspaceToolRequest {
    let args = json!({"command": "make", "timeout": "1s"});
    CallWorkspaceToolRequest { end_on_timeout: true, ..request("execute", &args) }
}

/// E: a command that takes too long is ended; what it wrote is kept, and its exit code says why it ended.
#[tokio::test(start_paused = true)]
async fn a_command_that_is_late_is_ended_with_the_exit_code_124() {
    // The first signal is enough, or the second is needed.
    for ignored in [0, 1] {
        let world = World::new();
        let mut looks = vec![Processes::look(true, None, "half\n"); 1 + ignored];
        looks.push(Processes::look(false, Some(143), "half\nand more\n"));
        world.workspace.has.lock().processes.looks = looks.into();
        let (result, is_error) = world.call_outside(limited()).await;
        let error = "the command was not done after 1s and was ended";
        let expected = json!({"success": false, "output": "half\nand more\n", "exit_code": 124, "error": error});
        assert_eq!((result, is_error), (expected, false));
        assert_eq!(world.workspace.has.lock().processes.signalled.len(), 1 + ignored);
    }
}

/// A command that cannot be ended is not said to have ended; one that ended by itself is not said to have been late.
#[tokio::test(start_paused = true)]
async fn what_became_of_a_late_command_is_told_as_it_is() {
    for (ends, code) in [(false, -1), (true, 3)] {
        let world = World::new();
        {
            let processes = &mut world.workspace.has.lock().processes;
            processes.signal = Some(Status::failed_precondition("it has ended"));
            processes.looks.push_back(Processes::look(true, None, "half\n"));
            if ends {
                processes.looks.push_back(Processes::look(false, Some(3), "whole\n"));
            }
        }
        let (result, _) = world.call_outside(limited()).await;
        assert_eq!(result["exit_code"], code, "{result}");
        assert_eq!(result.get("background_process_id").is_some(), !ends, "{result}");
    }
}

/// E: a workspace is started once, however often the call is made.
#[tokio::test(start_paused = true)]
async fn a_stopped_workspace_is_started_once() {
    let world = World::new();
    let workspace = {
        let mut cloud = world.workspace.cloud.lock();
        cloud.template("local");
        cloud.workspace("local", Transition::Stop)
    };
    let request =
        CallWorkspaceToolRequest { workspace_id: workspace.clone(), ..request("start_workspace", &json!({})) };
    let (first, again) = tokio::join!(world.call_outside(request.clone()), world.call_outside(request));
    for (result, is_error) in [first, again] {
        assert_eq!((&result["started"], is_error), (&json!(true), false), "{result}");
    }
    assert_eq!(world.workspace.cloud.lock().builds_of(&workspace), 2);
}

/// E: the agent of a name is acted through, and remembered apart from that which is meant without one.
#[tokio::test(start_paused = true)]
async fn an_agent_is_acted_through_by_its_name() {
    let world = World::new();
    world.workspace.has.lock().processes.looks = [Processes::look(false, Some(0), "")].into();
    for agent in ["gpu", "", "gpu"] {
        let agent = agent.to_owned();
        let request = CallWorkspaceToolRequest { agent, ..request("execute", &json!({"command": "true"})) };
        assert_eq!(world.call_outside(request).await.0["exit_code"], 0);
    }
    assert_eq!(world.workspace.has.lock().named, ["gpu", ""], "what was asked once is known");
}

/// G21: whoever goes away does not read what comes of the command, which ends with the call.
#[tokio::test(start_paused = true)]
async fn g21_a_command_whose_caller_goes_away_is_ended() {
    let world = World::new();
    world.workspace.has.lock().processes.looks = [Processes::look(true, None, "")].into();
    let long = CallWorkspaceToolRequest { args: json!({"command": "make", "timeout": "5m"}).to_string(), ..limited() };
    let called = tokio::time::timeout(Duration::from_secs(2), world.call_outside(long.clone())).await;
    assert!(called.is_err(), "the caller goes away: {called:?}");
    world.until_canceled(&[KEY]).await;
    assert_eq!(world.workspace.has.lock().processes.started.len(), 1);

    // The same while the start is on its way.
    world.workspace.has.lock().mood = Mood::Breaks;
    let called = tokio::time::timeout(Duration::from_secs(2), world.call_outside(long)).await;
    assert!(called.is_err(), "the caller goes away: {called:?}");
    world.workspace.has.lock().mood = Mood::Well;
    world.until_canceled(&[KEY, KEY]).await;
}

/// A command that is left running, and one that has ended, are not asked to end.
#[tokio::test(start_paused = true)]
async fn a_command_whose_caller_stays_is_not_given_up() {
    let world = World::new();
    world.workspace.has.lock().processes.looks = [Processes::look(false, Some(0), "")].into();
    assert_eq!(world.call_outside(limited()).await.0["exit_code"], 0);
    world.workspace.has.lock().processes.looks = [Processes::look(true, None, "")].into();
    let left = request("execute", &json!({"command": "make", "timeout": "1h"}));
    let called = tokio::time::timeout(Duration::from_secs(2), world.call_outside(left)).await;
    assert!(called.is_err(), "the caller goes away: {called:?}");
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.workspace.has.lock().processes.canceled, [""; 0]);
}
