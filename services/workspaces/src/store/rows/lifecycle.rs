//! Rows of what agents say, as they are read, and as they are written many at once.

use chatmesh_core::Timestamp;
use chatmesh_db::{DbError, FromRow, Row};
use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::{
    Instance, Lifecycle, LifecycleState, LogLevel, LogLine, NumberedLine, NumberedRun, ScriptResult, ScriptRun,
    ScriptStage, WorkspaceId,
};

/// What an agent's row says of its workspace's startup, and how much was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Ledger {
    pub(in crate::store) workspace_id: WorkspaceId,
    pub(in crate::store) lifecycle: Lifecycle,
    /// How many lines were printed.
    pub(in crate::store) lines: i64,
    /// What those that were recorded take.
    pub(in crate::store) bytes: i64,
    /// How many runs were recorded.
    pub(in crate::store) runs: i64,
}

/// A line on its way in.
#[derive(Debug, Serialize)]
pub(in crate::store) struct LineRow {
    pub(in crate::store) line_number: i64,
    pub(in crate::store) log_offset: i64,
    pub(in crate::store) printed_at: String,
    pub(in crate::store) level: &'static str,
    pub(in crate::store) script_id: String,
    pub(in crate::store) line: String,
}

/// A run on its way in.
#[derive(Debug, Serialize)]
pub(in crate::store) struct RunRow {
    run_number: i64,
    script_id: String,
    display_name: String,
    stage: &'static str,
    result: &'static str,
    exit_code: Option<i32>,
    started_at: Option<String>,
    ended_at: Option<String>,
    message: String,
}

impl LineRow {
    pub(in crate::store) fn new(line_number: i64, log_offset: i64, line: LogLine) -> Self {
        Self {
            line_number,
            log_offset,
            printed_at: to_text(line.time),
            level: line.level.as_str(),
            script_id: line.script_id,
            line: line.text,
        }
    }
}

impl RunRow {
    pub(in crate::store) fn new(run_number: i64, run: ScriptRun) -> Self {
        Self {
            run_number,
            script_id: run.script_id,
            display_name: run.display_name,
            stage: run.stage.as_str(),
            result: run.result.as_str(),
            exit_code: run.exit_code,
            started_at: run.started_at.map(to_text),
            ended_at: run.ended_at.map(to_text),
            message: run.message,
        }
    }
}

/// A time as both engines read it.
pub(super) fn to_text(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}

impl FromRow for Ledger {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            workspace_id: row.id("workspace_id")?,
            lifecycle: lifecycle(row)?,
            lines: row.get("log_lines")?,
            bytes: row.get("log_bytes")?,
            runs: row.get("script_runs")?,
        })
    }
}

impl FromRow for Instance {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get("instance_id")?,
            number: row.u32("instance_number")?,
            epoch: row.u32("epoch")?,
            last_sequence: row.get("last_sequence")?,
            lifecycle: lifecycle(row)?,
        })
    }
}

fn lifecycle(row: &Row) -> Result<Lifecycle, DbError> {
    Ok(Lifecycle {
        state: row.parse::<String, LifecycleState>("lifecycle_state")?,
        changed_at: row.get("lifecycle_changed_at")?,
        message: row.get("lifecycle_message")?,
    })
}

impl FromRow for NumberedLine {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let line = LogLine {
            time: row.get("printed_at")?,
            level: row.parse::<String, LogLevel>("level")?,
            script_id: row.get("script_id")?,
            text: row.get("line")?,
        };
        Ok(Self { number: row.get("line_number")?, line })
    }
}

impl FromRow for NumberedRun {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let exit_code = row.get::<Option<i64>>("exit_code")?.map(i32::try_from).transpose();
        let run = ScriptRun {
            script_id: row.get("script_id")?,
            display_name: row.get("display_name")?,
            stage: row.parse::<String, ScriptStage>("stage")?,
            result: row.parse::<String, ScriptResult>("result")?,
            exit_code: exit_code.map_err(|error| DbError::inconsistent("exit_code", error))?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            message: row.get("message")?,
        };
        Ok(Self { number: row.get("run_number")?, run })
    }
}
