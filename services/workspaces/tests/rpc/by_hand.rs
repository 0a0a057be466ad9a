//! Agents that the owners of workspaces start.

use std::collections::HashMap;

use chatmesh_proto::provisioner::v1 as jobs;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use chatmesh_workspaces::{Config, TemplateConfig};
use tonic::{Code, Status};

use crate::expect;
use crate::world::{World, as_caller, service};

impl World {
    /// A world with a template of workspaces that their owners run.
    async fn of_owners() -> Self {
        let template = TemplateConfig {
            name: "own".to_owned(),
            description: String::new(),
            provisioner: "external".to_owned(),
            scripts: Vec::new(),
            kubernetes: None,
        };
        Self::with(Config { templates: vec![template], ..Config::default() }).await
    }

    /// Leases the waiting build of an external workspace.
    async fn lease_external(&self) -> jobs::Job {
        let (provisioner_id, provisioners) = ("p".to_owned(), vec!["external".to_owned()]);
        let request = jobs::LeaseJobRequest { provisioner_id, provisioners, transitions: Vec::new() };
        self.jobs().lease_job(as_caller(&service(), request)).await.expect("leased").into_inner().job.expect("a job")
    }

    async fn complete_with(&self, build: &str, environment: &[(&str, &str)]) -> Result<(), Status> {
        let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = jobs::CompleteJobRequest {
            provisioner_id: "p".to_owned(),
            build_id: build.to_owned(),
            agent_environment: variables.collect(),
        };
        self.jobs().complete_job(as_caller(&service(), request)).await.map(drop)
    }

    /// Carries out the waiting build of an external workspace, and returns its agent.
    async fn run_external(&self) -> String {
        let job = self.lease_external().await;
        let starts = job.transition() == jobs::JobTransition::Start;
        let environment: &[(&str, &str)] = if starts { &[("CHATMESH_AGENT_URL", "https://mesh/x y")] } else { &[] };
        for _ in 0..2 {
            self.complete_with(&job.build_id, environment).await.expect("completed, and once more");
        }
        job.agent_id
    }

    async fn issue(&self, caller: &Caller, id: &str, agent: &str) -> Result<pb::IssueAgentTokenResponse, Status> {
        let request = pb::IssueAgentTokenRequest { workspace_id: id.to_owned(), agent_id: agent.to_owned() };
        Ok(self.workspaces().issue_agent_token(as_caller(caller, request)).await?.into_inner())
    }
}

/// B.10: the owner, and nobody else, gets a token and the line to type; the one before it is over.
#[tokio::test]
async fn only_the_owner_gets_a_token_and_the_one_before_is_over() {
    let world = World::of_owners().await;
    let owner = &world.owner;
    let id = world.create(owner, "own", "dev", "").await.expect("created").id;
    let agent = world.run_external().await;
    for role in [Role::Member, Role::Admin] {
        let other = Caller::user(UserId(world.uuid()), role);
        expect(world.issue(&other, &id, &agent).await, Code::NotFound, "NOT_FOUND");
    }
    expect(world.issue(&service(), &id, &agent).await, Code::PermissionDenied, "DENIED");
    expect(world.issue(owner, &id, &world.uuid().to_string()).await, Code::NotFound, "NOT_FOUND");
    expect(world.issue(owner, &id, "main").await, Code::InvalidArgument, "INVALID_REQUEST");

    let first = world.issue(owner, &id, &agent).await.expect("issued");
    assert!(first.token.starts_with("cma_"));
    let url = ("CHATMESH_AGENT_URL".to_owned(), "https://mesh/x y".to_owned());
    assert_eq!(first.environment, HashMap::from([url]));
    let expected = format!(
        "CHATMESH_AGENT_TOKEN={} CHATMESH_AGENT_URL='https://mesh/x y' chatmesh-agent --directory \"$PWD\"",
        first.token
    );
    assert_eq!(first.command, expected);
    let request = pb::AuthenticateAgentRequest { token: first.token.clone() };
    let session = world.agents().authenticate_agent(as_caller(&service(), request)).await.expect("known").into_inner();
    assert_eq!(session.agent.expect("an agent").id, agent);
    let reports = async || {
        let request = pb::ReportConnectionRequest {
            agent_id: agent.clone(),
            epoch: 1,
            connected: true,
            token_issue_time: session.token_issue_time,
        };
        let reported = world.agents().report_connection(as_caller(&service(), request)).await;
        reported.expect("reported").into_inner().current
    };
    assert!(reports().await);

    world.clock.advance(std::time::Duration::from_secs(1));
    let second = world.issue(owner, &id, &agent).await.expect("issued");
    expect(world.authenticate(&first.token).await, Code::Unauthenticated, "INVALID_AGENT_TOKEN");
    assert_eq!(world.authenticate(&second.token).await.expect("known").id, agent);
    assert!(!reports().await, "who is connected with the first one is sent away");
}

