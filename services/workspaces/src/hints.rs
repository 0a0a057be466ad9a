//! Hints on the bus, sent after the change is committed.

use std::time::Duration;

use bytes::Bytes;
use chatmesh_bus::{Bus, Filter, Subject, Subscription};
use tracing::warn;

use crate::domain::WorkspaceId;

/// Work waits for a provisioner.
const BUILDS: &str = "chatmesh.workspaces.v1.builds";
/// A workspace changed.
const CHANGED: &str = "chatmesh.workspaces.v1.changed";
/// How often to look for builds without a hint: for those whose hint was lost, and for those
/// whose lease expired, which nobody announces.
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

    /// Watches for work. Builds that are inserted after this returns wake the watcher.
    pub(crate) async fn watch_builds(&self) -> BuildWatch {
        match self.bus.subscribe(&Filter::only(&Subject::topic(BUILDS))).await {
            Ok(subscription) => BuildWatch { subscription: Some(subscription) },
            Err(error) => {
                warn!(%error, "no hints about builds, going on at poll speed");
                BuildWatch { subscription: None }
            }
        }
    }
}

/// Wakes who waits for work.
#[derive(Debug)]
pub(crate) struct BuildWatch {
    subscription: Option<Subscription>,
}

impl BuildWatch {
    /// Waits until it is worth to look again.
    pub(crate) async fn wake(&mut self) {
        let hint = async {
            match &mut self.subscription {
                Some(subscription) => subscription.next().await.is_some(),
                None => std::future::pending().await,
            }
        };
        let bus_is_gone = matches!(tokio::time::timeout(POLL_INTERVAL, hint).await, Ok(false));
        if bus_is_gone {
            self.subscription = None;
        }
    }
}
