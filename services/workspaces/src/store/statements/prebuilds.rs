//! Statements about workspaces that are made in advance.

use chatmesh_db::Sql;

macro_rules! find_claimable {
    ($lock:literal) => {
        concat!(
            "SELECT w.id FROM workspaces w JOIN builds b ON b.workspace_id = w.id AND b.build_number = ",
            latest_number!(),
            " WHERE w.owner_id = $1 AND NOT w.deleted AND w.template_id = $2 AND b.template_version_id = $3 \
             AND b.parameters = $4 AND b.transition = 'start' AND b.status = 'succeeded' \
             AND EXISTS (SELECT 1 FROM agents a WHERE a.build_id = b.id) \
             AND NOT EXISTS (SELECT 1 FROM agents a WHERE a.build_id = b.id AND (a.lifecycle_state <> 'ready' \
             OR a.last_connected_at IS NULL OR a.last_connected_at < $5 OR a.disconnected_at >= a.last_connected_at)) \
             ORDER BY w.id LIMIT 1",
            $lock
        )
    };
}

/// The oldest workspace of `$1` with these values whose agents were all heard of since `$5` and are ready.
pub(in crate::store) const FIND_CLAIMABLE: Sql =
    Sql::split(find_claimable!(" FOR UPDATE OF w SKIP LOCKED"), find_claimable!(""));
/// A workspace that was inserted by the same transaction, and has nothing yet.
pub(in crate::store) const DROP_WORKSPACE: Sql = Sql::portable("DELETE FROM workspaces WHERE id = $1");
pub(in crate::store) const CLAIM_WORKSPACE: Sql = Sql::portable(
    "UPDATE workspaces SET owner_id = $2, name = $3, request_id = $4, ttl_seconds = $5, created_at = $6, \
     updated_at = $6 WHERE id = $1",
);
pub(in crate::store) const CLAIM_BUILD: Sql = Sql::portable(
    "UPDATE builds SET reason = $2, initiator_id = $3, preset = $4, deadline = $5, max_deadline = $6 WHERE id = $1",
);
/// The active versions that may have something to make in advance.
pub(in crate::store) const LIST_POOLS: Sql = Sql::portable(
    "SELECT v.id, v.template_id, v.version_number, v.message, v.created_at, v.created_by, v.manifest, v.readme, v.digest \
     FROM templates t JOIN template_versions v ON v.id = t.active_version_id \
     WHERE NOT t.deleted AND NOT t.archived AND t.deprecation = '' AND v.manifest LIKE '%\"prebuilds\"%' \
     ORDER BY t.name",
);