/// B.10: what a user has written down on a machine of theirs goes on to work.
#[tokio::test]
async fn a_token_stays_valid_when_the_workspace_is_stopped_and_started() {
    let world = World::of_owners().await;
    let owner = &world.owner;
    let id = world.create(owner, "own", "dev", "").await.expect("created").id;
    let first = world.run_external().await;
    let token = world.issue(owner, &id, &first).await.expect("issued").token;
    let mut agents = vec![first.clone()];
    for round in 0..2 {
        world.stop(owner, &id, "").await.expect("stopping");
        world.run_external().await;
        let refused = expect(world.authenticate(&token).await, Code::PermissionDenied, "WORKSPACE_NOT_RUNNING");
        assert!(refused.message().contains("start it") && refused.message().contains("stays valid"), "{refused}");
        let refused = expect(world.issue(owner, &id, &first).await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
        assert!(refused.message().contains("it is stopped; start it"), "{refused}");

        world.start(owner, &id, "").await.expect("starting");
        if round == 1 {
            // Whoever takes it up first is killed.
            world.lease_external().await;
            world.clock.advance(std::time::Duration::from_secs(31));
        }
        let agent = world.run_external().await;
        assert_eq!(world.authenticate(&token).await.expect("valid").id, agent, "round {round}");
        expect(world.issue(owner, &id, &first).await, Code::FailedPrecondition, "AGENT_SUPERSEDED");
        assert!(!agents.contains(&agent));
        agents.push(agent);
    }
}

#[tokio::test]
async fn an_agent_that_somebody_else_starts_has_no_token_to_show() {
    let world = World::of_owners().await;
    let owner = &world.owner;
    let id = world.create(owner, "local", "dev", "").await.expect("created").id;
    let job = world.run_job("p").await;
    let refused = expect(world.issue(owner, &id, &job.agent_id).await, Code::FailedPrecondition, "AGENT_NOT_EXTERNAL");
    assert!(refused.message().contains("agent `main`") && refused.message().contains("`local`"), "{refused}");
    world.authenticate(&job.agent_token).await.expect("it keeps its own");
}

/// A provisioner of an older release does not say with what agents are started.
#[tokio::test]
async fn where_nobody_said_how_an_agent_is_started_the_owner_is_told_what_to_do() {
    let world = World::of_owners().await;
    let owner = &world.owner;
    let id = world.create(owner, "own", "dev", "").await.expect("created").id;
    let job = world.lease_external().await;
    expect(world.issue(owner, &id, &job.agent_id).await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
    for bad in [("path", "x"), ("A=B", "x"), ("", "x"), ("1A", "x"), ("A", "a\0b")] {
        let refused = world.complete_with(&job.build_id, &[bad]).await;
        expect(refused, Code::InvalidArgument, "INVALID_REQUEST");
    }
    world.complete_with(&job.build_id, &[]).await.expect("completed");
    let refused = world.issue(owner, &id, &job.agent_id).await;
    let refused = expect(refused, Code::FailedPrecondition, "AGENT_ENVIRONMENT_UNKNOWN");
    assert!(refused.message().contains("stop and start it"), "{refused}");
}
