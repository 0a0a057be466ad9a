//! How workspaces that were made in advance are listed, and become somebody's.

use chatmesh_core::Uuid;
use chatmesh_db::{Db, DbError, Tx, values};

use super::builds::only;
use super::rows::{Id, Number, Unclaimed, join};
use super::statements::prebuilds::{CLAIM_BUILD, CLAIM_WORKSPACE, DROP_WORKSPACE, FIND_CLAIMABLE};
use super::statements::{CONSUMED, GET_WORKSPACE, LIST_WORKSPACES, LOCK_QUOTA};
use super::{NewWorkspace, Prebuilt, StoreError};
use crate::domain::{
    Build, BuildReason, INACTIVE_TIMEOUT, PREBUILD_OWNER, Recipe, WorkspaceDetails, WorkspaceStatus, check_budget,
};

/// How many workspaces are read at a time.
const PAGE: u32 = 100;

/// Lists those that nobody has claimed.
pub(super) async fn list(db: &Db) -> Result<Prebuilt, DbError> {
    let (mut there, mut after) = (Prebuilt::default(), Uuid::nil());
    loop {
        let page: Vec<Unclaimed> = db.fetch_all(LIST_WORKSPACES, values![PREBUILD_OWNER.0, after, PAGE]).await?;
        let Some(last) = page.last() else { break };
        after = last.workspace_id;
        for Unclaimed { name, details, .. } in page {
            match details {
                Some(details) => there.workspaces.push(details),
                None => there.unreadable.push(name),
            }
        }
    }
    Ok(Prebuilt { workspaces: join(there.workspaces), ..there })
}

/// Hands a workspace of this recipe over in place of the one that was just inserted; `None` where none is ready, or the
/// owner has not enough credits.
pub(super) async fn claim(
    tx: &mut Tx,
    new: &NewWorkspace,
    recipe: &Recipe,
) -> Result<Option<WorkspaceDetails>, StoreError> {
    let (workspace, now) = (&new.workspace, new.workspace.created_at);
    let Some(version) = recipe.version_id.filter(|_| workspace.owner_id != PREBUILD_OWNER) else { return Ok(None) };
    let parameters = serde_json::to_string(&recipe.parameters);
    let parameters = parameters.map_err(|error| DbError::inconsistent("parameters", error))?;
    let heard = now - INACTIVE_TIMEOUT;
    let key = values![PREBUILD_OWNER.0, workspace.template_id.0, version.0, parameters, heard];
    let Some(Id(id)) = tx.fetch_optional::<Id>(FIND_CLAIMABLE, key).await? else { return Ok(None) };
    // It is locked now: what was found before that may have changed.
    let Some(found) = only(tx.fetch_all(GET_WORKSPACE, values![id]).await?) else { return Ok(None) };
    let is_free = found.workspace.owner_id == PREBUILD_OWNER && found.status() == WorkspaceStatus::Running;
    if !is_free || !has_credits(tx, new, &found).await? {
        return Ok(None);
    }
    tx.execute(DROP_WORKSPACE, values![workspace.id.0]).await?;
    let owner = workspace.owner_id.0;
    let row = values![id, owner, workspace.name.as_str(), new.request_id, workspace.ttl_seconds, now];
    tx.execute(CLAIM_WORKSPACE, row).await?;
    // It begins to run for its owner now.
    let mut build = Build { reason: Some(BuildReason::Initiator), ..found.build };
    build.set_deadlines(workspace.ttl_seconds, now);
    let (reason, preset) = (BuildReason::Initiator.as_str(), recipe.preset.as_str());
    let row = values![build.id.0, reason, owner, preset, build.deadline, build.max_deadline];
    tx.execute(CLAIM_BUILD, row).await?;
    Ok(only(tx.fetch_all(GET_WORKSPACE, values![id]).await?))
}

async fn has_credits(tx: &mut Tx, new: &NewWorkspace, found: &WorkspaceDetails) -> Result<bool, DbError> {
    let (owner, cost) = (new.workspace.owner_id, found.build.daily_cost);
    let Some(budget) = new.quota.budget(owner).filter(|_| cost > 0) else { return Ok(true) };
    tx.execute(LOCK_QUOTA, values![owner.0, new.workspace.created_at]).await?;
    let consumed = tx.fetch_optional::<Number>(CONSUMED, values![owner.0, new.workspace.id.0]).await?;
    Ok(check_budget(budget, consumed.map_or(0, |Number(consumed)| consumed), cost).is_ok())
}
