//! How it is known which workspaces are used, and which are to be stopped.

use std::collections::HashSet;
use std::time::Duration;

use chatmesh_core::Timestamp;
use chatmesh_db::{Db, DbError, values};
use chrono::SecondsFormat;
use serde::Serialize;

use super::builds::{only, touch};
use super::rows::{Id, Used};
use super::statements::usage::{BUMP_DEADLINES, GET_USED, SET_DEADLINE, SET_TTL, USE_WORKSPACES};
use super::statements::{GET_WORKSPACE, LOCK_WORKSPACE};
use super::unreadable::{Readable, only_readable};
use super::{Activity, StoreError};
use crate::domain::{BuildId, WorkspaceDetails, WorkspaceId, WorkspaceStatus};

/// How exactly it is known when a workspace was last used.
const USE_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// A deadline on its way in.
#[derive(Debug, Serialize)]
struct DeadlineRow {
    id: String,
    deadline: String,
}

/// Takes in that workspaces are used: three statements at most, however many there are. Most uses change nothing, and
/// only read.
pub(super) async fn report(
    db: &Db,
    workspaces: &[WorkspaceId],
    now: Timestamp,
) -> Result<Vec<(WorkspaceId, Activity)>, DbError> {
    let used: Vec<Readable<Used>> = db.fetch_all(GET_USED, values![ids(workspaces)?]).await?;
    let used: Vec<Used> = only_readable(used).collect();
    let is_news = |used: &&Used| used.last_used_at.is_none_or(|last| last + USE_INTERVAL <= now);
    let news: Vec<WorkspaceId> = used.iter().filter(is_news).map(|used| used.workspace_id).collect();
    if !news.is_empty() {
        db.execute(USE_WORKSPACES, values![ids(&news)?, now]).await?;
    }
    let later = |one: &Used| one.runs.and_then(|runs| runs.bumped(now));
    let bumped: Vec<_> = used.iter().filter_map(|one| later(one).map(|later| (one.build_id, later))).collect();
    // Where another build followed meanwhile, or somebody else was first, it stays as it is.
    let moved = if bumped.is_empty() { HashSet::new() } else { bump(db, &bumped).await? };
    let activity = |one: &Used| {
        let moved = moved.contains(&one.build_id);
        let deadline = if moved { later(one) } else { one.deadline };
        (one.workspace_id, Activity { deadline, moved })
    };
    Ok(used.iter().map(activity).collect())
}

/// Moves the deadlines of builds that have none that is later, and returns which have moved.
async fn bump(db: &Db, bumped: &[(BuildId, Timestamp)]) -> Result<HashSet<BuildId>, DbError> {
    // As the time is written elsewhere: SQLite compares texts.
    let written = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::AutoSi, false);
    let row = |(build, later): &(BuildId, Timestamp)| DeadlineRow {
        id: build.0.simple().to_string(),
        deadline: written(*later),
    };
    let rows: Vec<DeadlineRow> = bumped.iter().map(row).collect();
    let rows = serde_json::to_string(&rows).map_err(|error| DbError::inconsistent("deadlines", error))?;
    let moved: Vec<Id> = db.fetch_all(BUMP_DEADLINES, values![rows]).await?;
    Ok(moved.into_iter().map(|Id(id)| BuildId(id)).collect())
}

/// Identifiers as both engines take them: a list is no parameter that both know.
fn ids(workspaces: &[WorkspaceId]) -> Result<String, DbError> {
    let ids: Vec<String> = workspaces.iter().map(|id| id.0.simple().to_string()).collect();
    serde_json::to_string(&ids).map_err(|error| DbError::inconsistent("ids", error))
}

/// Changes how long a workspace runs without being used; where it runs, that counts from `now`.
pub(super) async fn set_ttl(
    db: &Db,
    workspace: WorkspaceId,
    seconds: u32,
    now: Timestamp,
) -> Result<WorkspaceDetails, StoreError> {
    let mut tx = db.begin().await?;
    let locked = tx.fetch_optional::<Id>(LOCK_WORKSPACE, values![workspace.0]).await?;
    locked.ok_or(StoreError::NotFound)?;
    let details = only(tx.fetch_all(GET_WORKSPACE, values![workspace.0]).await?).ok_or(StoreError::NotFound)?;
    details.build.terms.check_ttl(Some(seconds)).map_err(StoreError::Unfit)?;
    tx.execute(SET_TTL, values![workspace.0, seconds]).await?;
    // Builds are locked before their workspaces: one that has not ended is left alone, and will find what is set here.
    if details.status() == WorkspaceStatus::Running {
        let deadline = details.build.deadline_from(Some(seconds), now);
        tx.execute(SET_DEADLINE, values![details.build.id.0, deadline]).await?;
    }
    touch(&mut tx, workspace, details.workspace.deleted, now).await?;
    let changed = only(tx.fetch_all(GET_WORKSPACE, values![workspace.0]).await?).ok_or(StoreError::NotFound)?;
    tx.commit().await?;
    Ok(changed)
}
