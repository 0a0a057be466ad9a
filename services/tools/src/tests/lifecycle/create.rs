//! `create_workspace` of a chat that has none.

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_proto::workspaces::v1::{BuildErrorCode, Quota, Transition};
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;

use super::super::workspace::{Ends, World};
use super::{flat, told};
use crate::Config;

/// L01: each has its own words, and nothing is made. There are no organisations here: a template that is somebody
/// else's is one that there is not.
#[tokio::test(start_paused = true)]
async fn l01_a_template_that_chats_may_not_use_makes_no_workspace() {
    let world = World::new();
    let (closed, external) = {
        let mut cloud = world.workspace.cloud.lock();
        let (closed, external) = (cloud.template("closed"), cloud.template("own-machine"));
        cloud.templates[0].allowed_for_agents = false;
        cloud.templates[1].provisioner = "external".to_owned();
        (closed, external)
    };
    let foreign = "01890a5d-ac96-774b-bcce-b302099a8057";
    let mut errors = HashSet::new();
    for (args, expected) in [
        (json!({}), "`template_id` is missing"),
        (json!({"template_id": "local"}), "`template_id` `local` is not the identifier"),
        (json!({"template_id": foreign}), "there is no template `01890a5d"),
        (json!({"template_id": closed}), "the template `closed` is not for chats"),
        (json!({"template_id": external}), "the template `own-machine` run on machines of their users"),
    ] {
        let called = world.tool("", "create_workspace", args.clone()).await;
        let error = flat(&called);
        assert!(error.contains(expected), "{args}: {error}");
        assert!(called.notices.is_empty(), "{called:?}");
        errors.insert(error.to_owned());
    }
    assert_eq!((errors.len(), world.calls("create")), (5, 0));
}

/// Where nobody can say whether chats may use a template, they may not.
#[tokio::test(start_paused = true)]
async fn a_template_that_cannot_be_looked_up_is_not_used() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    for code in [Code::Internal, Code::Unavailable, Code::DeadlineExceeded] {
        let status = status_with_reason(code, "ANY", "chatmesh.workspaces.v1", "the database is away");
        world.workspace.cloud.lock().fails.insert("template", status);
        let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
        assert!(flat(&called).contains("try again in a while"), "{code:?}: {called:?}");
        assert!(called.took < Duration::from_secs(40), "{code:?}: {called:?}");
    }
    assert_eq!(world.calls("create"), 0);
}

/// L14, G13: the build is told before it is waited for, and the workspace again when it can be worked in. Twice, no
/// more and no less.
#[tokio::test(start_paused = true)]
async fn l14_the_chat_hears_of_its_workspace_before_the_wait_and_after_it() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let args = json!({"template_id": template, "name": "dev"});
    let called = world.tool("", "create_workspace", args).await;
    let expected = json!({"created": true, "workspace_name": "dev", "build_id": "w-1-b1"});
    assert_eq!((&called.result, called.is_error), (&expected, false));
    // A build of 20 s, 3 s until the agent connects, and 5 s of scripts, and a look in between.
    let [(0, first), (28..=30, second)] = called.notices.as_slice() else { panic!("{called:?}") };
    assert_eq!([first.as_str(), second.as_str()], ["bound w-1 w-1-b1", "settled w-1 w-1-b1"]);
}

/// L06: a build that fails is no failure of the tool: its fields reach the model, and the chat keeps the workspace.
#[tokio::test(start_paused = true)]
async fn l06_a_build_that_fails_is_told_with_its_fields() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    for (ends, expected) in [
        (Ends::Badly("no disk", BuildErrorCode::Unspecified), json!({"error": "no disk", "build_id": "w-1-b1"})),
        (Ends::Canceled, json!({"error": "the build was given up", "build_id": "w-2-b1"})),
    ] {
        world.workspace.cloud.lock().ends.push_back(ends);
        let key = format!("chat-1/2/{ends:?}");
        let args = json!({"template_id": template});
        let workspace = world.workspace.cloud.lock().alive().last().cloned().unwrap_or_default();
        let called = world.heard(super::call(&workspace, &key, "create_workspace", &args)).await;
        assert_eq!((&called.result, called.is_error), (&expected, false));
        let id = expected["build_id"].as_str().expect("an id");
        assert_eq!(told(&called), [format!("bound {} {id}", &id[..3])], "and nothing says that it is ready");
    }
}

/// L07, G19: the code comes from where the credits are counted; what they are is added where that can be said.
#[tokio::test(start_paused = true)]
async fn l07_too_few_credits_are_told_with_the_numbers() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    {
        let mut cloud = world.workspace.cloud.lock();
        cloud.ends.push_back(Ends::Badly("4 of 3 credits", BuildErrorCode::InsufficientQuota));
        cloud.quota = Some(Quota { credits_consumed: 2, budget: Some(3) });
    }
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert!(!called.is_error, "{called:?}");
    let result = &called.result;
    let codes = (&result["error_code"], &result["error"], &result["build_id"]);
    assert_eq!(codes, (&json!("INSUFFICIENT_QUOTA"), &json!("4 of 3 credits"), &json!("w-1-b1")));
    assert_eq!(result["quota"], json!({"credits_consumed": 2, "budget": 3}));
    let message = result["message"].as_str().expect("a message");
    assert!(message.contains("delete a workspace") && message.contains("administrator"), "{message}");
    assert!(result["title"].is_string());
}

