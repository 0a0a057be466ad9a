//! How builds are made, and how they end.

use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, Tx, Value, values};

use super::retries::{resume, settle};
use super::rows::{Id, Number, Ttl, join};
use super::statements::build_logs::FORGET_LINES;
use super::statements::{
    CLEAR_DEADLINE, FIND_BUILD_BY_REQUEST, GET_TTL, GET_WORKSPACE, INSERT_BUILD, LAST_NUMBER, LOCK_BUILD,
    LOCK_WORKSPACE, TAKE_DEADLINE, TOUCH_WORKSPACE, UPDATE_BUILD,
};
use super::{NewBuild, StoreError, templates};
use crate::domain::{
    Build, BuildId, BuildReason, BuildStatus, Outcome, PREBUILD_OWNER, Recipe, Transition, WorkspaceDetails,
    WorkspaceId,
};

/// Of how many builds of a workspace, the latest, the logs are kept: those of the builds, and what their agents said.
pub(super) const KEPT_LOGS: u32 = 20;

/// Inserts the next build of a workspace.
pub(super) async fn insert(db: &Db, new: &NewBuild) -> Result<Build, StoreError> {
    let mut tx = db.begin().await?;
    let locked = tx.fetch_optional::<Id>(LOCK_WORKSPACE, values![new.workspace_id.0]).await?;
    locked.ok_or(StoreError::NotFound)?;
    if let Some(earlier) = find_repeated(&mut tx, new).await? {
        return Ok(earlier);
    }
    let details = only(tx.fetch_all(GET_WORKSPACE, values![new.workspace_id.0]).await?);
    let details = details.ok_or(StoreError::NotFound)?;
    let last = tx.fetch_optional::<Number>(LAST_NUMBER, values![new.workspace_id.0]).await?;
    let number = last.map_or(details.build.number, |Number(last)| last) + 1;
    let mut build = details.next_build(new.id, number, new.transition, new.now)?;
    // It may have been used since somebody saw that it was not, and may be until its deadline is gone: what is used
    // moves that of the build and asks for no lock of the workspace.
    if new.reason == BuildReason::Autostop
        && tx.execute(TAKE_DEADLINE, values![details.build.id.0, new.now]).await? == 0
    {
        return Err(StoreError::NotDue);
    }
    // And what was made in advance may be somebody's by now.
    if new.reason == BuildReason::Prebuild && details.workspace.owner_id != PREBUILD_OWNER {
        return Err(StoreError::NotDue);
    }
    (build.reason, build.initiator) = (Some(new.reason), new.initiator);
    if new.transition == Transition::Start {
        let plan = templates::plan(&mut tx, &details.workspace, Some(&details.build), &new.start).await?;
        (build.recipe, build.terms) = plan;
    }
    tx.execute(CLEAR_DEADLINE, values![new.workspace_id.0]).await?;
    if let Some(oldest) = build.number.checked_sub(KEPT_LOGS) {
        tx.execute(FORGET_LINES, values![new.workspace_id.0, oldest]).await?;
    }
    tx.execute(INSERT_BUILD, row(&build, new.request_id)?).await?;
    touch(&mut tx, new.workspace_id, false, new.now).await?;
    tx.commit().await?;
    Ok(build)
}

async fn find_repeated(tx: &mut Tx, new: &NewBuild) -> Result<Option<Build>, StoreError> {
    let Some(request_id) = new.request_id else { return Ok(None) };
    let key = values![new.workspace_id.0, request_id];
    match tx.fetch_optional::<Build>(FIND_BUILD_BY_REQUEST, key).await? {
        Some(earlier) if earlier.transition != new.transition => Err(StoreError::RequestReused),
        earlier => Ok(earlier),
    }
}

