//! How what agents say is written down: each report once, many rows with a statement.

use chatmesh_db::{Db, DbError, Sql, Tx, values};
use serde::Serialize;

use super::LifecycleReported;
use super::rows::lifecycle::{Ledger, LineRow, RunRow};
use super::statements::lifecycle::{
    FORGET_INSTANCES, INSERT_LINES, INSERT_RUNS, LIST_INSTANCES, LOCK_LEDGER, PUT_INSTANCE, TRIM_LINES, TRIM_RUNS,
    UPDATE_LEDGER,
};
use crate::domain::{
    AgentId, Instance, LifecycleBatch, LogLine, MAX_INSTANCES, MAX_LOG_BYTES, MAX_RUNS, ScriptRun, heard, is_latest,
};

/// How many rows one statement inserts.
const ROWS_PER_STATEMENT: usize = 500;

/// Takes in a batch; `None` where there is no such agent.
pub(super) async fn report(
    db: &Db,
    agent: AgentId,
    batch: LifecycleBatch,
) -> Result<Option<LifecycleReported>, DbError> {
    let mut tx = db.begin().await?;
    let Some(mut ledger) = tx.fetch_optional::<Ledger>(LOCK_LEDGER, values![agent.0]).await? else {
        return Ok(None);
    };
    let known: Vec<Instance> = tx.fetch_all(LIST_INSTANCES, values![agent.0]).await?;
    let mut instance = heard(&known, &batch);
    let news = instance.take(batch.reports);
    let workspace_id = ledger.workspace_id;
    let mut reported = LifecycleReported { workspace_id, last_sequence: instance.last_sequence, changed: false };
    if known.contains(&instance) {
        return Ok(Some(reported));
    }

    put_instance(&mut tx, agent, &instance).await?;
    if is_latest(&instance, &known) {
        reported.changed = ledger.lifecycle != instance.lifecycle;
        ledger.lifecycle = instance.lifecycle;
    }
    insert_lines(&mut tx, agent, &mut ledger, news.lines).await?;
    ledger.lines = ledger.lines.saturating_add(news.dropped_after.into());
    insert_runs(&mut tx, agent, &mut ledger, news.runs).await?;
    let Ledger { lifecycle, lines, bytes, runs, .. } = ledger;
    let state = lifecycle.state.as_str();
    let row = values![agent.0, state, lifecycle.changed_at, lifecycle.message, lines, bytes, runs];
    tx.execute(UPDATE_LEDGER, row).await?;
    tx.commit().await?;
    Ok(Some(reported))
}

async fn put_instance(tx: &mut Tx, agent: AgentId, instance: &Instance) -> Result<(), DbError> {
    let lifecycle = &instance.lifecycle;
    let row = values![
        agent.0,
        instance.id,
        instance.number,
        instance.epoch,
        instance.last_sequence,
        lifecycle.state.as_str(),
        lifecycle.changed_at,
        lifecycle.message.as_str()
    ];
    tx.execute(PUT_INSTANCE, row).await?;
    if let Some(oldest) = instance.number.checked_sub(MAX_INSTANCES) {
        tx.execute(FORGET_INSTANCES, values![agent.0, oldest]).await?;
    }
    Ok(())
}

async fn insert_lines(
    tx: &mut Tx,
    agent: AgentId,
    ledger: &mut Ledger,
    lines: Vec<(u32, LogLine)>,
) -> Result<(), DbError> {
    let mut rows = Vec::with_capacity(lines.len());
    for (dropped, line) in lines {
        ledger.lines = ledger.lines.saturating_add(i64::from(dropped) + 1);
        let offset = ledger.bytes;
        ledger.bytes = ledger.bytes.saturating_add(line.bytes());
        rows.push(LineRow::new(ledger.lines, offset, line));
    }
    let first_kept = ledger.bytes - MAX_LOG_BYTES;
    rows.retain(|row| row.log_offset >= first_kept);
    if rows.is_empty() {
        return Ok(());
    }
    insert(tx, INSERT_LINES, agent, &rows).await?;
    if first_kept > 0 {
        tx.execute(TRIM_LINES, values![agent.0, first_kept]).await?;
    }
    Ok(())
}

async fn insert_runs(tx: &mut Tx, agent: AgentId, ledger: &mut Ledger, runs: Vec<ScriptRun>) -> Result<(), DbError> {
    if runs.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(runs.len());
    for run in runs {
        ledger.runs = ledger.runs.saturating_add(1);
        rows.push(RunRow::new(ledger.runs, run));
    }
    insert(tx, INSERT_RUNS, agent, &rows).await?;
    if ledger.runs > MAX_RUNS {
        tx.execute(TRIM_RUNS, values![agent.0, ledger.runs - MAX_RUNS]).await?;
    }
    Ok(())
}

async fn insert<R: Serialize + Sync>(tx: &mut Tx, sql: Sql, agent: AgentId, rows: &[R]) -> Result<(), DbError> {
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let json = serde_json::to_string(rows).map_err(|error| DbError::inconsistent("rows", error))?;
        tx.execute(sql, values![agent.0, json]).await?;
    }
    Ok(())
}
