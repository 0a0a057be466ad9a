use std::sync::Arc;

use async_stream::try_stream;
use chatmesh_core::Violations;
use chatmesh_proto::workspaces::v1 as pb;
use chatmesh_rpc::{Caller, into_status};
use futures::Stream;
use tonic::Status;

use super::list_build_logs::shown;
use super::{Events, build_name};
use crate::Error;
use crate::domain::{Build, BuildId};
use crate::hints::Watch;
use crate::state::State;

/// How many lines are sent at once.
const AT_ONCE: u32 = 200;

/// Follows the log of a build until it has ended.
pub(super) async fn watch_build_logs(
    state: Arc<State>,
    caller: Caller,
    request: pb::WatchBuildLogsRequest,
) -> Result<Events<pb::WatchBuildLogsResponse>, Error> {
    let (workspace_id, id) = build_name::parse(&request.workspace_id, &request.build_id, Violations::new())?;
    state.open_build(&caller, workspace_id, id).await?;
    let after = i64::try_from(request.after_number).unwrap_or(i64::MAX);
    // Watch before looking: what comes in between is then not missed.
    let watch = state.hints.watch_build_log(id).await;
    Ok(Box::pin(follow(state, id, after, watch)))
}

/// What is not read is not looked for either: a slow reader takes nothing but its own time.
fn follow(
    state: Arc<State>,
    id: BuildId,
    mut after: i64,
    mut watch: Watch,
) -> impl Stream<Item = Result<pb::WatchBuildLogsResponse, Status>> + Send {
    try_stream! {
        let stop = state.tasks.shutdown().soft().clone();
        loop {
            // The build first: one that has ended has all of its lines.
            let build = look(&state, id).await.map_err(|error| into_status(&error))?;
            loop {
                let lines = state.store.list_build_lines(id, after, AT_ONCE).await;
                let lines = lines.map_err(|error| into_status(&Error::from(error)))?;
                let Some(last) = lines.last().map(|line| line.number) else { break };
                let lines = shown(lines, std::mem::replace(&mut after, last));
                yield pb::WatchBuildLogsResponse { lines, build: None };
            }
            if build.status.has_ended() {
                yield pb::WatchBuildLogsResponse { lines: Vec::new(), build: Some(build.into()) };
                break;
            }
            let ends = tokio::select! {
                () = watch.wake() => false,
                () = stop.cancelled() => true,
            };
            if ends {
                let advice = "this process ends: connect again with the number of the last line";
                Err(Status::unavailable(advice))?;
            }
        }
    }
}

async fn look(state: &State, id: BuildId) -> Result<Build, Error> {
    state.store.get_build(id).await?.ok_or_else(|| Error::no_build(id))
}