/// Ends a build for the holder of its lease.
pub(super) async fn end(
    db: &Db,
    build: BuildId,
    holder: &str,
    outcome: Outcome,
    now: Timestamp,
) -> Result<Build, StoreError> {
    let mut tx = db.begin().await?;
    let found = lock(&mut tx, build).await?;
    let may_run = matches!(&outcome, Outcome::Failed(failure) if !failure.nothing_runs);
    let Some(mut build) = found.clone().end(holder, outcome, now)? else { return Ok(found) };
    let deleted = build.transition == Transition::Delete && build.status == BuildStatus::Succeeded;
    touch(&mut tx, build.workspace_id, deleted, now).await?;
    // With the workspace locked: a time to live that is set meanwhile is either read here, or finds the build ended.
    let ttl = tx.fetch_optional::<Ttl>(GET_TTL, values![build.workspace_id.0]).await?;
    build.set_deadlines(ttl.and_then(|Ttl(seconds)| seconds), now);
    if build.status != BuildStatus::Succeeded {
        build = settle(&mut tx, build, may_run, now).await?;
    }
    update(&mut tx, &build).await?;
    tx.commit().await?;
    Ok(build)
}

/// Asks for a build to be given up.
pub(super) async fn cancel(db: &Db, build: BuildId, now: Timestamp) -> Result<Build, StoreError> {
    let mut tx = db.begin().await?;
    let found = lock(&mut tx, build).await?;
    let Some(mut build) = found.clone().cancel(now)? else { return Ok(found) };
    touch(&mut tx, build.workspace_id, false, now).await?;
    if build.status.has_ended() && !build.changed_nothing() {
        build = settle(&mut tx, build, false, now).await?;
    }
    update(&mut tx, &build).await?;
    if build.changed_nothing() {
        resume(&mut tx, build.workspace_id, now).await?;
    }
    tx.commit().await?;
    Ok(build)
}

/// The workspace of rows that are all of one.
pub(super) fn only(rows: Vec<WorkspaceDetails>) -> Option<WorkspaceDetails> {
    join(rows).pop()
}

pub(super) async fn lock(tx: &mut Tx, build: BuildId) -> Result<Build, StoreError> {
    tx.fetch_optional::<Build>(LOCK_BUILD, values![build.0]).await?.ok_or(StoreError::NotFound)
}

pub(super) async fn update(tx: &mut Tx, build: &Build) -> Result<(), DbError> {
    // Who had a build that nobody had is nobody: the column may be NULL only while it waits.
    let holder = build.leased_by.as_deref().or_else(|| (build.status != BuildStatus::Pending).then_some(""));
    let row = values![
        build.id.0,
        build.status.word(),
        build.error.as_deref(),
        build.lease_expires_at,
        build.completed_at,
        build.cancel_requested,
        build.error_code.map(|code| code.as_str()),
        holder,
        build.daily_cost,
        build.deadline,
        build.max_deadline
    ];
    tx.execute(UPDATE_BUILD, row).await.map(drop)
}

pub(super) async fn touch(tx: &mut Tx, workspace: WorkspaceId, deleted: bool, now: Timestamp) -> Result<(), DbError> {
    tx.execute(TOUCH_WORKSPACE, values![workspace.0, deleted, now]).await.map(drop)
}

/// A build that waits, as it is inserted.
pub(super) fn row(build: &Build, request_id: Option<Uuid>) -> Result<Vec<Value>, DbError> {
    let Build { id, workspace_id, number, transition, recipe, created_at, .. } = build;
    let Recipe { version_id, parameters, preset } = recipe;
    let parameters = serde_json::to_string(parameters).map_err(|error| DbError::inconsistent("parameters", error))?;
    let terms = serde_json::to_string(&build.terms).map_err(|error| DbError::inconsistent("terms", error))?;
    Ok(values![
        id.0,
        workspace_id.0,
        *number,
        transition.as_str(),
        request_id,
        *created_at,
        version_id.map(|id| id.0),
        parameters,
        preset.as_str(),
        terms,
        build.daily_cost,
        build.reason.map(|reason| reason.as_str()),
        build.initiator.map(|user| user.0)
    ])
}
