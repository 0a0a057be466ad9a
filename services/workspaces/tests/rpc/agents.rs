//! Workspaces with several agents.

use chatmesh_db::{Sql, values};
use chatmesh_proto::workspaces::v1 as pb;
use tonic::Code;

use crate::expect;
use crate::world::World;

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