/// L08: what an error reads like says nothing of what kind it is.
#[tokio::test(start_paused = true)]
async fn l08_an_error_that_speaks_of_quota_is_an_error_like_any_other() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    let text = "INSUFFICIENT_QUOTA: the cloud provider's quota is exceeded";
    world.workspace.cloud.lock().ends.push_back(Ends::Badly(text, BuildErrorCode::Unspecified));
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert_eq!(called.result, json!({"error": text, "build_id": "w-1-b1"}));
    assert_eq!(world.calls("quota"), 0);
}

/// What does not fit the template is told value by value, so that the model can do better.
#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_template_is_told_value_by_value() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    world.workspace.cloud.lock().wants = Some("region");
    let called = world.tool("", "create_workspace", json!({"template_id": template})).await;
    assert!(!called.is_error && called.notices.is_empty(), "{called:?}");
    let validations = json!([{"field": "parameters.region", "detail": "must be given"}]);
    assert_eq!(
        (&called.result["validations"], &called.result["error_code"]),
        (&validations, &json!("INVALID_PARAMETERS"))
    );
    let better = json!({"template_id": template, "parameters": {"region": "eu", "size": 4}});
    let called = world.other_tool("", "create_workspace", better).await;
    assert_eq!(called.result["created"], true, "{called:?}");
    let created = world.workspace.cloud.lock().created.last().cloned().expect("a request");
    assert_eq!((created.parameters["region"].as_str(), created.parameters["size"].as_str()), ("eu", "4"));
}

/// L16: a name that is taken is the model's to change, and one that was made up is made up anew.
#[tokio::test(start_paused = true)]
async fn l16_a_name_that_is_taken_is_told_or_made_up_anew() {
    let world = World::new();
    let template = world.workspace.cloud.lock().template("local");
    world.tool("", "create_workspace", json!({"template_id": template, "name": "dev"})).await;
    let request = |key: &str, args: serde_json::Value| chatmesh_proto::tools::v1::CallToolRequest {
        chat_id: format!("chat of {key}"),
        ..super::call("", key, "create_workspace", &args)
    };
    let called = world.heard(request("two", json!({"template_id": template, "name": "dev"}))).await;
    assert_eq!((&called.result["error_code"], called.is_error), (&json!("WORKSPACE_EXISTS"), false));

    // The name that a call makes up is the same whoever makes the call: another mesh shows which it will be.
    let made_up = |world: &World| {
        let created = world.workspace.cloud.lock().created.clone();
        created.into_iter().map(|request| request.name).collect::<Vec<_>>()
    };
    let elsewhere = World::new();
    elsewhere.workspace.cloud.lock().template("local");
    let args = json!({"template_id": template, "name": "My Project"});
    elsewhere.tool("", "create_workspace", args.clone()).await;
    let name = made_up(&elsewhere).remove(0);
    assert!(name.starts_with("my-project-") && name.len() == "my-project-".len() + 4, "{name}");
    // One that is being deleted still has its name.
    for is_being_deleted in [false, true] {
        let world = World::new();
        world.workspace.cloud.lock().template("local");
        world.heard(request("three", json!({"template_id": template, "name": name}))).await;
        if is_being_deleted {
            let mut cloud = world.workspace.cloud.lock();
            let holder = cloud.alive().remove(0);
            cloud.build(&holder, Transition::Delete, Ends::Never);
        }
        let called = world.tool("", "create_workspace", args.clone()).await;
        assert_eq!(called.result["created"], true, "{called:?}");
        let names = made_up(&world);
        assert!(names[1] == name && names[2] != name && names[2].starts_with("my-project-"), "{names:?}");
        if is_being_deleted {
            let called = world.heard(request("four", json!({"template_id": template, "name": name}))).await;
            assert_eq!((&called.result["error_code"], called.is_error), (&json!("WORKSPACE_BEING_DELETED"), false));
        }
    }
}

/// L15: what the settings say is asked for each workspace; else its template says.
#[tokio::test(start_paused = true)]
async fn l15_a_workspace_of_a_chat_has_the_time_that_the_settings_give_it() {
    for (hours, expected) in [(0, None), (8, Some(28_800))] {
        let config = Config { workspace_ttl: Duration::from_secs(hours * 3600), ..Config::default() };
        let world = World::with(config);
        let template = world.workspace.cloud.lock().template("local");
        world.tool("", "create_workspace", json!({"template_id": template})).await;
        assert_eq!(world.workspace.cloud.lock().created[0].ttl_seconds, expected);
    }
}
