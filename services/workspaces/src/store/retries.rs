//! When workspaces are stopped whose latest builds came to nothing.

use chatmesh_core::Timestamp;
use chatmesh_db::{DbError, FromRow, Row, Sql, Tx, values};

use super::builds::only;
use super::rows::Ttl;
use super::statements::usage::SET_DEADLINE;
use super::statements::{GET_TTL, GET_WORKSPACE};
use crate::domain::{Build, Former, WorkspaceDetails, WorkspaceId};

/// What the builds of a workspace have left that have ended. One that somebody gave up is none that failed.
pub(super) const GET_FORMER: Sql = Sql::portable(
    "SELECT (SELECT count(*) FROM builds f WHERE f.workspace_id = $1 AND f.transition = 'stop' AND f.status = 'failed' \
     AND NOT (f.canceled AND coalesce(f.error_code, '') = 'canceled') \
     AND f.build_number > coalesce((SELECT max(build_number) FROM builds \
     WHERE workspace_id = $1 AND status = 'succeeded'), 0)) AS failed_stops, \
     EXISTS (SELECT 1 FROM builds r WHERE r.workspace_id = $1 AND r.transition = 'start' \
     AND r.build_number = (SELECT max(build_number) FROM builds WHERE workspace_id = $1 AND status = 'succeeded')) \
     AS runs",
);

impl FromRow for Former {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { failed_stops: row.u32("failed_stops")?, runs: row.get("runs")? })
    }
}

/// Gives a build that has just come to nothing its deadline. The workspace is locked, and the build is not written yet:
/// it is none of those that have ended. `may_run` says that a start may have left something that runs.
pub(super) async fn settle(tx: &mut Tx, build: Build, may_run: bool, now: Timestamp) -> Result<Build, DbError> {
    let workspace = build.workspace_id.0;
    let ttl = tx.fetch_optional::<Ttl>(GET_TTL, values![workspace]).await?.and_then(|Ttl(seconds)| seconds);
    let former = tx.fetch_optional::<Former>(GET_FORMER, values![workspace]).await?.unwrap_or_default();
    let deadline = build.deadline_after_failure(former, may_run, ttl, now);
    Ok(Build { deadline, ..build })
}

/// Gives a workspace its deadline again whose latest build was given up before anybody began it. The workspace is locked,
/// and that build is written: it is passed over, and the one before it has the deadline.
pub(super) async fn resume(tx: &mut Tx, workspace: WorkspaceId, now: Timestamp) -> Result<(), DbError> {
    let found = only(tx.fetch_all(GET_WORKSPACE, values![workspace.0]).await?);
    let Some(WorkspaceDetails { workspace, build, .. }) = found else { return Ok(()) };
    let former = tx.fetch_optional::<Former>(GET_FORMER, values![workspace.id.0]).await?.unwrap_or_default();
    let deadline = build.deadline_again(former, workspace.ttl_seconds, now);
    tx.execute(SET_DEADLINE, values![build.id.0, deadline]).await.map(drop)
}
