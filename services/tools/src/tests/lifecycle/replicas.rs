//! Calls that are made twice, at the same time or after a crash, on several replicas of the service.

use std::time::Duration;

use serde_json::json;

use super::super::workspace::{KEY, World};
use super::{OTHER_KEY, call, told};

/// L02: of two calls of one chat, on two replicas, one makes the workspace; the other is given it.
#[tokio::test(start_paused = true)]
async fn l02_two_calls_on_two_replicas_make_one_workspace() {
    let world = World::new();
    let replica = world.replica();
    let template = world.workspace.cloud.lock().template("local");
    let args = json!({"template_id": template});
    let (one, two) = tokio::join!(
        world.heard(call("", KEY, "create_workspace", &args)),
        replica.heard(call("", OTHER_KEY, "create_workspace", &args)),
    );
    let (made, found) = if one.result["created"] == true { (&one, &two) } else { (&two, &one) };
    assert_eq!((&made.result["created"], &found.result["created"]), (&json!(true), &json!(false)), "{one:?} {two:?}");
    assert_eq!(found.result["status"], "already_exists");
    assert_eq!(found.result["workspace_name"], made.result["workspace_name"]);
    assert_eq!(world.workspace.cloud.lock().alive(), ["w-1"]);
    for called in [made, found] {
        assert_eq!(told(called).first(), Some(&"bound w-1 w-1-b1"), "the chat is told of it by both: {called:?}");
    }
}

/// L17: the replica ends after the workspace was made and before anybody heard of it. Whoever makes the call again, on
/// another replica, finds what it made.
#[tokio::test(start_paused = true)]
async fn l17_a_call_that_is_made_again_finds_the_workspace_that_it_made() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    // Longer than all of these calls together.
    world.workspace.cloud.lock().build_time = Duration::from_secs(60);
    let args = json!({"template_id": template});
    for after in [0, 5, 22, 26] {
        let again = call("", KEY, "create_workspace", &args);
        let crash = Duration::from_millis(after * 1000 + 1);
        let dropped = tokio::time::timeout(crash, world.heard(again)).await;
        assert!(dropped.is_err(), "{after}");
    }
    let called = world.replica().heard(call("", KEY, "create_workspace", &args)).await;
    assert_eq!((&called.result["created"], &called.result["build_id"]), (&json!(true), &json!("w-1-b1")));
    let cloud = world.workspace.cloud.lock();
    assert_eq!((cloud.alive(), cloud.builds_of("w-1")), (vec!["w-1".to_owned()], 1));
    let ids: Vec<_> = cloud.created.iter().map(|request| request.request_id.as_str()).collect();
    assert!(ids.len() == 5 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

/// L17: the call is not made again, because the chat was interrupted: the next one takes on what was made.
#[tokio::test(start_paused = true)]
async fn l17_a_workspace_that_nobody_heard_of_is_found_by_the_next_call() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let args = json!({"template_id": template});
    let lost = call("", KEY, "create_workspace", &args);
    assert!(tokio::time::timeout(Duration::from_millis(1), world.heard(lost)).await.is_err());
    let called = world.replica().heard(call("", OTHER_KEY, "create_workspace", &args)).await;
    assert_eq!(called.result["status"], "already_exists", "{called:?}");
    assert_eq!(told(&called).last(), Some(&"settled w-1 w-1-b1"));
    assert_eq!(world.workspace.cloud.lock().alive(), ["w-1"]);
}

/// An answer that is lost on the way is asked for again, with the same identifier.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_nothing_twice() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    world.workspace.cloud.lock().loses = vec!["create", "stop", "start"];
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result["created"], true, "{called:?}");
    let called = world.tool("w-1", "stop_workspace", json!({})).await;
    assert_eq!(called.result["build_id"], "w-1-b2", "{called:?}");
    let called = world.tool("w-1", "start_workspace", json!({})).await;
    assert_eq!(called.result["build_id"], "w-1-b3", "{called:?}");
    assert_eq!([world.calls("create"), world.calls("stop"), world.calls("start")], [2, 2, 2]);
    let cloud = world.workspace.cloud.lock();
    assert_eq!((cloud.alive().len(), cloud.builds_of("w-1")), (1, 3));
}

/// A start or a stop that is made again after a crash is the build that it made, also where that has ended by then.
#[tokio::test(start_paused = true)]
async fn a_repeated_change_is_the_build_that_it_made() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    world.tool("", "create_workspace", json!({"template_id": template})).await;
    for (name, field, build) in [("stop_workspace", "stopped", "w-1-b2"), ("start_workspace", "started", "w-1-b3")] {
        for _ in 0..3 {
            let called = world.replica().tool("w-1", name, json!({})).await;
            let result = (&called.result[field], &called.result["build_id"]);
            assert_eq!(result, (&json!(true), &json!(build)), "{name}: {called:?}");
        }
    }
    assert_eq!(world.workspace.cloud.lock().builds_of("w-1"), 3);
}
