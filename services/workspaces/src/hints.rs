//! Hints on the bus, sent after the change is committed.

use std::time::Duration;

use bytes::Bytes;
use chatmesh_bus::{Bus, Filter, Listener, Subject};

use crate::domain::{Build, BuildId, WorkspaceId};

/// Work waits for a provisioner.
const BUILDS: &str = "chatmesh.workspaces.v1.builds";
/// A workspace changed.
const CHANGED: &str = "chatmesh.workspaces.v1.changed";
/// The log of a build has more lines, or the build has ended.
const BUILD_LOGS: &str = "chatmesh.workspaces.v1.build_logs";
/// What is to be made in advance changed, or was claimed.
const POOLS: &str = "chatmesh.workspaces.v1.pools";
/// How often to look without a hint: for what a lost one would have told, and for builds whose lease expired, which
/// nobody announces.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Sends hints.
#[derive(Debug, Clone)]
pub(crate) struct Hints {
    bus: Bus,
}

impl Hints {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus }
    }

    /// Says that a workspace has a new build.
    pub(crate) async fn build_waits(&self, workspace: WorkspaceId) {
        self.bus.publish(&Subject::topic(BUILDS), Bytes::new()).await;
        self.changed(workspace).await;
    }

    /// Says that a workspace, its latest build or its agent changed.
    pub(crate) async fn changed(&self, workspace: WorkspaceId) {
        self.bus.publish(&Subject::of(CHANGED, workspace), Bytes::new()).await;
    }

    /// Says that a build changed.
    pub(crate) async fn build_changed(&self, build: &Build) {
        self.changed(build.workspace_id).await;
        if build.status.has_ended() {
            self.logged(build.id).await;
        }
    }

    /// Says that the log of a build has more lines.
    pub(crate) async fn logged(&self, build: BuildId) {
        self.bus.publish(&Subject::of(BUILD_LOGS, build), Bytes::new()).await;
    }

    /// Says that something else may have to be made in advance.
    pub(crate) async fn pools_changed(&self) {
        self.bus.publish(&Subject::topic(POOLS), Bytes::new()).await;
    }

    /// Watches what is to be made in advance.
    pub(crate) async fn watch_pools(&self) -> Watch {
        self.watch(&Subject::topic(POOLS)).await
    }

    /// Watches for work. Builds that are inserted after this returns wake the watcher.
    pub(crate) async fn watch_builds(&self) -> Watch {
        self.watch(&Subject::topic(BUILDS)).await
    }

    /// Watches a workspace.
    pub(crate) async fn watch_workspace(&self, workspace: WorkspaceId) -> Watch {
        self.watch(&Subject::of(CHANGED, workspace)).await
    }

    /// Watches the log of a build, and its end.
    pub(crate) async fn watch_build_log(&self, build: BuildId) -> Watch {
        self.watch(&Subject::of(BUILD_LOGS, build)).await
    }

    async fn watch(&self, subject: &Subject) -> Watch {
        Watch { hints: Listener::open(&self.bus, Filter::only(subject)).await }
    }
}

/// Wakes who waits for something.
#[derive(Debug)]
pub(crate) struct Watch {
    hints: Listener,
}

impl Watch {
    /// Waits until it is worth to look again.
    pub(crate) async fn wake(&mut self) {
        // Without a hint it is, too, after a while.
        drop(tokio::time::timeout(POLL_INTERVAL, self.hint()).await);
    }

    /// Waits for a hint.
    pub(crate) async fn hint(&mut self) {
        self.hints.next().await;
        // One look answers all that are there.
        self.hints.drain();
    }
}
