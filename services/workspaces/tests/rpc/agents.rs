//! Workspaces with several agents, and with one that never comes.

use std::time::Duration;

use chatmesh_db::{Sql, values};
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, Role, UserId};
use tonic::Code;

use crate::expect;
use crate::world::{World, as_caller};

const INSERT_AGENT: Sql = Sql::portable(
    "INSERT INTO agents (id, workspace_id, build_id, token_digest, epoch, created_at, name, display_order, parent_id) \
     SELECT $1, workspace_id, build_id, $2, 0, created_at, $3, $4, CASE WHEN $5 THEN id END FROM agents \
     WHERE name = 'main'",
);

impl World {
    /// Adds an agent to the only workspace, which belongs to the main one where it is a sub-agent.
    async fn add_agent(&self, name: &str, display_order: i64, is_sub: bool) {
        let id = self.uuid();
        let row = values![id, id.as_bytes().to_vec(), name, display_order, is_sub];
        assert_eq!(self.database.db.execute(INSERT_AGENT, row).await.expect("inserted"), 1);
    }
}

fn names(workspace: &pb::Workspace) -> Vec<&str> {
    workspace.agents.iter().map(|agent| agent.name.as_str()).collect()
}

/// C14: every way to a workspace's agent selects the same one, and an ambiguity names the agents.
#[tokio::test]
async fn all_ways_to_an_agent_select_the_same_and_an_ambiguity_names_them_all() {
    let world = World::new().await;
    let owner = &world.owner;
    let id = world.create(owner, "local", "dev", "").await.expect("created").id;
    world.run_job("p").await;
    let selected = async || {
        let found = world.get(owner, &id).await.expect("found");
        assert_eq!(world.list(owner).await.expect("listed"), std::slice::from_ref(&found), "a list says the same");
        let resolved = world.resolve(owner, &id).await.expect("an agent");
        assert_eq!(found.agent.as_ref(), Some(&resolved), "and so does the workspace");
        resolved.name
    };
    assert_eq!(selected().await, "main");
    world.add_agent("a-first", 0, false).await;
    world.add_agent("box-chat", -1, true).await;
    assert_eq!(selected().await, "a-first");
    world.add_agent("z-chat", 7, false).await;
    assert_eq!(selected().await, "z-chat");

    world.add_agent("b-chat", 7, false).await;
    let status = expect(world.resolve(owner, &id).await, Code::FailedPrecondition, "AGENT_AMBIGUOUS");
    assert!(status.message().contains("workspace `dev`"), "{status}");
    assert!(status.message().contains("`b-chat`, `z-chat`;") && !status.message().contains("box"), "{status}");
    for name in ["a-first", "z-chat"] {
        assert_eq!(world.resolve_named(owner, &id, name).await.expect("it is named").name, name);
    }
    for name in ["nobody", "box-chat"] {
        let status = expect(world.resolve_named(owner, &id, name).await, Code::NotFound, "NOT_FOUND");
        assert!(status.message().contains(&format!("dev.{name}")), "{status}");
    }
    let found = world.get(owner, &id).await.expect("it is still shown");
    assert_eq!((found.status(), found.agent.is_none()), (pb::WorkspaceStatus::Running, true));
    assert_eq!(names(&found), ["box-chat", "a-first", "main", "b-chat", "z-chat"]);
    assert_eq!(found.agents[0].parent_id, found.agents[2].id);
    world.stop(owner, &id, "").await.expect("stopping");
    expect(world.resolve(owner, &id).await.map(drop), Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
    expect(world.resolve_named(owner, &id, "a-first").await, Code::FailedPrecondition, "WORKSPACE_NOT_RUNNING");
}

/// C.1: an agent has the time that its template gives it, and that begins when the build has ended. Whoever asks is told
/// the same.
#[tokio::test]
async fn an_agent_that_never_connects_is_late_after_the_time_of_its_template() {
    for (manifest, longest) in [
        ("", Some(120)),
        ("timeouts.connection = '15m'", Some(900)),
        ("timeouts.connection = '10s'", Some(10)),
        ("timeouts.connection = '0s'", None),
    ] {
        let world = World::new().await;
        let admin = Caller::user(UserId(world.uuid()), Role::Admin);
        let request = pb::PushTemplateVersionRequest {
            template: "slow".to_owned(),
            manifest: format!("provisioner = 'local'\n{manifest}"),
            ..pb::PushTemplateVersionRequest::default()
        };
        world.templates().push_template_version(as_caller(&admin, request)).await.expect("pushed");
        let owner = &world.owner;
        let id = world.create(owner, "slow", "dev", "").await.expect("created").id;
        let job = world.lease("p").await.expect("leased").expect("a job");
        let status = async || {
            let found = world.get(owner, &id).await.expect("found");
            let said = found.agents[0].status();
            let listed = world.list(owner).await.expect("listed");
            let known = world.authenticate(&job.agent_token).await.expect("known");
            assert_eq!([listed[0].agents[0].status(), known.status()], [said, said], "{manifest}");
            if found.status() == pb::WorkspaceStatus::Running {
                assert_eq!(world.resolve(owner, &id).await.expect("an agent").status(), said, "{manifest}");
            }
            said
        };
        world.clock.advance(Duration::from_secs(2000));
        assert_eq!(status().await, pb::AgentStatus::Connecting, "{manifest}: it is being built");
        world.complete("p", &job.build_id).await.expect("completed");
        world.clock.advance(Duration::from_secs(longest.unwrap_or(1_000_000)));
        assert_eq!(status().await, pb::AgentStatus::Connecting, "{manifest}");
        world.clock.advance(Duration::from_secs(1));
        let expected = if longest.is_some() { pb::AgentStatus::Timeout } else { pb::AgentStatus::Connecting };
        assert_eq!(status().await, expected, "{manifest}");
        let mut changes = world.changes(&id).await;
        assert!(world.report(&job.agent_id, 1, true).await.expect("reported"));
        assert!(changes.arrived().await, "{manifest}: it is there all the same");
        assert_eq!(status().await, pb::AgentStatus::Connected, "{manifest}");
    }
}

const NEWER_TERMS: Sql = Sql::portable("UPDATE builds SET terms = '{\"timeouts\":{\"newer\":1}}'");

/// What a newer release says of a build in its own words keeps no agent of it away.
#[tokio::test]
async fn an_agent_of_a_build_that_can_not_be_read_reports_on() {
    let world = World::new().await;
    world.create(&world.owner, "local", "dev", "").await.expect("created");
    let job = world.run_job("p").await;
    assert_eq!(world.database.db.execute(NEWER_TERMS, Vec::new()).await.expect("changed"), 1);
    assert_eq!(world.authenticate(&job.agent_token).await.expect("known").id, job.agent_id);
    assert!(world.report(&job.agent_id, 1, true).await.expect("reported"));
}
