//! Statements that delete what nobody can read any more, or is to.

use chatmesh_db::Sql;

/// Of workspaces that were deleted before `$1`, and of builds that at least `$2` others followed; at most `$3`. Logs, runs
/// and processes go with them. The last agent of each name stays: it may run, and it has the token that the owner of the
/// workspace may have.
pub(in crate::store) const FORGET_AGENTS: Sql = Sql::portable(
    "DELETE FROM agents WHERE id IN (SELECT a.id FROM agents a JOIN builds b ON b.id = a.build_id \
     JOIN workspaces w ON w.id = a.workspace_id WHERE (w.deleted AND w.updated_at < $1) \
     OR (b.build_number <= (SELECT max(n.build_number) FROM builds n WHERE n.workspace_id = w.id) - $2 \
     AND EXISTS (SELECT 1 FROM agents l JOIN builds lb ON lb.id = l.build_id WHERE l.workspace_id = w.id \
     AND l.name = a.name AND l.parent_id IS NULL AND lb.build_number > b.build_number)) LIMIT $3)",
);
/// The logs of builds of workspaces that were deleted before `$1`, of `$2` builds at most.
pub(in crate::store) const FORGET_BUILD_LINES: Sql = Sql::portable(
    "DELETE FROM build_log_lines WHERE build_id IN (SELECT b.id FROM workspaces w JOIN builds b ON b.workspace_id = w.id \
     WHERE w.deleted AND w.updated_at < $1 AND EXISTS (SELECT 1 FROM build_log_lines l WHERE l.build_id = b.id) LIMIT $2)",
);
