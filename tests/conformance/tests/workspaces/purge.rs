//! Logs that nobody reads any more.

use std::time::Duration;

use chatmesh_db::{Sql, values};
use chatmesh_workspaces::{
    AgentId, BuildLine, LogLevel, NumberedBuildLine, Outcome, Transition, WorkspaceId, WorkspaceStore as _,
};

use crate::world::{World, worlds};

/// How many builds a workspace has here, beside its first.
const BUILDS: u32 = 22;

impl World {
    /// A workspace that runs, its agent, and a line that the agent printed.
    async fn with_printed(&self, name: &str) -> (WorkspaceId, AgentId) {
        const PRINT: Sql = Sql::portable(
            "INSERT INTO agent_log_lines (agent_id, line_number, log_offset, printed_at, level, script_id, line) \
             VALUES ($1, 1, 0, $2, 'info', '', 'hello')",
        );
        let id = self.insert(name).await.workspace.id;
        let agent = self.carry_out(name).await.agent_id.expect("an agent");
        self.database.db.execute(PRINT, values![agent.0, self.now]).await.expect("printed");
        (id, agent)
    }

    async fn printed_lines(&self, agent: AgentId) -> usize {
        self.store.list_log_lines(agent, 0, 9).await.expect("listed").len()
    }

    async fn is_known(&self, agent: AgentId) -> bool {
        self.store.get_agent(agent).await.expect("asked").is_some()
    }

    /// Deletes in batches of one until there is nothing left, and returns how many there were at most.
    async fn forget(&self, deleted_for: Duration) -> usize {
        let mut batches = 0;
        while self.store.forget_logs(self.now - deleted_for, 1).await.expect("forgotten") {
            batches += 1;
        }
        batches
    }
}

#[tokio::test]
async fn agents_go_whose_builds_are_old_but_never_the_last_one() {
    for world in worlds().await {
        let (used, first) = world.with_printed("used").await;
        let mut agents = vec![first];
        let (stuck, only) = world.with_printed("stuck").await;
        for number in 0..BUILDS {
            let transition = if number % 2 == 0 { Transition::Stop } else { Transition::Start };
            world.build(used, transition).await.expect("made");
            agents.extend(world.carry_out(&format!("used {number}")).await.agent_id);
            // One whose stops fail runs on with the agent that it had before all of them.
            world.build(stuck, Transition::Stop).await.expect("stopping");
            let stop = world.lease("p", "unused").await.expect("a build").build.id;
            world.end(stop, "p", Outcome::failed("no")).await.expect("failed");
        }
        assert_eq!((world.printed_lines(first).await, world.printed_lines(only).await), (1, 1), "{}", world.engine);
        assert_eq!(world.forget(Duration::ZERO).await, 2, "{}: in batches", world.engine);
        let mut known = Vec::new();
        for agent in &agents {
            known.push(world.is_known(*agent).await);
        }
        // The builds 1 and 3 of 23.
        assert_eq!(known[..4], [false, false, true, true], "{}", world.engine);
        assert!(known[4..].iter().all(|known| *known), "{}: {known:?}", world.engine);
        assert_eq!((world.printed_lines(first).await, world.printed_lines(only).await), (0, 1), "{}", world.engine);
        let found = world.store.find_agent_by_token(b"stuck").await.expect("asked").expect("known");
        assert!(found.current, "{}: it runs", world.engine);
    }
}

#[tokio::test]
async fn logs_of_a_deleted_workspace_go_after_a_while() {
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    for mut world in worlds().await {
        let (gone, agent) = world.with_printed("gone").await;
        let (_, other) = world.with_printed("other").await;
        world.build(gone, Transition::Delete).await.expect("deleting");
        let delete = world.lease("p", "unused").await.expect("a build").build.id;
        let line = BuildLine { time: world.now, level: LogLevel::Info, stage: "x".to_owned(), text: "gone".to_owned() };
        let lines = vec![NumberedBuildLine { number: 1, line }];
        world.store.append_build_lines(delete, "p", lines).await.expect("kept");
        world.end(delete, "p", Outcome::Succeeded).await.expect("deleted");
        world.now += WEEK;
        assert_eq!(world.forget(WEEK).await, 0, "{}", world.engine);
        assert!(world.is_known(agent).await, "{}: not yet", world.engine);
        world.now += Duration::from_secs(1);
        assert_eq!(world.forget(WEEK).await, 1, "{}", world.engine);
        assert!(!world.is_known(agent).await && world.is_known(other).await, "{}", world.engine);
        assert_eq!((world.printed_lines(agent).await, world.printed_lines(other).await), (0, 1), "{}", world.engine);
        let left = world.store.list_build_lines(delete, 0, 9).await.expect("listed");
        assert_eq!(left, [], "{}", world.engine);
        assert!(world.get(gone).await.workspace.deleted, "{}: what is known of it stays", world.engine);
    }
}
