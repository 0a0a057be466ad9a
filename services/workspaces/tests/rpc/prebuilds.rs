//! Workspaces that are made before anybody asks for them.

use std::time::{Duration, Instant};

use chatmesh_proto::agent::v1 as agent;
use chatmesh_proto::agent::v1::supervise_response::Report;
use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::PREBUILD_OWNER;
use tonic::Code;

use crate::expect;
use crate::world::{World, as_caller, service};

const MANIFEST: &str = "
[[parameters]]
name = 'size'
type = 'number'
default = 1
[[presets]]
name = 'large'
parameters = { size = 9 }
prebuilds = { instances = 2 }
";

impl World {
    pub(crate) async fn push_pooled(&self) {
        self.push_pooled_as("go").await;
    }

    /// The same for a template of this name.
    pub(crate) async fn push_pooled_as(&self, template: &str) {
        let admin = Caller::user(UserId(self.uuid()), Role::Admin);
        let request = pb::PushTemplateVersionRequest {
            template: template.to_owned(),
            manifest: MANIFEST.to_owned(),
            ..pb::PushTemplateVersionRequest::default()
        };
        self.templates().push_template_version(as_caller(&admin, request)).await.expect("pushed");
    }

    /// Lets the agent of a job connect and be ready.
    async fn be_ready(&self, job: &jobs::Job) {
        self.report(&job.agent_id, 1, true).await.expect("known");
        let state = agent::LifecycleState::Ready.into();
        let report = agent::LifecycleReport { state, ..agent::LifecycleReport::default() };
        let reports = vec![agent::SuperviseResponse { sequence: 1, report: Some(Report::Lifecycle(report)) }];
        let (agent_id, instance_id) = (job.agent_id.clone(), self.uuid().to_string());
        let request = pb::ReportLifecycleRequest { agent_id, instance_id, reports, epoch: 1 };
        self.agents().report_lifecycle(as_caller(&service(), request)).await.expect("known");
    }

    async fn create_large(&self, name: &str) -> pb::Workspace {
        let request = pb::CreateWorkspaceRequest {
            template: "go".to_owned(),
            name: name.to_owned(),
            preset: "large".to_owned(),
            ..pb::CreateWorkspaceRequest::default()
        };
        let reply = self.workspaces().create_workspace(as_caller(&self.owner, request)).await;
        reply.expect("created").into_inner().workspace.expect("a workspace")
    }
}

/// E5, B.4: what is ready is there at once, with its agent, and another one takes its place.
#[tokio::test]
async fn a_workspace_that_was_made_in_advance_is_there_in_less_than_a_second() {
    let world = World::new().await;
    world.push_pooled().await;
    world.start_upkeep();
    let mut made = Vec::new();
    for _ in 0..2 {
        let job = world.run_job("p").await;
        assert_eq!((job.owner_id.as_str(), job.template.as_str()), (PREBUILD_OWNER.to_string().as_str(), "go"));
        assert_eq!(job.parameters.get("size").map(String::as_str), Some("9"));
        world.be_ready(&job).await;
        made.push(job);
    }
    assert_eq!(world.list(&world.owner).await.expect("listed"), [], "nobody sees them");
    let job = &made[0];
    expect(world.get(&world.owner, &job.workspace_id).await, Code::NotFound, "NOT_FOUND");

    let began = Instant::now();
    let claimed = world.create_large("dev").await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((claimed.status(), &claimed.id), (pb::WorkspaceStatus::Running, &job.workspace_id));
    assert_eq!(claimed.name, "dev");
    let agent = world.resolve(&world.owner, &claimed.id).await.expect("an agent");
    assert_eq!((&agent.id, agent.status()), (&job.agent_id, pb::AgentStatus::Connected));
    let known = world.authenticate(&job.agent_token).await.expect("its token works on");
    assert_eq!(known.build_id, job.build_id, "and it is of the same build");

    let second = world.create_large("two").await;
    assert_eq!((second.status(), &second.id), (pb::WorkspaceStatus::Running, &made[1].workspace_id));
    let third = world.create_large("three").await;
    assert_eq!(third.status(), pb::WorkspaceStatus::Pending, "there is no other");
    let next = world.run_job("p").await;
    assert_eq!(next.workspace_id, third.id, "what somebody waits for comes first");
    let next = world.run_job("p").await;
    assert_eq!(next.owner_id, PREBUILD_OWNER.to_string(), "then their places are filled again");
}
