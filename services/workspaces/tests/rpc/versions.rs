//! Templates that administrators push, and what is chosen for workspaces.

use std::collections::HashMap;

use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::Config;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::expect;
use crate::world::{World, as_caller};

const MANIFEST: &str = r#"
display_name = "Go"
description = "For Go."

[[agents]]
name = "main"
[[agents.scripts]]
id = "a"
script = "echo secret"
run_on_start = true

[[parameters]]
name = "size"
type = "number"
mutable = true
default = 1.0
options = [{ value = 1, name = "Small" }, { value = 4 }]

[[parameters]]
name = "tools"
type = "list(string)"
mutable = true
default = ["git"]

[[presets]]
name = "large"
is_default = true
parameters = { size = 4 }
prebuilds = { instances = 2 }

[timeouts]
startup = "5m"
"#;

impl World {
    fn admin(&self) -> Caller {
        Caller::user(UserId(self.uuid()), Role::Admin)
    }

    async fn push_as(
        &self,
        caller: &Caller,
        request: pb::PushTemplateVersionRequest,
    ) -> Result<pb::PushTemplateVersionResponse, Status> {
        Ok(self.templates().push_template_version(as_caller(caller, request)).await?.into_inner())
    }

    async fn push(&self, manifest: &str) -> pb::PushTemplateVersionResponse {
        self.push_as(&self.admin(), pushed("go", manifest)).await.expect("pushed")
    }

    async fn version(&self, caller: &Caller, template: &str, version: &str) -> Result<pb::TemplateVersion, Status> {
        let request = pb::GetTemplateVersionRequest { template: template.to_owned(), version: version.to_owned() };
        let reply = self.templates().get_template_version(as_caller(caller, request)).await?;
        Ok(reply.into_inner().version.expect("a version"))
    }

    async fn update(&self, caller: &Caller, request: pb::UpdateTemplateRequest) -> Result<pb::Template, Status> {
        let reply = self.templates().update_template(as_caller(caller, request)).await?;
        Ok(reply.into_inner().template.expect("a template"))
    }

    async fn create_with(&self, name: &str, parameters: &[(&str, &str)], preset: &str) -> Result<pb::Build, Status> {
        let request = pb::CreateWorkspaceRequest {
            template: "go".to_owned(),
            name: name.to_owned(),
            parameters: map(parameters),
            preset: preset.to_owned(),
            ..pb::CreateWorkspaceRequest::default()
        };
        let reply = self.workspaces().create_workspace(as_caller(&self.owner, request)).await?.into_inner();
        Ok(reply.workspace.and_then(|workspace| workspace.latest_build).expect("a build"))
    }

