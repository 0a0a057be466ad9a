//! Workspaces that nobody uses, and templates that nobody should.

use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use tonic::{Code, Status};

use crate::expect;
use crate::world::{World, as_caller};

impl World {
    /// Lets workspaces of the template run two hours at most, and 90 minutes where nobody says otherwise.
    async fn bound_to_two_hours(&self) {
        let request = pb::PushTemplateVersionRequest {
            template: "local".to_owned(),
            manifest: "max_lifetime = '2h'\ndefault_ttl = '90m'".to_owned(),
            ..pb::PushTemplateVersionRequest::default()
        };
        self.templates().push_template_version(as_caller(&self.administrator(), request)).await.expect("pushed");
    }

    fn administrator(&self) -> Caller {
        Caller::user(UserId(self.uuid()), Role::Admin)
    }

    async fn create_for(&self, ttl_seconds: Option<u32>) -> Result<pb::Workspace, Status> {
        self.create_by(&self.owner, ttl_seconds).await
    }

    async fn create_by(&self, caller: &Caller, ttl_seconds: Option<u32>) -> Result<pb::Workspace, Status> {
        let request = pb::CreateWorkspaceRequest {
            template: "local".to_owned(),
            name: "dev".to_owned(),
            ttl_seconds,
            ..pb::CreateWorkspaceRequest::default()
        };
        let reply = self.workspaces().create_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().workspace.expect("a workspace"))
    }

    async fn used(&self, caller: &Caller, id: &str, reason: i32) -> Result<Option<Timestamp>, Status> {
        let request = pb::ReportActivityRequest { workspace_id: id.to_owned(), reason };
        let reply = self.workspaces().report_activity(as_caller(caller, request)).await?;
        Ok(reply.into_inner().deadline.map(|time| Timestamp::try_from(time).expect("a time")))
    }

    async fn set_ttl(&self, caller: &Caller, id: &str, ttl_seconds: Option<u32>) -> Result<pb::Workspace, Status> {
        let request = pb::UpdateWorkspaceRequest { workspace_id: id.to_owned(), ttl_seconds };
        let reply = self.workspaces().update_workspace(as_caller(caller, request)).await?;
        Ok(reply.into_inner().workspace.expect("a workspace"))
    }

    async fn change(&self, request: pb::UpdateTemplateRequest) {
        let request = pb::UpdateTemplateRequest { template: "local".to_owned(), ..request };
        self.templates().update_template(as_caller(&self.administrator(), request)).await.expect("changed");
    }

    async fn delete_template(&self, caller: &Caller, template: &str) -> Result<(), Status> {
        let request = pb::DeleteTemplateRequest { template: template.to_owned() };
        self.templates().delete_template(as_caller(caller, request)).await.map(drop)
    }

    fn tools(&self) -> Caller {
        Caller::service("tools", self.owner.user_and_role())
    }
}

fn deadline(workspace: &pb::Workspace) -> Option<Timestamp> {
    let time = workspace.latest_build.as_ref().and_then(|build| build.deadline);
    time.map(|time| Timestamp::try_from(time).expect("a time"))
}

