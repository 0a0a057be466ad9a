//! Says which workspaces the chats of this worker use, so that none is stopped while a chat works in it.
//!
//! A turn may think for longer than a workspace runs that nobody touches. So each of its heartbeats counts as a use. What
//! is told is read anew each time: a chat that gets a workspace in the middle of its turn is found then.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_proto::workspaces::v1::{ActivityReason, ReportActivitiesRequest};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::Status;
use tracing::debug;

use crate::state::State;

/// How often it is told, at the most.
const INTERVAL: Duration = Duration::from_secs(30);
/// How long it may take. It is a hint, and the next one comes soon.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many workspaces one call names.
const MAX_WORKSPACES: usize = 1000;

/// What was told, and when.
#[derive(Debug)]
pub(super) struct Activity {
    state: Arc<State>,
    told_at: Option<Instant>,
    /// One at a time: where the workspaces do not answer, calls must not pile up.
    line: Arc<Semaphore>,
}

impl Activity {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state, told_at: None, line: Arc::new(Semaphore::new(1)) }
    }

    /// Tells of all chats of the worker with one call, beside whoever calls this, unless that was done a moment ago.
    pub(super) fn tell(&mut self) {
        // Heartbeats do not come to the millisecond.
        let pause = INTERVAL.saturating_sub(self.state.config.heartbeat_interval / 2);
        let now = Instant::now();
        if self.told_at.is_some_and(|told_at| now < told_at + pause) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.line).try_acquire_owned() else { return };
        self.told_at = Some(now);
        let state = Arc::clone(&self.state);
        self.state.tasks.spawn("chat.activity", async move {
            match tokio::time::timeout(TIMEOUT, report(&state)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(%error, "nobody was told which workspaces are used"),
                Err(_) => debug!("to tell which workspaces are used takes too long"),
            }
            drop(permit);
        });
    }
}

async fn report(state: &State) -> Result<(), Status> {
    let used = state.leases.workspaces_in_use(state.worker_id).await;
    let used = used.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut workspaces = WorkspaceServiceClient::new(state.neighbours.workspaces.clone());
    for some in used.chunks(MAX_WORKSPACES) {
        let workspace_ids = some.iter().map(Uuid::to_string).collect();
        let reason = ActivityReason::Chat.into();
        workspaces.report_activities(ReportActivitiesRequest { workspace_ids, reason, ..Default::default() }).await?;
    }
    Ok(())
}
