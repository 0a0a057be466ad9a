//! How what provisioners say of builds is written down: each line once, many with a statement.

use chatmesh_db::{Db, DbError, values};

use super::StoreError;
use super::builds::lock;
use super::rows::build_logs::BuildLineRow;
use super::statements::build_logs::{GET_LEDGER, INSERT_LINES, TRIM_LINES, UPDATE_LEDGER};
use crate::domain::{BuildId, BuildLedger, NumberedBuildLine, WorkspaceId};

/// How many rows one statement inserts.
const ROWS_PER_STATEMENT: usize = 500;

/// Adds lines to the log of a build, for the holder of its lease. Returns the workspace where there were new ones.
pub(super) async fn append(
    db: &Db,
    build: BuildId,
    holder: &str,
    lines: Vec<NumberedBuildLine>,
) -> Result<Option<WorkspaceId>, StoreError> {
    let mut tx = db.begin().await?;
    let locked = lock(&mut tx, build).await?;
    locked.check_holder(holder)?;
    let ledger = tx.fetch_optional::<BuildLedger>(GET_LEDGER, values![build.0]).await?;
    let before = ledger.ok_or(StoreError::NotFound)?;
    let mut ledger = before;
    let placed = ledger.take(lines);
    if ledger == before {
        return Ok(None);
    }
    for rows in placed.chunks(ROWS_PER_STATEMENT) {
        let rows: Vec<BuildLineRow<'_>> = rows.iter().map(BuildLineRow::from).collect();
        let json = serde_json::to_string(&rows).map_err(|error| DbError::inconsistent("rows", error))?;
        tx.execute(INSERT_LINES, values![build.0, json]).await?;
    }
    if ledger.first_kept() > 0 {
        tx.execute(TRIM_LINES, values![build.0, ledger.first_kept()]).await?;
    }
    tx.execute(UPDATE_LEDGER, values![build.0, ledger.lines, ledger.bytes, ledger.lease_lines]).await?;
    tx.commit().await?;
    Ok(Some(locked.workspace_id))
}
