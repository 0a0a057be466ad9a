//! Statements about what agents say of their workspaces' startup and shutdown.

use chatmesh_db::{Sql, select_for_update};

pub(in crate::store) const LOCK_LEDGER: Sql = select_for_update!(
    "SELECT workspace_id, lifecycle_state, lifecycle_changed_at, lifecycle_message, log_lines, log_bytes, script_runs \
     FROM agents WHERE id = $1"
);
pub(in crate::store) const UPDATE_LEDGER: Sql = Sql::portable(
    "UPDATE agents SET lifecycle_state = $2, lifecycle_changed_at = $3, lifecycle_message = $4, log_lines = $5, \
     log_bytes = $6, script_runs = $7 WHERE id = $1",
);

pub(in crate::store) const LIST_INSTANCES: Sql = Sql::portable(
    "SELECT instance_id, instance_number, epoch, last_sequence, lifecycle_state, lifecycle_changed_at, \
     lifecycle_message FROM agent_instances WHERE agent_id = $1",
);
pub(in crate::store) const PUT_INSTANCE: Sql = Sql::portable(
    "INSERT INTO agent_instances (agent_id, instance_id, instance_number, epoch, last_sequence, lifecycle_state, \
     lifecycle_changed_at, lifecycle_message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (agent_id, instance_id) DO UPDATE SET epoch = excluded.epoch, last_sequence = excluded.last_sequence, \
     lifecycle_state = excluded.lifecycle_state, lifecycle_changed_at = excluded.lifecycle_changed_at, \
     lifecycle_message = excluded.lifecycle_message",
);
pub(in crate::store) const FORGET_INSTANCES: Sql =
    Sql::portable("DELETE FROM agent_instances WHERE agent_id = $1 AND instance_number <= $2");

/// Inserts the lines of a JSON array, `$2`.
pub(in crate::store) const INSERT_LINES: Sql = Sql::split(
    "INSERT INTO agent_log_lines (agent_id, line_number, log_offset, printed_at, level, script_id, line) \
     SELECT $1, line_number, log_offset, printed_at, level, script_id, line \
     FROM jsonb_to_recordset(CAST($2 AS TEXT)::jsonb) AS said (line_number BIGINT, log_offset BIGINT, \
     printed_at TIMESTAMPTZ, level TEXT, script_id TEXT, line TEXT)",
    "INSERT INTO agent_log_lines (agent_id, line_number, log_offset, printed_at, level, script_id, line) \
     SELECT $1, value ->> 'line_number', value ->> 'log_offset', value ->> 'printed_at', value ->> 'level', \
     value ->> 'script_id', value ->> 'line' FROM json_each($2)",
);
// Offsets grow with numbers: the first line that stays is found where the lines begin, after those that go.
pub(in crate::store) const TRIM_LINES: Sql = Sql::portable(
    "DELETE FROM agent_log_lines WHERE agent_id = $1 AND line_number < (SELECT line_number FROM agent_log_lines \
     WHERE agent_id = $1 AND log_offset >= $2 ORDER BY line_number LIMIT 1)",
);
pub(in crate::store) const LIST_LINES: Sql = Sql::portable(
    "SELECT line_number, printed_at, level, script_id, line FROM agent_log_lines \
     WHERE agent_id = $1 AND line_number > $2 ORDER BY line_number LIMIT $3",
);

/// Inserts the runs of a JSON array, `$2`.
pub(in crate::store) const INSERT_RUNS: Sql = Sql::split(
    "INSERT INTO agent_script_runs (agent_id, run_number, script_id, display_name, stage, result, exit_code, \
     started_at, ended_at, message) \
     SELECT $1, run_number, script_id, display_name, stage, result, exit_code, started_at, ended_at, message \
     FROM jsonb_to_recordset(CAST($2 AS TEXT)::jsonb) AS said (run_number BIGINT, script_id TEXT, display_name TEXT, \
     stage TEXT, result TEXT, exit_code BIGINT, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, message TEXT)",
    "INSERT INTO agent_script_runs (agent_id, run_number, script_id, display_name, stage, result, exit_code, \
     started_at, ended_at, message) \
     SELECT $1, value ->> 'run_number', value ->> 'script_id', value ->> 'display_name', value ->> 'stage', \
     value ->> 'result', value ->> 'exit_code', value ->> 'started_at', value ->> 'ended_at', value ->> 'message' \
     FROM json_each($2)",
);
pub(in crate::store) const TRIM_RUNS: Sql =
    Sql::portable("DELETE FROM agent_script_runs WHERE agent_id = $1 AND run_number <= $2");
pub(in crate::store) const LIST_RUNS: Sql = Sql::portable(
    "SELECT run_number, script_id, display_name, stage, result, exit_code, started_at, ended_at, message \
     FROM agent_script_runs WHERE agent_id = $1 AND run_number > $2 ORDER BY run_number LIMIT $3",
);
