use std::collections::BTreeMap;
use std::sync::Arc;

use chatmesh_core::{IdSource as _, SystemIds};

use super::*;
use crate::conformance::{World, suite};
use crate::job::WorkspaceId;

struct Elsewhere;

impl Elsewhere {
    async fn world() -> Option<Self> {
        Some(Self)
    }
}

#[async_trait]
impl World for Elsewhere {
    async fn provisioner(&self) -> Arc<dyn Backend> {
        Arc::new(External::new(&Config::default()))
    }

    fn runs(&self) -> bool {
        false
    }

    async fn token_of(&self, _id: WorkspaceId, _agent: &str) -> Option<String> {
        None
    }

    async fn environment(&self, _id: WorkspaceId) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    async fn write_file(&self, _id: WorkspaceId) {}

    async fn has_file(&self, _id: WorkspaceId) -> bool {
        false
    }

    async fn is_left(&self, _id: WorkspaceId) -> bool {
        false
    }

    async fn hold(&self, _id: WorkspaceId) {}

    async fn half_way(&self, _id: WorkspaceId) {}

    async fn release(&self, _id: WorkspaceId) {}
}

suite!(Elsewhere);

/// B.10: the log says how the owner gets the token, which is no part of it.
#[test]
fn the_log_names_each_agent_to_ask_a_token_for_and_has_none() {
    let id = WorkspaceId(SystemIds.next());
    let agents = [JobAgent::for_test("main", "s3cret"), JobAgent::for_test("dev-chat", "s3cret-2")];
    let lines = instructions(&Job::start_for_test(id, "s3cret"), &agents).join(
        "
",
    );
    for expected in [
        format!("POST /api/v1/workspaces/{id}/agents/agent-main:issueToken (agent `main`)"),
        format!("POST /api/v1/workspaces/{id}/agents/agent-dev-chat:issueToken (agent `dev-chat`)"),
        "stays valid".to_owned(),
    ] {
        assert!(lines.contains(&expected), "{expected} is not in {lines}");
    }
    assert!(!lines.contains("s3cret"));
}

#[test]
fn the_owner_starts_agents_with_where_the_mesh_is_and_what_was_chosen() {
    let config = Config { agent_url: "https://mesh.example.com".to_owned(), ..Config::default() };
    let id = WorkspaceId(SystemIds.next());
    let mut job = Job::start_for_test(id, "s3cret");
    job.variables = [("CHATMESH_PARAMETER_NAME".to_owned(), "it's".to_owned())].into();
    let expected = [
        ("CHATMESH_AGENT_URL", "https://mesh.example.com"),
        ("CHATMESH_PARAMETER_NAME", "it's"),
        ("CHATMESH_WORKSPACE_ID", &id.to_string()),
    ];
    let found = External::new(&config).by_hand(&job);
    assert_eq!(found.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), expected);
}