/// B.8: a workspace that nobody uses is stopped; one that is used, later.
#[tokio::test]
async fn a_workspace_is_stopped_once_nobody_used_it_for_long_enough() {
    let world = World::new().await;
    let (owner, minute) = (&world.owner, Duration::from_secs(60));
    expect(world.create_for(Some(2_592_001)).await, Code::InvalidArgument, "INVALID_REQUEST");
    let created = world.create_for(Some(600)).await.expect("created");
    assert_eq!((created.ttl_seconds, deadline(&created)), (Some(600), None));
    world.run_job("p").await;
    let began = chatmesh_core::Clock::now(&*world.clock);
    let found = async || world.get(owner, &created.id).await.expect("found");
    assert_eq!(deadline(&found().await), Some(began + 10 * minute));

    let chat = pb::ActivityReason::Chat.into();
    expect(world.used(owner, &created.id, 0).await, Code::InvalidArgument, "INVALID_REQUEST");
    expect(world.used(owner, &created.id, 99).await, Code::InvalidArgument, "INVALID_REQUEST");
    let stranger = Caller::user(UserId(world.uuid()), Role::Member);
    expect(world.used(&stranger, &created.id, chat).await, Code::NotFound, "NOT_FOUND");
    world.clock.advance(5 * minute);
    let moved = world.used(&world.tools(), &created.id, chat).await.expect("known");
    assert_eq!(moved, Some(began + 65 * minute), "an hour from then");
    assert!(found().await.last_use_time.is_some());

    expect(world.set_ttl(&stranger, &created.id, Some(60)).await, Code::NotFound, "NOT_FOUND");
    let same = world.set_ttl(owner, &created.id, None).await.expect("nothing to change");
    assert_eq!(same.ttl_seconds, Some(600));
    let changed = world.set_ttl(owner, &created.id, Some(60)).await.expect("changed");
    assert_eq!((changed.ttl_seconds, deadline(&changed)), (Some(60), Some(began + 6 * minute)));
    world.clock.advance(minute);
    let mut changes = world.changes(&created.id).await;
    world.start_upkeep();
    let mut build = found().await.latest_build.expect("a build");
    while build.transition() != pb::Transition::Stop {
        changes.arrived().await;
        build = found().await.latest_build.expect("a build");
    }
    assert_eq!((build.reason(), build.initiator_id.as_str()), (pb::BuildReason::Autostop, ""));
    assert_eq!(world.run_job("p").await.build_id, build.id);
    assert_eq!(found().await.status(), pb::WorkspaceStatus::Stopped);
}

/// B.8: whoever gives a stop up before it began goes on working, and nobody forgets the workspace.
#[tokio::test]
async fn a_workspace_whose_stop_never_began_is_used_on_and_stopped_later() {
    let world = World::new().await;
    let (owner, minute) = (&world.owner, Duration::from_secs(60));
    let created = world.create_for(Some(600)).await.expect("created");
    let agent = world.run_job("p").await.agent_id;
    for _ in 0..2 {
        let mut changes = world.changes(&created.id).await;
        world.clock.advance(60 * minute);
        // It looks at once for what is due.
        world.start_upkeep();
        let mut found = world.get(owner, &created.id).await.expect("found");
        while found.status() != pb::WorkspaceStatus::Pending {
            changes.arrived().await;
            found = world.get(owner, &created.id).await.expect("found");
        }
        let build_id = found.latest_build.expect("a build").id;
        let request = pb::CancelBuildRequest { workspace_id: created.id.clone(), build_id };
        world.workspaces().cancel_build(as_caller(owner, request)).await.expect("canceled");
        let found = world.get(owner, &created.id).await.expect("found");
        assert_eq!(found.status(), pb::WorkspaceStatus::Running);
        assert_eq!(world.resolve(owner, &created.id).await.expect("an agent").id, agent);
    }
}

/// B.8: the chats of a process use their workspaces in one call, whoever owns them, and it is counted why.
#[tokio::test]
async fn many_workspaces_are_used_at_once_and_what_they_gain_is_counted_by_reason() {
    let mut world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        world.owner = Caller::user(UserId(world.uuid()), Role::Member);
        ids.push((world.owner.clone(), world.create_for(Some(600)).await.expect("created").id));
        world.run_job("p").await;
    }
    let began = chatmesh_core::Clock::now(&*world.clock);
    let report = async |caller: &Caller, workspace_ids: Vec<String>, reason| {
        let request = pb::ReportActivitiesRequest { workspace_ids, reason, ..Default::default() };
        Ok::<_, Status>(world.workspaces().report_activities(as_caller(caller, request)).await?.into_inner().moved)
    };
    let (chat, service) = (pb::ActivityReason::Chat.into(), Caller::service("chat", None));
    let named = || vec![ids[0].1.clone(), world.uuid().to_string(), ids[2].1.clone()];
    expect(report(&world.owner, named(), chat).await, Code::PermissionDenied, "DENIED");
    expect(report(&service, named(), 0).await, Code::InvalidArgument, "INVALID_REQUEST");
    expect(report(&service, vec!["w".to_owned()], chat).await, Code::InvalidArgument, "INVALID_REQUEST");
    expect(report(&service, vec![ids[0].1.clone(); 1001], chat).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(report(&service, vec![], chat).await.expect("nothing"), 0);

    let mut changes = world.changes(&ids[2].1).await;
    assert_eq!(report(&service, named(), chat).await.expect("known"), 2);
    assert!(changes.arrived().await, "whoever watches it is told");
    assert_eq!(report(&service, named(), chat).await.expect("known"), 0, "that gains nothing");
    for (index, later) in [(0, 3600), (1, 600), (2, 3600)] {
        let found = world.get(&ids[index].0, &ids[index].1).await.expect("found");
        assert_eq!(deadline(&found), Some(began + Duration::from_secs(later)), "{index}");
        assert_eq!(found.last_use_time.is_some(), index != 1, "{index}");
    }
    world.resolve(&ids[1].0, &ids[1].1).await.expect("an agent");
    for counted in ["chat", "connection"].into_iter().zip([2, 1]) {
        let line = format!("chatmesh_workspaces_activity_bumps_total{{reason=\"{}\"}} {}\n", counted.0, counted.1);
        assert!(world.counted().contains(&line), "{line} is not in {}", world.counted());
    }
}

