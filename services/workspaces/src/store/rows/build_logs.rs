//! Rows of the logs of builds, as they are read, and as they are written many at once.

use chatmesh_db::{DbError, FromRow, Row};
use serde::Serialize;

use super::lifecycle::to_text;
use crate::domain::{BuildLedger, BuildLine, LogLevel, NumberedBuildLine, PlacedLine};

/// A line on its way in.
#[derive(Debug, Serialize)]
pub(in crate::store) struct BuildLineRow<'a> {
    line_number: i64,
    log_offset: i64,
    printed_at: String,
    level: &'static str,
    stage: &'a str,
    line: &'a str,
}

impl<'a> From<&'a PlacedLine> for BuildLineRow<'a> {
    fn from(placed: &'a PlacedLine) -> Self {
        let PlacedLine { number, offset, line } = placed;
        Self {
            line_number: *number,
            log_offset: *offset,
            printed_at: to_text(line.time),
            level: line.level.as_str(),
            stage: &line.stage,
            line: &line.text,
        }
    }
}

impl FromRow for BuildLedger {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            lines: row.get("log_lines")?,
            bytes: row.get("log_bytes")?,
            lease_lines: row.get("lease_log_lines")?,
        })
    }
}

impl FromRow for NumberedBuildLine {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let line = BuildLine {
            time: row.get("printed_at")?,
            level: row.parse::<String, LogLevel>("level")?,
            stage: row.get("stage")?,
            text: row.get("line")?,
        };
        Ok(Self { number: row.get("line_number")?, line })
    }
}
