//! The RPCs over an in-process transport: who may do what, and what callers are told.

mod agents;
mod builds;
mod by_hand;
mod chats;
mod credits;
mod idle;
mod lifecycle;
mod prebuilds;
mod templates;
mod unreadable;
mod versions;
mod world;

use std::time::Duration;

use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::Config;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use world::{World, as_caller, service};

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

fn expect<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, wanted: &str) -> Status {
    let status = result.expect_err(wanted);
    assert_eq!((status.code(), reason(&status).as_str()), (code, wanted), "{status}");
    status
}

#[tokio::test]
async fn the_first_template_is_there_and_stays_one() {
    let world = World::new().await;
    world.restart(Config::default()).await;
    let found = world.list_templates(&world.owner).await.expect("listed").templates;
    let names: Vec<_> = found.iter().map(|template| (template.name.as_str(), template.provisioner.as_str())).collect();
    assert_eq!(names, [("local", "local")]);
    let by_id = world.create(&world.owner, &found[0].id, "dev", "").await.expect("created");
    assert_eq!(by_id.template, "local");
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let world = World::new().await;
    let status =
        expect(world.create(&world.owner, "", "No Spaces", "x").await, Code::InvalidArgument, "INVALID_REQUEST");
    let fields = status.get_details_bad_request().expect("details").field_violations;
    let fields: Vec<_> = fields.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(fields, ["name", "template", "request_id"]);
    expect(world.create(&world.owner, "nonsense", "dev", "").await, Code::NotFound, "NOT_FOUND");
}

