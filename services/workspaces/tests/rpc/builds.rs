//! Builds: what provisioners are told of them, what they say of them, and how people follow them and give them up.

use std::collections::HashMap;

use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use tonic::{Code, Status, Streaming};

use crate::expect;
use crate::world::{World, as_caller, service};

const MANIFEST: &str = r#"
[[agents]]
name = "web"
[[agents]]
name = "dev-chat"
[[parameters]]
name = "size"
type = "number"
default = 2
[timeouts]
build = "5m"
startup = "90s"
"#;

impl World {
    fn stranger(&self) -> Caller {
        Caller::user(UserId(self.uuid()), Role::Member)
    }

    /// A workspace with a build that `p` carries out.
    async fn building(&self, name: &str) -> jobs::Job {
        self.create(&self.owner, "local", name, "").await.expect("created");
        self.lease("p").await.expect("leased").expect("a job")
    }

    async fn append(&self, holder: &str, build: &str, lines: &[(u64, &str)]) -> Result<(), Status> {
        self.append_as(&service(), holder, build, lines).await
    }

    async fn append_as(&self, caller: &Caller, holder: &str, build: &str, lines: &[(u64, &str)]) -> Result<(), Status> {
        let line = |(number, text): &(u64, &str)| jobs::JobLogLine {
            number: *number,
            stage: "make it".to_owned(),
            text: (*text).to_owned(),
            ..jobs::JobLogLine::default()
        };
        let request = jobs::AppendJobLogsRequest {
            provisioner_id: holder.to_owned(),
            build_id: build.to_owned(),
            lines: lines.iter().map(line).collect(),
        };
        self.jobs().append_job_logs(as_caller(caller, request)).await.map(drop)
    }

    async fn watch(
        &self,
        caller: &Caller,
        build: &str,
        after_number: u64,
    ) -> Result<Streaming<pb::WatchBuildLogsResponse>, Status> {
        let request =
            pb::WatchBuildLogsRequest { workspace_id: String::new(), build_id: build.to_owned(), after_number };
        Ok(self.workspaces().watch_build_logs(as_caller(caller, request)).await?.into_inner())
    }

