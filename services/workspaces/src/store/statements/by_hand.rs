//! Statements about agents that the owners of workspaces start.

use chatmesh_db::Sql;

pub(in crate::store) const KEEP_ENVIRONMENT: Sql =
    Sql::portable("UPDATE builds SET agent_environment = $2 WHERE id = $1");
pub(in crate::store) const GET_ENVIRONMENT: Sql =
    Sql::portable("SELECT coalesce(agent_environment, '') AS agent_environment FROM builds WHERE id = $1");
/// The latest agent of this name of a workspace, with the digest of its token.
pub(in crate::store) const FIND_EARLIER: Sql = Sql::portable(
    "SELECT a.id, a.token_digest FROM builds b JOIN agents a ON a.build_id = b.id \
     WHERE b.workspace_id = $1 AND a.name = $2 AND a.parent_id IS NULL \
     ORDER BY b.build_number DESC LIMIT 1",
);
pub(in crate::store) const SET_DIGEST: Sql = Sql::portable("UPDATE agents SET token_digest = $2 WHERE id = $1");
pub(in crate::store) const REPLACE_TOKEN: Sql =
    Sql::portable("UPDATE agents SET token_digest = $2, created_at = $3 WHERE id = $1");
