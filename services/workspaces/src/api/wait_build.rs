use std::time::Duration;

use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::Caller;
use tokio::time::{Instant, sleep_until};

use super::build_name;
use crate::Error;
use crate::domain::Build;
use crate::state::State;

/// How long to wait where nothing is said, in seconds.
const DEFAULT_WAIT: u32 = 30;
/// How long to wait at most, in seconds.
const MAX_WAIT: u32 = 600;

/// Waits until a build has ended. Another build of the same workspace is none of its business.
pub(super) async fn wait_build(
    state: &State,
    caller: Caller,
    request: pb::WaitBuildRequest,
) -> Result<pb::WaitBuildResponse, Error> {
    let (workspace_id, id) = build_name::parse(&request.workspace_id, &request.build_id, Violations::new())?;
    let build = state.open_build(&caller, workspace_id, id).await?;
    let seconds = if request.timeout_seconds == 0 { DEFAULT_WAIT } else { request.timeout_seconds.min(MAX_WAIT) };
    let build = wait(state, build, Duration::from_secs(seconds.into())).await?;
    Ok(pb::WaitBuildResponse { build: Some(build.into()) })
}

async fn wait(state: &State, mut build: Build, timeout: Duration) -> Result<Build, Error> {
    let until = Instant::now() + timeout;
    // Watch before looking: an end that comes in between is then not missed.
    let mut watch = state.hints.watch_workspace(build.workspace_id).await;
    loop {
        build = state.store.get_build(build.id).await?.ok_or_else(|| Error::no_build(build.id))?;
        if build.status.has_ended() {
            return Ok(build);
        }
        tokio::select! {
            () = watch.wake() => {}
            () = sleep_until(until) => return Ok(build),
            // Whoever still wants to wait asks another replica.
            () = state.tasks.shutdown().soft().cancelled() => return Ok(build),
        }
    }
}