    async fn page(
        &self,
        caller: &Caller,
        build: &str,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListBuildLogsResponse, Status> {
        let request = pb::ListBuildLogsRequest {
            workspace_id: String::new(),
            build_id: build.to_owned(),
            page_size,
            page_token: page_token.to_owned(),
        };
        Ok(self.workspaces().list_build_logs(as_caller(caller, request)).await?.into_inner())
    }

    async fn get_build(&self, caller: &Caller, workspace: &str, build: &str) -> Result<pb::Build, Status> {
        let request = pb::GetBuildRequest { workspace_id: workspace.to_owned(), build_id: build.to_owned() };
        let reply = self.workspaces().get_build(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    async fn wait(&self, caller: &Caller, build: &str) -> Result<pb::Build, Status> {
        let request =
            pb::WaitBuildRequest { workspace_id: String::new(), build_id: build.to_owned(), timeout_seconds: 20 };
        let reply = self.workspaces().wait_build(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    async fn cancel(&self, caller: &Caller, build: &str) -> Result<pb::Build, Status> {
        let request = pb::CancelBuildRequest { workspace_id: String::new(), build_id: build.to_owned() };
        let reply = self.workspaces().cancel_build(as_caller(caller, request)).await?;
        Ok(reply.into_inner().build.expect("a build"))
    }

    async fn cancel_requested(&self, build: &str) -> bool {
        let request = jobs::RenewLeaseRequest { provisioner_id: "p".to_owned(), build_id: build.to_owned() };
        let reply = self.jobs().renew_lease(as_caller(&service(), request)).await.expect("renewed");
        reply.into_inner().cancel_requested
    }

    async fn fail_with(&self, build: &str, code: jobs::JobErrorCode) -> Result<(), Status> {
        let request = jobs::FailJobRequest {
            provisioner_id: "p".to_owned(),
            build_id: build.to_owned(),
            error: "what went wrong".to_owned(),
            error_code: code.into(),
            ..jobs::FailJobRequest::default()
        };
        self.jobs().fail_job(as_caller(&service(), request)).await.map(drop)
    }
}

fn texts(lines: &[pb::BuildLogLine]) -> Vec<(u64, &str)> {
    lines.iter().map(|line| (line.number, line.text.as_str())).collect()
}

async fn next(events: &mut Streaming<pb::WatchBuildLogsResponse>) -> pb::WatchBuildLogsResponse {
    events.message().await.expect("no error").expect("an event")
}

#[tokio::test]
async fn a_provisioner_is_told_all_that_it_needs() {
    let world = World::new().await;
    let request = pb::PushTemplateVersionRequest {
        template: "go".to_owned(),
        manifest: MANIFEST.to_owned(),
        ..pb::PushTemplateVersionRequest::default()
    };
    let admin = Caller::user(UserId(world.uuid()), Role::Admin);
    world.templates().push_template_version(as_caller(&admin, request)).await.expect("pushed");
    let created = world.create(&world.owner, "go", "dev", "").await.expect("created");
    let timeouts = created.latest_build.expect("a build").timeouts.expect("timeouts");
    assert_eq!((timeouts.build_seconds, timeouts.connection_seconds, timeouts.startup_seconds), (300, 0, 90));

    let job = world.lease("p").await.expect("leased").expect("a job");
    assert_eq!((job.template.as_str(), job.template_version, job.settings.as_str()), ("go", 1, ""));
    assert_eq!(job.parameters, HashMap::from([("size".to_owned(), "2".to_owned())]));
    let names: Vec<_> = job.agents.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["web", "dev-chat"]);
    assert_eq!((&job.agent_id, &job.agent_token), (&job.agents[0].id, &job.agents[0].token));
    world.complete("p", &job.build_id).await.expect("completed");
    for agent in &job.agents {
        let known = world.authenticate(&agent.token).await.expect("known");
        assert_eq!((&known.id, &known.name), (&agent.id, &agent.name));
    }
    let chosen = world.resolve(&world.owner, &created.id).await.expect("an agent");
    assert_eq!(chosen.name, "dev-chat");
    world.stop(&world.owner, &created.id, "").await.expect("stopping");
    let stop = world.lease("p").await.expect("leased").expect("a job");
    assert_eq!((stop.template_version, stop.parameters.len(), stop.agents.len()), (1, 1, 0));
    assert!(stop.agent_id.is_empty() && stop.agent_token.is_empty());
}

/// B.5: the log is followed live, from any line on, and ends with the build.
#[tokio::test]
async fn a_log_is_followed_from_any_line_until_the_build_has_ended() {
    let world = World::new().await;
    let build = world.building("dev").await.build_id;
    world.append("p", &build, &[(1, "one"), (2, "two")]).await.expect("kept");
    let mut all = world.watch(&world.owner, &build, 0).await.expect("a stream");
    let mut rest = world.watch(&world.owner, &build, 1).await.expect("a stream");
    assert_eq!(texts(&next(&mut all).await.lines), [(1, "one"), (2, "two")]);
    assert_eq!(texts(&next(&mut rest).await.lines), [(2, "two")]);

    // Nothing but the hint wakes them: the poll behind it is slower than this test.
    world.append("p", &build, &[(2, "two"), (5, "five")]).await.expect("kept");
    for events in [&mut all, &mut rest] {
        let event = next(events).await;
        assert_eq!(texts(&event.lines), [(5, "five")]);
        assert_eq!((event.lines[0].dropped_lines, event.lines[0].stage.as_str()), (2, "make it"));
        assert!(event.build.is_none() && event.lines[0].time.is_some());
    }
    world.complete("p", &build).await.expect("completed");
    for events in [&mut all, &mut rest] {
        let last = next(events).await;
        assert_eq!(last.lines, []);
        assert_eq!(last.build.expect("the end").status(), pb::BuildStatus::Succeeded);
        assert!(events.message().await.expect("no error").is_none(), "the stream ends");
    }
    let mut late = world.watch(&world.owner, &build, 2).await.expect("a stream");
    let line = next(&mut late).await;
    assert_eq!((texts(&line.lines), line.lines[0].dropped_lines), (vec![(5, "five")], 2));
    assert!(next(&mut late).await.build.is_some());

    let first = world.page(&world.owner, &build, 2, "").await.expect("listed");
    assert_eq!(texts(&first.lines), [(1, "one"), (2, "two")]);
    let second = world.page(&world.owner, &build, 2, &first.next_page_token).await.expect("listed");
    assert_eq!((texts(&second.lines), second.next_page_token.as_str()), (vec![(5, "five")], ""));
    assert_eq!(second.lines[0].dropped_lines, 2);
}

#[tokio::test]
async fn what_is_said_of_a_build_is_only_its_provisioners_and_only_its_owner_hears_it() {
    let world = World::new().await;
    let job = world.building("dev").await;
    let build = job.build_id;
    expect(world.append("q", &build, &[(1, "x")]).await, Code::Aborted, "LEASE_LOST");
    let denied = world.append_as(&world.owner, "p", &build, &[(1, "x")]).await;
    expect(denied, Code::PermissionDenied, "DENIED");
    expect(world.append("p", &build, &[(0, "x")]).await, Code::InvalidArgument, "INVALID_REQUEST");
    let many: Vec<(u64, &str)> = (1..=1001).map(|number| (number, "x")).collect();
    expect(world.append("p", &build, &many).await, Code::InvalidArgument, "INVALID_REQUEST");
    world.append("p", &build, &[]).await.expect("nothing to keep");

    let other = world.create(&world.owner, "local", "other", "").await.expect("created").id;
    let stranger = world.stranger();
    expect(world.get_build(&stranger, "", &build).await, Code::NotFound, "NOT_FOUND");
    expect(world.get_build(&world.owner, &other, &build).await, Code::NotFound, "NOT_FOUND");
    expect(world.page(&stranger, &build, 0, "").await, Code::NotFound, "NOT_FOUND");
    expect(world.watch(&stranger, &build, 0).await, Code::NotFound, "NOT_FOUND");
    expect(world.wait(&stranger, &build).await, Code::NotFound, "NOT_FOUND");
    expect(world.cancel(&stranger, &build).await, Code::NotFound, "NOT_FOUND");
    let found = world.get_build(&world.owner, &job.workspace_id, &build).await.expect("found");
    assert_eq!((found.id, found.reason), (build, pb::BuildReason::Initiator.into()));
    assert_eq!(Ok(found.initiator_id), world.owner.require_user().map(|id| id.to_string()));
    expect(world.get_build(&world.owner, "x", "y").await, Code::InvalidArgument, "INVALID_REQUEST");
}

/// L05: whoever waits for a build is told of its end, also where that deletes the workspace.
#[tokio::test]
async fn a_build_is_waited_for_until_it_has_ended() {
    let world = World::new().await;
    let job = world.building("dev").await;
    let ends = async {
        world.append("p", &job.build_id, &[(1, "x")]).await.expect("kept");
        world.complete("p", &job.build_id).await.expect("completed");
    };
    let (waited, ()) = tokio::join!(world.wait(&world.owner, &job.build_id), ends);
    assert_eq!(waited.expect("it ended").status(), pb::BuildStatus::Succeeded);
    assert_eq!(world.wait(&world.owner, &job.build_id).await.expect("at once").status(), pb::BuildStatus::Succeeded);

    let delete = world.delete(&world.owner, &job.workspace_id).await.expect("deleting").id;
    let ends = async { world.run_job("p").await };
    let (waited, _) = tokio::join!(world.wait(&world.owner, &delete), ends);
    assert_eq!(waited.expect("it ended").status(), pb::BuildStatus::Succeeded);
    expect(world.get(&world.owner, &job.workspace_id).await, Code::NotFound, "WORKSPACE_DELETED");
    assert_eq!(world.get_build(&world.owner, "", &delete).await.expect("still read").id, delete);
}

/// Whoever waits when a process ends is answered, and asks another one.
#[tokio::test]
async fn whoever_waits_or_follows_is_let_go_where_the_process_ends() {
    let world = World::new().await;
    let build = world.building("dev").await.build_id;
    let mut events = world.watch(&world.owner, &build, 0).await.expect("a stream");
    world.tasks.shutdown().begin();
    assert_eq!(world.wait(&world.owner, &build).await.expect("answered").status(), pb::BuildStatus::Running);
    assert_eq!(events.message().await.expect_err("an end").code(), Code::Unavailable);
}

/// L09: what is being given up is not done yet, and whoever waits goes on waiting.
#[tokio::test]
async fn a_build_is_given_up_by_whoever_carries_it_out() {
    let world = World::new().await;
    let owner = &world.owner;
    let waiting = world.create(owner, "local", "a", "").await.expect("created").latest_build.expect("a build").id;
    let canceled = world.cancel(owner, &waiting).await.expect("canceled");
    assert_eq!((canceled.status(), canceled.error_code()), (pb::BuildStatus::Canceled, pb::BuildErrorCode::Canceled));
    assert!(canceled.complete_time.is_some() && !canceled.error.is_empty());
    assert_eq!(world.cancel(owner, &waiting).await.expect("again"), canceled);

    let job = world.building("b").await;
    assert!(!world.cancel_requested(&job.build_id).await);
    assert_eq!(world.cancel(owner, &job.build_id).await.expect("asked").status(), pb::BuildStatus::Canceling);
    assert!(world.cancel_requested(&job.build_id).await);
    let found = world.get(owner, &job.workspace_id).await.expect("found");
    assert_eq!(found.status(), pb::WorkspaceStatus::Canceling);
    let refused = expect(world.stop(owner, &job.workspace_id, "").await, Code::FailedPrecondition, "BUILD_ACTIVE");
    assert!(refused.message().contains("being canceled"), "{refused}");
    let ends = async { world.fail_with(&job.build_id, jobs::JobErrorCode::Canceled).await.expect("given up") };
    let (waited, ()) = tokio::join!(world.wait(owner, &job.build_id), ends);
    let waited = waited.expect("it ended");
    assert_eq!((waited.status(), waited.error.as_str()), (pb::BuildStatus::Canceled, "what went wrong"));
    let status =
        expect(world.resolve(owner, &job.workspace_id).await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
    assert!(status.message().contains("its latest build was canceled"), "{status}");
    world.start(owner, &job.workspace_id, "").await.expect("it may be tried again");

    let done = world.run_job("p").await.build_id;
    expect(world.cancel(owner, &done).await, Code::FailedPrecondition, "BUILD_ENDED");
}

/// J.1 L06, L08: what a provisioner says is kept with its kind, and no kind is read out of its words.
#[tokio::test]
async fn a_failure_has_the_kind_that_its_provisioner_says() {
    use jobs::JobErrorCode as Said;
    use pb::BuildErrorCode as Kept;
    let world = World::new().await;
    for (number, said, kept) in [
        (1, Said::Unspecified, Kept::Unspecified),
        (2, Said::InvalidTemplate, Kept::InvalidTemplate),
        // Nobody asked for it.
        (3, Said::Canceled, Kept::Canceled),
    ] {
        let job = world.building(&format!("w-{number}")).await;
        world.fail_with(&job.build_id, said).await.expect("failed");
        let build = world.get_build(&world.owner, "", &job.build_id).await.expect("found");
        assert_eq!((build.status(), build.error_code()), (pb::BuildStatus::Failed, kept), "{said:?}");
    }
}
