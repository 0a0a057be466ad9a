//! Statements about the logs of builds.

use chatmesh_db::Sql;

pub(in crate::store) const GET_LEDGER: Sql =
    Sql::portable("SELECT log_lines, log_bytes, lease_log_lines FROM builds WHERE id = $1");
pub(in crate::store) const UPDATE_LEDGER: Sql =
    Sql::portable("UPDATE builds SET log_lines = $2, log_bytes = $3, lease_log_lines = $4 WHERE id = $1");

/// Inserts the lines of a JSON array, `$2`.
pub(in crate::store) const INSERT_LINES: Sql = Sql::split(
    "INSERT INTO build_log_lines (build_id, line_number, log_offset, printed_at, level, stage, line) \
     SELECT $1, line_number, log_offset, printed_at, level, stage, line \
     FROM jsonb_to_recordset(CAST($2 AS TEXT)::jsonb) AS said (line_number BIGINT, log_offset BIGINT, \
     printed_at TIMESTAMPTZ, level TEXT, stage TEXT, line TEXT)",
    "INSERT INTO build_log_lines (build_id, line_number, log_offset, printed_at, level, stage, line) \
     SELECT $1, value ->> 'line_number', value ->> 'log_offset', value ->> 'printed_at', value ->> 'level', \
     value ->> 'stage', value ->> 'line' FROM json_each($2)",
);
// Offsets grow with numbers: the first line that stays is found where the lines begin, after those that go.
pub(in crate::store) const TRIM_LINES: Sql = Sql::portable(
    "DELETE FROM build_log_lines WHERE build_id = $1 AND line_number < (SELECT line_number FROM build_log_lines \
     WHERE build_id = $1 AND log_offset >= $2 ORDER BY line_number LIMIT 1)",
);
pub(in crate::store) const LIST_LINES: Sql = Sql::portable(
    "SELECT line_number, printed_at, level, stage, line FROM build_log_lines \
     WHERE build_id = $1 AND line_number > $2 ORDER BY line_number LIMIT $3",
);
/// Of a build of the workspace, by its number.
pub(in crate::store) const FORGET_LINES: Sql = Sql::portable(
    "DELETE FROM build_log_lines WHERE build_id = \
     (SELECT id FROM builds WHERE workspace_id = $1 AND build_number = $2)",
);