/// B.8: what people do in workspaces counts, each workspace for what is done in it, in one call.
#[tokio::test]
async fn workspaces_that_people_use_in_different_ways_run_on_and_are_counted_by_each() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        let request = pb::CreateWorkspaceRequest {
            template: "local".to_owned(),
            name: name.to_owned(),
            ttl_seconds: Some(600),
            ..pb::CreateWorkspaceRequest::default()
        };
        let created = world.workspaces().create_workspace(as_caller(&world.owner, request)).await.expect("created");
        ids.push(created.into_inner().workspace.expect("a workspace").id);
        world.run_job("p").await;
    }
    let began = chatmesh_core::Clock::now(&*world.clock);
    let gateway = Caller::service("gateway", None);
    let report = async |caller: &Caller, workspace_ids: &[&String], named: &[(&str, pb::ActivityReason)]| {
        let activity = |(id, reason): &(&str, pb::ActivityReason)| pb::WorkspaceActivity {
            workspace_id: (*id).to_owned(),
            reason: (*reason).into(),
        };
        let request = pb::ReportActivitiesRequest {
            workspace_ids: workspace_ids.iter().map(|id| (*id).clone()).collect(),
            reason: pb::ActivityReason::Repository.into(),
            activities: named.iter().map(activity).collect(),
        };
        Ok::<_, Status>(world.workspaces().report_activities(as_caller(caller, request)).await?.into_inner().moved)
    };
    use pb::ActivityReason::{PortForward, Terminal, Unspecified};
    let [one, two, three] = [&ids[0], &ids[1], &ids[2]];
    expect(report(&world.owner, &[], &[(one, Terminal)]).await, Code::PermissionDenied, "DENIED");
    for bad in [(one.as_str(), Unspecified), ("w", Terminal)] {
        expect(report(&gateway, &[], &[bad]).await, Code::InvalidArgument, "INVALID_REQUEST");
    }
    let many = vec![(one.as_str(), Terminal); 1000];
    expect(report(&gateway, &[one], &many).await, Code::InvalidArgument, "INVALID_REQUEST");

    let unknown = world.uuid().to_string();
    let named = [(one.as_str(), Terminal), (&unknown, Terminal), (two, PortForward), (one, PortForward)];
    assert_eq!(report(&gateway, &[three], &named).await.expect("known"), 3);
    assert_eq!(report(&gateway, &[three], &named).await.expect("known"), 0, "that gains nothing");
    for id in &ids {
        let found = world.get(&world.owner, id).await.expect("found");
        assert_eq!(deadline(&found), Some(began + Duration::from_secs(3600)));
        assert!(found.last_use_time.is_some());
    }
    for reason in ["terminal", "port_forward", "repository"] {
        let line = format!("chatmesh_workspaces_activity_bumps_total{{reason=\"{reason}\"}} 1\n");
        assert!(world.counted().contains(&line), "{line} is not in {}", world.counted());
    }
}

