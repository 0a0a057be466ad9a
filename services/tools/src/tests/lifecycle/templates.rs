//! `list_templates` and `read_template`.

use std::time::Duration;

use chatmesh_proto::workspaces::v1::{
    ParameterOption, ParameterType, ParameterValidation, TemplateParameter, TemplatePreset, TemplateUsage,
    TemplateVersion,
};
use chatmesh_rpc::{Code, status_with_reason};
use serde_json::json;
use tonic::Status;

use super::super::workspace::World;
use super::flat;

/// What chats may not use is not listed, nor what should not be used any more.
#[tokio::test(start_paused = true)]
async fn templates_that_chats_may_use_are_listed() {
    let world = World::new();
    {
        let mut cloud = world.workspace.cloud.lock();
        for name in ["closed", "old", "rust", "python"] {
            cloud.template(name);
        }
        cloud.templates[0].allowed_for_agents = false;
        "use `rust`".clone_into(&mut cloud.templates[1].deprecation);
        let usage = TemplateUsage { active_developers: 7, your_workspace_count: 1, ..TemplateUsage::default() };
        cloud.templates[2].usage = Some(usage);
        cloud.templates[2].description = "d".repeat(400);
    }
    let called = world.tool("", "list_templates", json!({})).await;
    let listed = &called.result;
    let names: Vec<_> = listed["templates"].as_array().into_iter().flatten().map(|one| &one["name"]).collect();
    assert_eq!(names, ["rust", "python"], "{listed}");
    let rust = &listed["templates"][0];
    assert_eq!((&rust["active_developers"], &rust["your_workspace_count"]), (&json!(7), &json!(1)));
    assert_eq!(rust["description"].as_str().map(|text| text.chars().count()), Some(300));
    assert_eq!(listed["recommended_template_id"], rust["id"]);
    let counts = ["count", "page", "total_pages", "total_count"].map(|field| &listed[field]);
    assert_eq!(counts, [&json!(2), &json!(1), &json!(1), &json!(2)]);
    assert!(listed["next_step"].as_str().is_some_and(|step| step.contains("recommended")), "{listed}");
    assert!(listed.get("next_page").is_none());

    let called = world.tool("", "list_templates", json!({"query": "zig"})).await;
    assert_eq!((&called.result["count"], &called.result["total_pages"]), (&json!(0), &json!(1)));
    assert!(called.result["next_step"].as_str().is_some_and(|step| step.contains("without one")), "{called:?}");
}

/// Who uses templates only orders them: without it they are listed all the same.
#[tokio::test(start_paused = true)]
async fn templates_are_listed_where_nobody_knows_who_uses_them() {
    let world = World::new();
    world.workspace.cloud.lock().template("local");
    let status = status_with_reason(Code::Internal, "INTERNAL", "chatmesh.workspaces.v1", "the database failed");
    // To count takes longest where there is most: what may pass is not waited for either.
    for trouble in [Status::deadline_exceeded("it takes too long"), Status::unavailable("away"), status.clone()] {
        world.workspace.cloud.lock().fails.insert("templates with usage", trouble);
        let called = world.tool("", "list_templates", json!({})).await;
        assert_eq!(called.result["count"], 1);
        assert!(called.took <= Duration::from_secs(3), "{called:?}");
    }
    world.workspace.cloud.lock().fails.insert("templates", status);
    let called = world.tool("", "list_templates", json!({})).await;
    assert!(flat(&called).contains("the database failed"), "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn a_template_says_what_can_be_chosen() {
    let world = World::new();
    let template = {
        let mut cloud = world.workspace.cloud.lock();
        let template = cloud.template("rust");
        let option = ParameterOption { value: "eu".to_owned(), ..ParameterOption::default() };
        let size = TemplateParameter {
            name: "size".to_owned(),
            r#type: ParameterType::Number.into(),
            mutable: true,
            default_value: Some("2".to_owned()),
            validation: Some(ParameterValidation { max: Some(8.0), ..ParameterValidation::default() }),
            ..TemplateParameter::default()
        };
        let region = TemplateParameter {
            name: "region".to_owned(),
            r#type: ParameterType::String.into(),
            required: true,
            options: vec![option],
            description: "é".repeat(400),
            ..TemplateParameter::default()
        };
        let preset = TemplatePreset {
            name: "small".to_owned(),
            is_default: true,
            parameters: [("size".to_owned(), "1".to_owned())].into(),
            ..TemplatePreset::default()
        };
        let version = TemplateVersion {
            parameters: vec![size, region],
            presets: vec![preset],
            readme: "r".repeat(9000),
            ..TemplateVersion::default()
        };
        cloud.versions.insert(template.clone(), version);
        template
    };
    let read = world.tool("", "read_template", json!({"template_id": template})).await.result;
    assert_eq!(read["template"]["readme"].as_str().map(|text| text.chars().count()), Some(8000));
    let size = json!({
        "name": "size", "type": "number", "required": false, "mutable": true, "default": "2", "validation_max": 8.0,
    });
    assert_eq!(read["parameters"][0], size);
    let region = &read["parameters"][1];
    assert_eq!((&region["required"], &region["options"]), (&json!(true), &json!([{"name": "eu", "value": "eu"}])));
    assert_eq!(region["description"].as_str().map(|text| text.chars().count()), Some(300));
    let preset = json!([{"name": "small", "default": true, "parameters": [{"name": "size", "value": "1"}]}]);
    assert_eq!(read["presets"], preset);
    assert!(read.get("parameters_note").is_none());
}

/// A template that is not for chats is not read either; one whose version cannot be read is, without it.
#[tokio::test(start_paused = true)]
async fn a_template_is_read_as_far_as_it_may_be_and_can_be() {
    let world = World::new();
    let (closed, open) = {
        let mut cloud = world.workspace.cloud.lock();
        let (closed, open) = (cloud.template("closed"), cloud.template("open"));
        cloud.templates[0].allowed_for_agents = false;
        cloud.fails.insert("version", tonic::Status::internal("it cannot be read"));
        (closed, open)
    };
    let called = world.tool("", "read_template", json!({"template_id": closed})).await;
    assert!(flat(&called).contains("not for chats"), "{called:?}");
    for (args, expected) in [(json!({}), "is missing"), (json!({"template_id": 5}), "do not fit the schema")] {
        let called = world.tool("", "read_template", args).await;
        assert!(flat(&called).contains(expected), "{called:?}");
    }
    let read = world.tool("", "read_template", json!({"template_id": open})).await.result;
    assert_eq!((&read["template"]["name"], &read["parameters"]), (&json!("open"), &json!([])));
    assert!(read["parameters_note"].as_str().is_some_and(|note| note.contains("try again")), "{read}");
}