#[tokio::test]
async fn a_workspace_goes_through_its_life() {
    let world = World::new().await;
    let owner = &world.owner;
    let created = world.create(owner, "local", "dev", "").await.expect("created");
    assert_eq!(created.status(), pb::WorkspaceStatus::Pending);
    let status = expect(world.resolve(owner, &created.id).await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
    assert!(status.message().contains("wait until it runs"), "{status}");
    for result in [world.start(owner, &created.id, "").await, world.stop(owner, &created.id, "").await] {
        expect(result, Code::FailedPrecondition, "BUILD_ACTIVE");
    }

    let job = world.lease("p").await.expect("leased").expect("a job");
    assert_eq!((job.transition(), job.provisioner.as_str()), (jobs::JobTransition::Start, "local"));
    assert_eq!((job.workspace_name.as_str(), &job.owner_id), ("dev", &created.owner_id));
    assert!(job.agent_token.starts_with("cma_"));
    assert_eq!(world.get(owner, &created.id).await.expect("found").status(), pb::WorkspaceStatus::Starting);
    world.complete("p", &job.build_id).await.expect("completed");
    world.complete("p", &job.build_id).await.expect("completed again");
    expect(world.fail("p", &job.build_id).await, Code::Aborted, "LEASE_LOST");

    let running = world.get(owner, &created.id).await.expect("found");
    assert_eq!(running.status(), pb::WorkspaceStatus::Running);
    let agent = world.resolve(owner, &created.id).await.expect("an agent");
    assert_eq!((&agent.id, agent.status()), (&job.agent_id, pb::AgentStatus::Connecting));
    assert_eq!((running.agent.as_ref(), running.agents.as_slice()), (Some(&agent), std::slice::from_ref(&agent)));
    assert_eq!((agent.name.as_str(), agent.display_order, agent.parent_id.as_str()), ("main", 0, ""));
    expect(world.start(owner, &created.id, "").await, Code::FailedPrecondition, "WORKSPACE_ALREADY_RUNNING");

    world.stop(owner, &created.id, "").await.expect("stopping");
    let job = world.run_job("p").await;
    assert_eq!((job.transition(), job.agent_token.as_str()), (jobs::JobTransition::Stop, ""));
    expect(world.stop(owner, &created.id, "").await, Code::FailedPrecondition, "WORKSPACE_ALREADY_STOPPED");
    let status = expect(world.resolve(owner, &created.id).await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
    assert!(status.message().contains("`dev`") && status.message().contains("start it"), "{status}");

    let delete = world.delete(owner, &created.id).await.expect("deleting");
    assert_eq!((delete.build_number, delete.transition()), (3, pb::Transition::Delete));
    world.run_job("p").await;
    expect(world.get(owner, &created.id).await, Code::NotFound, "WORKSPACE_DELETED");
    expect(world.resolve(owner, &created.id).await, Code::NotFound, "WORKSPACE_DELETED");
    expect(world.start(owner, &created.id, "").await, Code::NotFound, "WORKSPACE_DELETED");
    assert_eq!(world.list(owner).await.expect("listed"), []);
    let again = world.create(owner, "local", "dev", "").await.expect("the name is free again");
    assert_ne!(again.id, created.id);
}

#[tokio::test]
async fn a_failed_build_is_told_and_can_be_tried_again() {
    let world = World::new().await;
    let created = world.create(&world.owner, "local", "dev", "").await.expect("created");
    let job = world.lease("p").await.expect("leased").expect("a job");
    world.fail("p", &job.build_id).await.expect("failed");
    world.fail("p", &job.build_id).await.expect("failed again");
    let found = world.get(&world.owner, &created.id).await.expect("found");
    assert_eq!(found.status(), pb::WorkspaceStatus::Failed);
    assert_eq!(found.latest_build.expect("a build").error, "disk full");
    let status = world.resolve(&world.owner, &created.id).await.expect_err("not running");
    assert!(status.message().contains("disk full"), "{status}");
    world.start(&world.owner, &created.id, "").await.expect("tried again");
}

#[tokio::test]
async fn what_is_somebody_elses_looks_like_what_does_not_exist() {
    let world = World::new().await;
    let id = world.create(&world.owner, "local", "dev", "").await.expect("created").id;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    let stranger = Caller::user(UserId(world.uuid()), Role::Admin);
    let behind_service = Caller::service("tools", stranger.user_and_role());
    for caller in [&stranger, &behind_service] {
        let texts = async |id: &str| {
            let statuses = [
                world.get(caller, id).await.expect_err("hidden"),
                world.start(caller, id, "").await.expect_err("hidden"),
                world.stop(caller, id, "").await.expect_err("hidden"),
                world.delete(caller, id).await.expect_err("hidden"),
                world.list_builds(caller, id).await.expect_err("hidden"),
                world.resolve(caller, id).await.expect_err("hidden"),
            ];
            statuses.map(|status| (status.code(), reason(&status), status.message().replace(id, "ID")))
        };
        assert_eq!(texts(&id).await, texts(unknown).await);
        assert_eq!(world.list(caller).await.expect("listed"), []);
    }
    let for_owner = Caller::service("tools", world.owner.user_and_role());
    world.get(&for_owner, &id).await.expect("on behalf of the owner");
    let nobody = Caller::service("tools", None);
    expect(world.create(&nobody, "local", "dev", "").await, Code::PermissionDenied, "DENIED");
}

#[tokio::test]
async fn provisioners_and_agents_are_served_to_services_alone() {
    let world = World::new().await;
    let user = &world.owner;
    let id = world.uuid().to_string();
    expect(world.lease_as(user, "p").await, Code::PermissionDenied, "DENIED");
    expect(world.renew_as(user, "p", &id).await, Code::PermissionDenied, "DENIED");
    expect(world.complete_as(user, "p", &id).await, Code::PermissionDenied, "DENIED");
    expect(world.fail_as(user, "p", &id).await, Code::PermissionDenied, "DENIED");
    expect(world.authenticate_as(user, "token").await, Code::PermissionDenied, "DENIED");
    expect(world.report_as(user, &id, 1, true).await, Code::PermissionDenied, "DENIED");
}

#[tokio::test]
async fn a_request_that_is_repeated_has_one_result() {
    let world = World::new().await;
    let owner = &world.owner;
    let request = world.uuid().to_string();
    let first = world.create(owner, "local", "dev", &request).await.expect("created");
    let again = world.create(owner, "local", "dev", &request).await.expect("repeated");
    assert_eq!(first, again);
    expect(world.create(owner, "local", "dev", "").await, Code::AlreadyExists, "WORKSPACE_EXISTS");
    world.run_job("p").await;

    let leaving = world.create(owner, "local", "leaving", "").await.expect("created").id;
    world.run_job("p").await;
    world.delete(owner, &leaving).await.expect("deleting");
    let status = world.create(owner, "local", "leaving", "").await;
    let status = expect(status, Code::FailedPrecondition, "WORKSPACE_BEING_DELETED");
    assert!(status.message().contains("try again when it is gone"), "{status}");
    world.run_job("p").await;
    world.create(owner, "local", "leaving", "").await.expect("the name is free");
    world.run_job("p").await;

    let request = world.uuid().to_string();
    let stop = world.stop(owner, &first.id, &request).await.expect("stopping");
    assert_eq!(world.stop(owner, &first.id, &request).await.expect("repeated"), stop);
    world.run_job("p").await;
    assert_eq!(world.stop(owner, &first.id, &request).await.expect("repeated").id, stop.id);
    let status = expect(world.start(owner, &first.id, &request).await, Code::InvalidArgument, "INVALID_REQUEST");
    assert!(status.message().contains("request_id"));
    assert_eq!(world.list_builds(owner, &first.id).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn an_agent_counts_until_its_build_is_superseded() {
    let world = World::new().await;
    let id = world.create(&world.owner, "local", "dev", "").await.expect("created").id;
    let job = world.lease("p").await.expect("leased").expect("a job");
    expect(world.authenticate("cma_unknown").await, Code::Unauthenticated, "INVALID_AGENT_TOKEN");
    let agent = world.authenticate(&job.agent_token).await.expect("known");
    assert_eq!((&agent.id, &agent.workspace_id, &agent.build_id), (&job.agent_id, &id, &job.build_id));
    world.complete("p", &job.build_id).await.expect("completed");

    let mut changes = world.changes(&id).await;
    assert!(world.report(&agent.id, 1, true).await.expect("reported"));
    assert!(changes.arrived().await, "a connection is told");
    assert!(world.report(&agent.id, 1, true).await.expect("reported"));
    assert!(!changes.arrived().await, "a heartbeat is not");
    assert_eq!(world.resolve(&world.owner, &id).await.expect("an agent").status(), pb::AgentStatus::Connected);
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(world.resolve(&world.owner, &id).await.expect("an agent").status(), pb::AgentStatus::Disconnected);

    // What runs on stop runs now, and is reported.
    world.stop(&world.owner, &id, "").await.expect("stopping");
    assert_eq!(world.authenticate(&job.agent_token).await.expect("still known").id, agent.id);
    assert!(world.report(&agent.id, 1, true).await.expect("reported"));
    world.run_job("p").await;
    expect(world.authenticate(&job.agent_token).await, Code::PermissionDenied, "AGENT_SUPERSEDED");
    assert!(!world.report(&agent.id, 1, true).await.expect("reported"));
    expect(world.report(&world.uuid().to_string(), 1, true).await.map(drop), Code::NotFound, "NOT_FOUND");
}

/// A session that began with a token which another one has replaced is to end, whoever holds it.
#[tokio::test]
async fn a_session_counts_as_long_as_its_token() {
    let world = World::new().await;
    world.create(&world.owner, "local", "dev", "").await.expect("created");
    let issued = async |token: &str| {
        let request = pb::AuthenticateAgentRequest { token: token.to_owned() };
        let known =
            world.agents().authenticate_agent(as_caller(&service(), request)).await.expect("known").into_inner();
        (known.agent.expect("an agent").id, known.token_issue_time.expect("a time"))
    };
    let first = world.lease("p").await.expect("leased").expect("a job");
    let (agent_id, first) = issued(&first.agent_token).await;
    let is_current = async |token| {
        let request = pb::ReportConnectionRequest {
            agent_id: agent_id.clone(),
            epoch: 1,
            connected: true,
            token_issue_time: Some(token),
        };
        world.agents().report_connection(as_caller(&service(), request)).await.expect("reported").into_inner().current
    };
    assert!(is_current(first).await);
    world.clock.advance(Duration::from_secs(3600));
    let second = world.lease("q").await.expect("leased").expect("the same job");
    let (same, second) = issued(&second.agent_token).await;
    assert_eq!(same, agent_id);
    assert!(!is_current(first).await, "the lease was lost, and the token with it");
    assert!(is_current(second).await);
}

#[tokio::test]
async fn a_lost_lease_aborts_and_its_token_stops_to_work() {
    let world = World::new().await;
    world.create(&world.owner, "local", "dev", "").await.expect("created");
    let first = world.lease("one").await.expect("leased").expect("a job");
    world.clock.advance(Duration::from_secs(20));
    world.renew("one", &first.build_id).await.expect("renewed");
    world.clock.advance(Duration::from_secs(29));
    let other = tokio::time::timeout(Duration::from_millis(300), world.lease("two")).await;
    assert!(other.is_err(), "the lease still holds");

    world.clock.advance(Duration::from_secs(1));
    let second = world.lease("two").await.expect("leased").expect("a job");
    assert_eq!((&second.build_id, &second.agent_id), (&first.build_id, &first.agent_id));
    assert_ne!(second.agent_token, first.agent_token);
    expect(world.renew("one", &first.build_id).await, Code::Aborted, "LEASE_LOST");
    expect(world.complete("one", &first.build_id).await, Code::Aborted, "LEASE_LOST");
    expect(world.fail("one", &first.build_id).await, Code::Aborted, "LEASE_LOST");
    expect(world.authenticate(&first.agent_token).await, Code::Unauthenticated, "INVALID_AGENT_TOKEN");
    world.authenticate(&second.agent_token).await.expect("the new token works");
    world.complete("two", &second.build_id).await.expect("completed");
    expect(world.complete("two", &world.uuid().to_string()).await, Code::NotFound, "NOT_FOUND");
}

/// Who takes stops and deletions alone is not given what starts, and waits for what it takes.
#[tokio::test]
async fn a_provisioner_says_what_it_does_to_workspaces() {
    let world = World::new().await;
    let ends = [jobs::JobTransition::Stop, jobs::JobTransition::Delete];
    let running = world.create(&world.owner, "local", "running", "").await.expect("created");
    world.run_job("p").await;
    let waiting = world.create(&world.owner, "local", "waiting", "").await.expect("created");
    let caller = service();
    let (job, stop) = tokio::join!(world.lease_of(&caller, "p", &ends), world.stop(&world.owner, &running.id, ""));
    let job = job.expect("leased").expect("a job");
    assert_eq!((&job.workspace_id, job.transition()), (&running.id, jobs::JobTransition::Stop), "{stop:?}");
    let job = world.lease("p").await.expect("leased").expect("a job");
    assert_eq!(job.workspace_id, waiting.id);
    let unknown = world.lease_of(&service(), "p", &[jobs::JobTransition::Unspecified]).await;
    expect(unknown, Code::InvalidArgument, "INVALID_REQUEST");
}

#[tokio::test]
async fn who_waits_for_a_build_is_woken_and_never_waits_for_ever() {
    let world = World::new().await;
    let (job, created) = tokio::join!(world.lease("p"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.create(&world.owner, "local", "dev", "").await.expect("created")
    });
    assert_eq!(job.expect("leased").expect("a job").workspace_id, created.id);

    let (job, ()) = tokio::join!(world.lease("p"), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.tasks.shutdown().begin();
    });
    assert_eq!(job.expect("answered"), None);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.create(&world.owner, "local", name, "").await.expect("created");
    }
    let first = world.list_page(&world.owner, 2, "").await.expect("listed");
    let names = |page: &pb::ListWorkspacesResponse| {
        page.workspaces.iter().map(|workspace| workspace.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["a", "b"]);
    let second = world.list_page(&world.owner, 2, &first.next_page_token).await.expect("listed");
    assert_eq!((names(&second), second.next_page_token.as_str()), (vec!["c".to_owned()], ""));
    expect(world.list_page(&world.owner, -1, "x").await, Code::InvalidArgument, "INVALID_REQUEST");
}
