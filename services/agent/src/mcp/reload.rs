//! Brings the sessions in line with the configuration files.

use std::sync::Arc;

use futures::future::join_all;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::config::{self, Definition};
use super::connect::Client;
use super::manager::Inner;
use super::session::Session;
use super::snapshot::Snapshot;
use super::state::Job;

impl Inner {
    /// Looks at the files, and where they or a server have changed, a server is to be tried again, or
    /// `refresh` wants it, connects and closes what that takes. One at a time: only `Inner::answer_requests` calls this.
    pub(super) async fn reload(&self, refresh: bool) {
        let files = self.settings.mcp_config_files();
        let (watch, paths) = (Arc::clone(&self.watch), files.clone());
        let looking = tokio::task::spawn_blocking(move || {
            // Watched first, looked at second, read third: no change falls between.
            watch.cover(&paths);
            Snapshot::take(&paths)
        });
        let Ok(snapshot) = looking.await else { return };
        if !refresh && !self.state.lock().is_outdated(&snapshot, Instant::now()) {
            return;
        }
        let variables = self.connector.variables();
        let loading = tokio::task::spawn_blocking(move || config::load(&files, &|name| variables.get(name).cloned()));
        let Ok(loaded) = loading.await else { return };
        for warning in &loaded.warnings {
            warn!(warning, "MCP configuration");
        }
        let plan = self.state.lock().plan(loaded, snapshot, refresh, Instant::now());
        plan.retired.into_iter().for_each(|session| self.retire(session));
        join_all(plan.jobs.into_iter().map(|job| self.work(job))).await;
    }

    async fn work(&self, job: Job) {
        match job {
            Job::Connect(definition) => self.connect(&definition).await,
            Job::Refresh(session) => {
                if let Err(problem) = session.refresh(self.limits.connect).await {
                    warn!(server = session.server, problem, "tools of an MCP server stay as they were");
                }
            }
        }
    }

    async fn connect(&self, definition: &Definition) {
        let client = Client::new(Arc::clone(&self.nudge));
        match Session::open(&*self.connector, definition, client, self.limits.connect).await {
            Ok(session) => {
                info!(server = definition.name, tools = session.catalog().tools.len(), "MCP server connected");
                let former = self.state.lock().connected(Arc::new(session));
                if let Some(former) = former {
                    self.retire(former);
                }
            }
            Err(problem) => {
                warn!(server = definition.name, problem, "MCP server not connected");
                self.state.lock().failed(&definition.name, problem, Instant::now());
            }
        }
    }

    /// Closes a session where nobody waits for it.
    fn retire(&self, session: Arc<Session>) {
        debug!(server = session.server, "closing the session of an MCP server");
        let patience = self.limits.close;
        self.tasks.spawn(async move { session.close(patience).await });
    }
}
