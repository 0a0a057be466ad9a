//! What is done without anybody asking for it: builds are given up whose provisioners say nothing any more, workspaces
//! are stopped that nobody uses, or whose stop failed, others are made in advance, and logs are deleted that nobody reads.
//!
//! Each replica does all of it. What two of them do at once is done once, because each step is one transaction that
//! finds out anew whether it is still due.

mod prebuilds;

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_db::DbError;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::domain::{BuildId, BuildReason, PoolRetries, Transition};
use crate::state::State;
use crate::store::{Due, NewBuild, Start, StoreError};

/// How often it is looked for what is due.
const INTERVAL: Duration = Duration::from_secs(10);
/// How much is done at a time; what is left is done with the next look, which then comes at once.
const BATCH: u32 = 100;
/// How long the logs of a workspace stay that is deleted: whoever looks into why can still do so in the database.
const KEPT_DELETED: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often it is looked for logs to delete, and of how many builds or agents they are deleted at a time. Each of them may
/// have many lines.
const PURGE_INTERVAL: Duration = Duration::from_secs(3600);
const PURGE_BATCH: u32 = 20;
/// How long it is waited at most after looks that failed.
const MAX_PAUSE: Duration = Duration::from_secs(120);

/// What one look leaves to the next.
#[derive(Debug)]
struct Memory {
    retries: PoolRetries,
    purge_at: Instant,
}

/// Does what is due until the process ends.
pub(crate) async fn run(state: Arc<State>) {
    let stop = state.tasks.shutdown().soft().clone();
    let mut backoff = Backoff::new(INTERVAL, MAX_PAUSE);
    let mut pools = state.hints.watch_pools().await;
    let mut memory = Memory { retries: PoolRetries::default(), purge_at: Instant::now() };
    loop {
        let pause = match round(&state, &mut memory).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => {
                backoff.reset();
                INTERVAL
            }
            Err(error) => {
                warn!(%error, "what is due could not be done, trying again later");
                backoff.next_pause()
            }
        };
        let is_fine = pause <= INTERVAL;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = pools.hint(), if is_fine => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Does what is due; true where there may be more. A part that fails leaves the others to be done.
async fn round(state: &State, memory: &mut Memory) -> Result<bool, DbError> {
    let given_up = give_up(state).await;
    let stopped = stop_all_unused(state).await;
    let filled = prebuilds::round(state, &mut memory.retries).await;
    let purged = purge(state, &mut memory.purge_at).await;
    let is_more = given_up?;
    stopped.and(filled).and(purged).map(|()| is_more)
}

/// Deletes logs, a few in each round until there are none left; then it is not looked for them for a while.
async fn purge(state: &State, purge_at: &mut Instant) -> Result<(), DbError> {
    if Instant::now() < *purge_at {
        return Ok(());
    }
    // Also where it fails: nothing else of what is due has to wait for that.
    *purge_at = Instant::now() + PURGE_INTERVAL;
    if state.store.forget_logs(state.clock.now() - KEPT_DELETED, PURGE_BATCH).await? {
        *purge_at = Instant::now();
    }
    Ok(())
}

/// Gives up builds whose provisioners say nothing any more; true where there may be more.
async fn give_up(state: &State) -> Result<bool, DbError> {
    let given_up = state.store.give_up_builds(state.clock.now(), BATCH).await?;
    for build in &given_up {
        info!(build = %build.id, workspace = %build.workspace_id, "a build was given up: its provisioner is silent");
        state.hints.build_changed(build).await;
    }
    Ok(is_full(given_up.len()))
}

/// Stops what nobody uses. One workspace that can not be stopped holds up none of the others, which come after it.
async fn stop_all_unused(state: &State) -> Result<(), DbError> {
    let mut last = None;
    loop {
        let due = state.store.list_due(state.clock.now(), last, BATCH).await?;
        for one in &due {
            stop_unused(state, *one).await?;
        }
        last = due.last().copied();
        if !is_full(due.len()) {
            return Ok(());
        }
    }
}

fn is_full(count: usize) -> bool {
    u32::try_from(count).is_ok_and(|count| count >= BATCH)
}

/// Makes the build that stops a workspace that nobody uses, or that an earlier build did not stop.
async fn stop_unused(state: &State, due: Due) -> Result<(), DbError> {
    let new = NewBuild {
        id: BuildId(state.ids.next()),
        workspace_id: due.workspace_id,
        transition: Transition::Stop,
        // Two replicas that stop it at once make one build: to the second one it is not due any more. That build may be
        // given up before it begins, and then another one has to be made later.
        request_id: None,
        start: Start::default(),
        reason: BuildReason::Autostop,
        initiator: None,
        now: state.clock.now(),
    };
    match state.store.insert_build(&new).await {
        Ok(build) if build.id == new.id => {
            info!(workspace = %due.workspace_id, "a workspace is stopped: nobody uses it, or it was to be stopped before");
            state.hints.build_waits(due.workspace_id).await;
        }
        Ok(_) => {}
        // A newer release has written of it what this one can not read.
        Err(StoreError::Database(error @ DbError::Inconsistent { .. })) => {
            warn!(workspace = %due.workspace_id, %error, "a workspace is not stopped");
        }
        Err(StoreError::Database(error)) => return Err(error),
        // It is used again, or somebody else changes it already.
        Err(error) => debug!(workspace = %due.workspace_id, %error, "a workspace is not stopped"),
    }
    Ok(())
}
