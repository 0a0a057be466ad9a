//! What the suite needs beside a backend.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chatmesh_core::SystemClock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Run, carry_out};
use crate::failure::Failure;
use crate::job::{Job, JobAgent, Work, WorkspaceId};
use crate::job_log::JobLog;

/// Where workspaces of one kind live.
#[async_trait]
pub(crate) trait World: Send + Sync {
    /// A provisioner. The one before it, where there was one, was killed.
    async fn provisioner(&self) -> Arc<dyn Backend>;

    /// What a template may say.
    fn settings(&self) -> String {
        String::new()
    }

    /// What a template must not say.
    fn garbage(&self) -> Vec<String> {
        [r#"{"image": "x"}"#, "[]", "{", "\u{0}"].map(str::to_owned).to_vec()
    }

    /// The token that this agent of the workspace has; absent where it does not run.
    async fn token_of(&self, id: WorkspaceId, agent: &str) -> Option<String>;

    /// The token that the only agent of the workspace has; absent where it does not run.
    async fn token(&self, id: WorkspaceId) -> Option<String> {
        self.token_of(id, "main").await
    }

    /// The environment of the agent that runs.
    async fn environment(&self, id: WorkspaceId) -> BTreeMap<String, String>;

    /// Puts a file into the workspace.
    async fn write_file(&self, id: WorkspaceId);

    /// Whether that file is there.
    async fn has_file(&self, id: WorkspaceId) -> bool;

    /// Whether anything is left of the workspace.
    async fn is_left(&self, id: WorkspaceId) -> bool;

    /// Makes starts of this workspace stop half-way.
    async fn hold(&self, id: WorkspaceId);

    /// Waits until a start has got half-way.
    async fn half_way(&self, id: WorkspaceId);

    /// Lets starts go on.
    async fn release(&self, id: WorkspaceId);

    /// False for a kind whose provisioner runs nothing: what would be seen of it is not looked at.
    fn runs(&self) -> bool {
        true
    }
}

/// A build that starts a workspace with one agent, which is the same for each lease: only the token is new.
pub(crate) fn start(world: &dyn World, id: WorkspaceId, token: &str) -> Job {
    start_all(world, id, &[("main", token)])
}

/// A build that starts a workspace with agents of these names and tokens.
pub(crate) fn start_all(world: &dyn World, id: WorkspaceId, agents: &[(&str, &str)]) -> Job {
    let agents = agents.iter().map(|(name, token)| JobAgent::for_test(name, token));
    Job { settings: world.settings(), ..Job::for_test(id, Work::Start(agents.collect())) }
}

/// What a build is carried out with.
pub(crate) fn run() -> Run {
    Run { log: JobLog::new(Arc::new(SystemClock), Vec::new()), cancel: CancellationToken::new() }
}

/// Why a build failed, which is to fail.
pub(crate) async fn failure_of(backend: &dyn Backend, job: &Job, run: &Run) -> Failure {
    let carried_out = carry_out(backend, job, run);
    let ended = tokio::time::timeout(Duration::from_secs(30), carried_out).await;
    ended.expect("ended in time").expect_err("failed")
}

/// Waits for what happens elsewhere.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let until = Instant::now() + Duration::from_secs(15);
    while !condition().await {
        assert!(Instant::now() < until, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