    async fn start_with(&self, id: &str, parameters: &[(&str, &str)], version: &str) -> Result<pb::Build, Status> {
        let request = pb::StartWorkspaceRequest {
            workspace_id: id.to_owned(),
            parameters: map(parameters),
            version: version.to_owned(),
            ..pb::StartWorkspaceRequest::default()
        };
        let reply = self.workspaces().start_workspace(as_caller(&self.owner, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }
}

fn pushed(template: &str, manifest: &str) -> pb::PushTemplateVersionRequest {
    pb::PushTemplateVersionRequest {
        template: template.to_owned(),
        manifest: manifest.to_owned(),
        readme: "# Go".to_owned(),
        message: "new".to_owned(),
        ..pb::PushTemplateVersionRequest::default()
    }
}

fn map(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().expect("details").field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test]
async fn a_version_is_pushed_once_however_often_it_is_sent() {
    let world = World::new().await;
    let admin = world.admin();
    let first = world.push_as(&admin, pushed("go", MANIFEST)).await.expect("pushed");
    let (version, template) = (first.version.expect("a version"), first.template.expect("a template"));
    assert_eq!((first.created, version.version_number, version.active), (true, 1, true));
    assert_eq!((version.message.as_str(), &version.template_id), ("new", &template.id));
    assert_eq!(version.created_by, admin.require_user().expect("a user").to_string());
    assert_eq!((template.display_name.as_str(), template.description.as_str()), ("Go", "For Go."));
    assert_eq!((&template.active_version_id, template.require_active_version), (&version.id, false));
    assert!(template.allowed_for_agents);

    let yaml = pb::PushTemplateVersionRequest {
        format: pb::ManifestFormat::Yaml.into(),
        activate: Some(false),
        ..pushed("go", "display_name: Go 2\n")
    };
    let second = world.push_as(&admin, yaml).await.expect("pushed");
    let second = second.version.expect("a version");
    assert_eq!((second.version_number, second.active), (2, false));
    let again = world.push_as(&admin, pushed("go", MANIFEST)).await.expect("pushed again");
    assert_eq!((again.created, again.version.expect("a version").id), (false, version.id));

    let list = async |page_size, page_token: &str| {
        let template = template.id.clone();
        let request = pb::ListTemplateVersionsRequest { template, page_size, page_token: page_token.to_owned() };
        world.templates().list_template_versions(as_caller(&world.owner, request)).await.expect("listed").into_inner()
    };
    let page = list(1, "").await;
    assert_eq!((page.versions[0].version_number, page.versions.len()), (2, 1));
    let page = list(1, &page.next_page_token).await;
    assert_eq!((page.versions[0].version_number, page.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn templates_are_changed_by_administrators_and_seen_by_all() {
    let world = World::new().await;
    let (owner, admin) = (&world.owner, world.admin());
    expect(world.push_as(owner, pushed("go", MANIFEST)).await, Code::PermissionDenied, "DENIED");
    world.push(MANIFEST).await;
    world.push("display_name = 'Two'").await;
    let change = |template: &str| pb::UpdateTemplateRequest {
        template: template.to_owned(),
        active_version: Some("1".to_owned()),
        deprecation: Some("use rust".to_owned()),
        allowed_for_agents: Some(false),
        require_active_version: Some(true),
        archived: None,
    };
    expect(world.update(owner, change("go")).await, Code::PermissionDenied, "DENIED");
    expect(world.update(&admin, change("c")).await, Code::NotFound, "NOT_FOUND");
    let changed = world.update(&admin, change("go")).await.expect("changed");
    let request = pb::GetTemplateRequest { template: changed.id.clone() };
    let seen = world.templates().get_template(as_caller(owner, request)).await.expect("found").into_inner().template;
    assert_eq!(seen.as_ref(), Some(&changed));
    assert_eq!((changed.display_name.as_str(), changed.deprecation.as_str()), ("Go", "use rust"));
    assert!(changed.require_active_version && !changed.allowed_for_agents);
    let status = expect(world.create_with("dev", &[], "").await, Code::FailedPrecondition, "TEMPLATE_DEPRECATED");
    assert!(status.message().contains("template `go` should not be used any more: use rust"), "{status}");

    let unknown = pb::UpdateTemplateRequest { active_version: Some("9".to_owned()), ..change("go") };
    let status = expect(world.update(&admin, unknown).await, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert_eq!(fields(&status), ["active_version"]);
    for wrong in ["", "nine", "-1"] {
        let wrong = pb::UpdateTemplateRequest { active_version: Some(wrong.to_owned()), ..change("go") };
        let status = expect(world.update(&admin, wrong).await, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&status), ["active_version"]);
    }
}

#[tokio::test]
async fn a_version_shows_what_may_be_chosen_and_its_scripts_to_administrators_alone() {
    let world = World::new().await;
    let id = world.push(MANIFEST).await.version.expect("a version").id;
    for which in ["active", "1", id.as_str()] {
        let version = world.version(&world.owner, "go", which).await.expect("found");
        assert_eq!(version.info.expect("what it is").id, id, "{which}");
        assert_eq!(
            (version.readme.as_str(), version.startup_timeout_seconds, version.manifest.as_str()),
            ("# Go", 300, "")
        );
        let [size, tools] = version.parameters.as_slice() else { panic!("{:?}", version.parameters) };
        assert_eq!(
            (size.name.as_str(), size.r#type(), size.default_value.as_deref()),
            ("size", pb::ParameterType::Number, Some("1"))
        );
        let options: Vec<_> = size.options.iter().map(|one| (one.value.as_str(), one.name.as_str())).collect();
        assert_eq!(options, [("1", "Small"), ("4", "")]);
        assert_eq!((tools.r#type(), tools.default_value.as_deref()), (pb::ParameterType::List, Some("[\"git\"]")));
        let [large] = version.presets.as_slice() else { panic!("{:?}", version.presets) };
        assert_eq!((large.is_default, large.desired_prebuild_instances), (true, 2));
        assert_eq!(large.parameters, map(&[("size", "4")]));
    }
    let seen = world.version(&world.admin(), "go", "1").await.expect("found").manifest;
    assert!(seen.contains("echo secret"), "{seen}");
    expect(world.version(&world.owner, "go", "2").await, Code::NotFound, "NOT_FOUND");
    expect(world.version(&world.owner, "c", "1").await, Code::NotFound, "NOT_FOUND");
    for wrong in ["", "latest"] {
        expect(world.version(&world.owner, "go", wrong).await, Code::InvalidArgument, "INVALID_REQUEST");
    }
}

/// E6: all that is wrong with a push is said at once, and nothing is made.
#[tokio::test]
async fn all_that_is_wrong_with_a_push_is_said_at_once() {
    let world = World::new().await;
    let wrong = pb::PushTemplateVersionRequest {
        template: "No Name".to_owned(),
        readme: "x".repeat(64 * 1024 + 1),
        message: "x".repeat(1001),
        ..pushed("", "icon = 'x'\n[[parameters]]\nname = 'a'\nvalidation = { regex = '(' }\n")
    };
    let status = expect(world.push_as(&world.admin(), wrong).await, Code::InvalidArgument, "INVALID_REQUEST");
    let expected = ["template", "readme", "message", "manifest.icon", "manifest.parameters[0].validation.regex"];
    assert_eq!(fields(&status), expected);
    for (manifest, format, field) in [
        ("icon = ", 0, "manifest"),
        ("icon = 1", 1, "manifest.icon"),
        ("icon: [", 2, "manifest"),
        ("", 3, "format"),
        ("provisioner = 'external'", 0, "manifest.provisioner"),
        (
            "provisioner = 'external'\n[[presets]]\nname = 'a'\nprebuilds = { instances = 1 }",
            0,
            "manifest.presets[0].prebuilds",
        ),
    ] {
        let request = pb::PushTemplateVersionRequest { format, ..pushed("local", manifest) };
        let status = expect(world.push_as(&world.admin(), request).await, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(fields(&status), [field], "{manifest}: {status}");
    }
    let names = world.list_templates(&world.owner).await.expect("listed").templates;
    assert_eq!(names.into_iter().map(|one| one.name).collect::<Vec<_>>(), ["local"]);
}

/// A restart must not undo what an administrator has done.
#[tokio::test]
async fn a_version_that_somebody_pushed_is_active_after_a_restart() {
    let world = World::new().await;
    let request = pushed("local", "description = 'ours'");
    world.push_as(&world.admin(), request).await.expect("pushed");
    world.restart(Config::default()).await;
    let template = world.list_templates(&world.owner).await.expect("listed").templates.remove(0);
    assert_eq!((template.name.as_str(), template.description.as_str()), ("local", "ours"));
}

/// G3: what does not fit is said field by field before there is a build, and the next try with other values succeeds.
#[tokio::test]
async fn what_is_chosen_is_what_a_build_has() {
    let world = World::new().await;
    let id = world.push(MANIFEST).await.version.expect("a version").id;
    let refused = world.create_with("dev", &[("size", "2"), ("gpu", "1"), ("tools", "git")], "").await;
    let status = expect(refused, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert_eq!(fields(&status), ["parameters.gpu", "parameters.size", "parameters.tools"]);
    let status = expect(world.create_with("dev", &[], "small").await, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert_eq!(fields(&status), ["preset"]);

    let build = world.create_with("dev", &[("tools", "[\"vi\"]")], "large").await.expect("created");
    assert_eq!(build.parameters, map(&[("size", "4"), ("tools", "[\"vi\"]")]));
    assert_eq!((build.template_version_id, build.preset.as_str()), (id, "large"));
    world.run_job("p").await;
    world.stop(&world.owner, &build.workspace_id, "").await.expect("stopping");
    world.run_job("p").await;

    // A version that asks for more.
    let more = format!("{MANIFEST}\n[[parameters]]\nname = 'branch'\nrequired = true\nmutable = true\n");
    let more = more.replace("prebuilds = { instances = 2 }\n", "");
    let next = world.push(&more).await.version.expect("a version").id;
    let refused = world.start_with(&build.workspace_id, &[], "2").await;
    let status = expect(refused, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert_eq!(fields(&status), ["parameters.branch"]);
    let started = world.start_with(&build.workspace_id, &[("branch", "main")], "2").await.expect("started");
    assert_eq!(started.parameters, map(&[("size", "4"), ("tools", "[\"vi\"]"), ("branch", "main")]));
    assert_eq!(started.template_version_id, next);
    let wrong = world.start_with(&build.workspace_id, &[], "two").await;
    assert_eq!(fields(&expect(wrong, Code::InvalidArgument, "INVALID_REQUEST")), ["version"]);
}