/// B.8: a template says how long its workspaces run at most, and nothing makes it longer.
#[tokio::test]
async fn a_workspace_runs_no_longer_than_its_template_lets_it() {
    let world = World::new().await;
    world.bound_to_two_hours().await;
    let (hour, owner) = (Duration::from_secs(3600), &world.owner);
    let refused = expect(world.create_for(Some(7201)).await, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert!(refused.message().contains("`ttl_seconds` must be 7200 at most: the template lets"), "{refused}");
    let id = world.create_for(None).await.expect("created").id;
    world.run_job("p").await;
    let began = chatmesh_core::Clock::now(&*world.clock);
    let found = async || world.get(owner, &id).await.expect("found");
    let last = |workspace: &pb::Workspace| {
        let time = workspace.latest_build.as_ref().and_then(|build| build.max_deadline);
        time.map(|time| Timestamp::try_from(time).expect("a time"))
    };
    let workspace = found().await;
    assert_eq!((deadline(&workspace), last(&workspace)), (Some(began + hour * 3 / 2), Some(began + 2 * hour)));

    world.clock.advance(hour * 4 / 3);
    let chat = pb::ActivityReason::Chat.into();
    for _ in 0..2 {
        let moved = world.used(owner, &id, chat).await.expect("known");
        assert_eq!(moved, Some(began + 2 * hour), "the hour that it gains ends later");
    }
    let refused = world.set_ttl(owner, &id, Some(7201)).await;
    let refused = expect(refused, Code::InvalidArgument, "INVALID_PARAMETERS");
    assert!(refused.message().contains("run for 2h after each start"), "{refused}");
    for ttl in [7200, 0] {
        let changed = world.set_ttl(owner, &id, Some(ttl)).await.expect("changed");
        assert_eq!(deadline(&changed), Some(began + 2 * hour), "{ttl}");
    }
    let changed = world.set_ttl(owner, &id, Some(60)).await.expect("changed");
    assert_eq!(deadline(&changed), Some(began + hour * 4 / 3 + hour / 60));

    world.stop(owner, &id, "").await.expect("stopping");
    world.run_job("p").await;
    let stopped = found().await;
    assert_eq!((deadline(&stopped), last(&stopped)), (None, None));
    world.start(owner, &id, "").await.expect("starting");
    world.run_job("p").await;
    let again = chatmesh_core::Clock::now(&*world.clock);
    assert_eq!(last(&found().await), Some(again + 2 * hour), "each start counts anew");
}

/// A.3: no model can mend what the settings of the deployment ask for, so it is made to fit.
#[tokio::test]
async fn the_time_that_tools_ask_for_is_bounded_by_the_template_and_that_of_people_is_refused() {
    for (ttl, bounded, runs_for) in [(None, None, 5400), (Some(600), Some(600), 600), (Some(28_800), Some(7200), 7200)]
    {
        let world = World::new().await;
        world.bound_to_two_hours().await;
        if ttl != bounded {
            expect(world.create_for(ttl).await, Code::InvalidArgument, "INVALID_PARAMETERS");
        }
        let created = world.create_by(&world.tools(), ttl).await.expect("created");
        assert_eq!(created.ttl_seconds, bounded);
        world.run_job("p").await;
        let found = world.get(&world.owner, &created.id).await.expect("found");
        let until = chatmesh_core::Clock::now(&*world.clock) + Duration::from_secs(runs_for);
        assert_eq!((found.ttl_seconds, deadline(&found)), (bounded, Some(until)));
    }
}

/// B.8: a workspace that could not be stopped is not forgotten.
#[tokio::test]
async fn a_workspace_whose_stop_failed_is_stopped_by_the_service() {
    let world = World::new().await;
    let id = world.create(&world.owner, "local", "dev", "").await.expect("created").id;
    world.run_job("p").await;
    world.stop(&world.owner, &id, "").await.expect("stopping");
    let job = world.lease("p").await.expect("leased").expect("a job");
    world.fail("p", &job.build_id).await.expect("failed");
    let found = async || world.get(&world.owner, &id).await.expect("found");
    assert!(deadline(&found().await).is_some(), "whoever looks sees when it is tried again");
    world.clock.advance(Duration::from_secs(60));
    let mut changes = world.changes(&id).await;
    world.start_upkeep();
    let mut build = found().await.latest_build.expect("a build");
    while build.id == job.build_id {
        changes.arrived().await;
        build = found().await.latest_build.expect("a build");
    }
    assert_eq!((build.transition(), build.reason()), (pb::Transition::Stop, pb::BuildReason::Autostop));
    world.run_job("p").await;
    assert_eq!(found().await.status(), pb::WorkspaceStatus::Stopped);
}

/// B.8: whoever acquires a connection uses the workspace, without saying so.
#[tokio::test]
async fn whoever_asks_for_the_agent_of_a_workspace_uses_it() {
    let world = World::new().await;
    let created = world.create_for(Some(600)).await.expect("created");
    world.run_job("p").await;
    let began = chatmesh_core::Clock::now(&*world.clock);
    assert!(world.get(&world.owner, &created.id).await.expect("found").last_use_time.is_none());
    world.resolve(&world.owner, &created.id).await.expect("an agent");
    let found = world.get(&world.owner, &created.id).await.expect("found");
    assert_eq!(deadline(&found), Some(began + Duration::from_secs(3600)));
    assert!(found.last_use_time.is_some());
}

/// What a provisioner was asked to give up ends by itself where that one is gone.
#[tokio::test]
async fn a_build_that_nobody_answers_for_is_given_up_by_the_service() {
    let world = World::new().await;
    let id = world.create(&world.owner, "local", "dev", "").await.expect("created").id;
    let build = world.lease("p").await.expect("leased").expect("a job").build_id;
    let request = pb::CancelBuildRequest { workspace_id: id.clone(), build_id: build.clone() };
    world.workspaces().cancel_build(as_caller(&world.owner, request)).await.expect("asked");
    world.clock.advance(Duration::from_secs(30));
    let request = pb::WaitBuildRequest { workspace_id: id, build_id: build, timeout_seconds: 20 };
    world.start_upkeep();
    let ended = world.workspaces().wait_build(as_caller(&world.owner, request)).await.expect("it ended");
    assert_eq!(ended.into_inner().build.expect("a build").status(), pb::BuildStatus::Canceled);
}

/// L01, B.1: a template that the tools of chats may not use is one for people alone.
#[tokio::test]
async fn the_tools_of_chats_make_no_workspace_of_what_they_may_not_use() {
    let world = World::new().await;
    let tools = world.tools();
    world.change(pb::UpdateTemplateRequest { allowed_for_agents: Some(false), ..Default::default() }).await;
    let listed = async |caller: &Caller, for_agents| {
        let request = pb::ListTemplatesRequest { for_agents, with_usage: true, ..pb::ListTemplatesRequest::default() };
        let reply = world.workspaces().list_templates(as_caller(caller, request)).await.expect("listed");
        reply.into_inner().templates
    };
    assert_eq!(listed(&tools, true).await, []);
    assert_eq!(listed(&tools, false).await.len(), 1);
    let denied = world.create(&tools, "local", "dev", "").await;
    expect(denied, Code::PermissionDenied, "TEMPLATE_NOT_ALLOWED");
    world.create(&world.owner, "local", "dev", "").await.expect("people may");

    world.change(pb::UpdateTemplateRequest { allowed_for_agents: Some(true), ..Default::default() }).await;
    world.create(&tools, "local", "two", "").await.expect("created");
    let found = listed(&tools, true).await;
    let usage = found[0].usage.expect("asked for");
    assert_eq!((usage.active_developers, usage.your_workspace_count), (1, 2));
    assert!(usage.last_used_by_you.is_some());
}

#[tokio::test]
async fn a_template_that_is_put_away_or_deleted_has_no_new_workspaces() {
    let world = World::new().await;
    let id = world.create(&world.owner, "local", "dev", "").await.expect("created").id;
    world.run_job("p").await;
    world.change(pb::UpdateTemplateRequest { archived: Some(true), ..Default::default() }).await;
    assert_eq!(world.list_templates(&world.owner).await.expect("listed").templates, []);
    let refused = world.create(&world.owner, "local", "two", "").await;
    expect(refused, Code::FailedPrecondition, "TEMPLATE_ARCHIVED");
    world.stop(&world.owner, &id, "").await.expect("stopping");
    world.run_job("p").await;
    world.start(&world.owner, &id, "").await.expect("what is there goes on");
    world.run_job("p").await;

    let admin = world.administrator();
    expect(world.delete_template(&world.owner, "local").await, Code::PermissionDenied, "DENIED");
    let used = expect(world.delete_template(&admin, "local").await, Code::FailedPrecondition, "TEMPLATE_IN_USE");
    assert!(used.message().contains("1 workspaces"), "{used}");
    world.delete(&world.owner, &id).await.expect("deleting");
    world.run_job("p").await;
    world.delete_template(&admin, "local").await.expect("deleted");
    expect(world.create(&world.owner, "local", "two", "").await, Code::NotFound, "NOT_FOUND");
    expect(world.delete_template(&admin, "local").await, Code::NotFound, "NOT_FOUND");
}
