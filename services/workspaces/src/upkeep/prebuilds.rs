//! Keeping workspaces ready before anybody asks for them.

use std::sync::Arc;

use chatmesh_db::DbError;
use tracing::{debug, info, warn};

use crate::domain::{
    BuildId, BuildReason, PREBUILD_OWNER, Pool, PoolRetries, Step, Transition, WhichVersion, Workspace, WorkspaceId,
    plan_prebuilds, pools,
};
use crate::state::State;
use crate::store::{Inserted, NewBuild, NewWorkspace, Prebuilt, Start, StoreError};

/// How many steps are done at a time, so that whoever waits for a build of their own waits for few others.
const STEPS: usize = 20;

/// Fills the pools; each replica does, and what two of them do at once is done once.
pub(super) async fn round(state: &State, retries: &mut PoolRetries) -> Result<(), DbError> {
    let found = state.store.list_pool_versions().await?;
    let pools: Vec<Pool> = found.versions.iter().flat_map(pools).collect();
    let Prebuilt { workspaces, unreadable } = state.store.list_prebuilt().await?;
    let now = state.clock.now();
    retries.observe(&pools, &workspaces, now);
    let steps = plan_prebuilds(&pools, &workspaces, retries, now).into_iter();
    let is_unknown = |id: &WorkspaceId| {
        let template =
            workspaces.iter().find(|there| there.workspace.id == *id).map(|there| there.workspace.template_id);
        template.is_some_and(|template| found.unreadable.contains(&template))
    };
    let steps = steps.filter(|step| match step {
        // A place is taken also where it can not be told by what.
        Step::Make(_, name) => !unreadable.contains(name),
        // What a newer release has made for its pool is not superfluous.
        Step::Delete(id) => !is_unknown(id),
    });
    for step in steps.take(STEPS) {
        let done = match step {
            Step::Make(pool, name) => make(state, pool, name).await,
            Step::Delete(workspace) => delete(state, workspace).await,
        };
        match done {
            // Of this one a newer release has written what this one can not read.
            Err(error @ DbError::Inconsistent { .. }) => warn!(%error, "a pool is not filled"),
            done => done?,
        }
    }
    Ok(())
}

async fn make(state: &State, pool: Pool, name: String) -> Result<(), DbError> {
    let now = state.clock.now();
    let workspace = Workspace {
        id: WorkspaceId(state.ids.next()),
        owner_id: PREBUILD_OWNER,
        name,
        template_id: pool.template_id,
        template: String::new(),
        deleted: false,
        // Nobody uses it until it is claimed.
        ttl_seconds: Some(0),
        last_used_at: None,
        created_at: now,
        updated_at: now,
    };
    let start = Start { version: Some(WhichVersion::Id(pool.version_id)), preset: pool.preset, ..Start::default() };
    let quota = Arc::clone(&state.quota);
    let new = NewWorkspace {
        workspace,
        build_id: BuildId(state.ids.next()),
        request_id: None,
        start,
        quota,
        chat: None,
        bounds_ttl: false,
    };
    match state.store.insert_workspace(&new).await {
        Ok(Inserted::Created(details)) => {
            info!(workspace = %details.workspace.id, name = details.workspace.name, "a workspace is made in advance");
            state.hints.build_waits(details.workspace.id).await;
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(StoreError::Database(error)) => Err(error),
        // The template is another one since it was looked at.
        Err(error) => {
            debug!(%error, "a workspace is not made in advance");
            Ok(())
        }
    }
}

async fn delete(state: &State, workspace_id: WorkspaceId) -> Result<(), DbError> {
    let new = NewBuild {
        id: BuildId(state.ids.next()),
        workspace_id,
        transition: Transition::Delete,
        request_id: None,
        start: Start::default(),
        reason: BuildReason::Prebuild,
        initiator: None,
        now: state.clock.now(),
    };
    match state.store.insert_build(&new).await {
        Ok(_) => {
            info!(workspace = %workspace_id, "a workspace that was made in advance is deleted");
            state.hints.build_waits(workspace_id).await;
            Ok(())
        }
        Err(StoreError::Database(error)) => Err(error),
        // Somebody claimed it, or another replica deletes it already.
        Err(error) => {
            debug!(workspace = %workspace_id, %error, "a workspace that was made in advance stays");
            Ok(())
        }
    }
}
