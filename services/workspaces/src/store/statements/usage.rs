//! Statements about the use of workspaces.

use chatmesh_db::Sql;

// No more than a use needs: what a newer release says of builds in other words must not stop the use of all others.
macro_rules! get_used {
    ($named:literal) => {
        concat!(
            "SELECT w.id AS w_id, w.last_used_at AS w_last_used_at, b.id, b.deadline, b.max_deadline, b.terms, \
             b.transition = 'start' AND b.status = 'succeeded' AS runs FROM workspaces w \
             JOIN builds b ON b.workspace_id = w.id AND b.build_number = ",
            latest_number!(),
            " WHERE w.id IN (",
            $named,
            ") ORDER BY w.id"
        )
    };
}

/// Of the workspaces of a JSON array, `$1`.
pub(in crate::store) const GET_USED: Sql = Sql::split(
    get_used!(
        "SELECT CAST(named.value AS UUID) FROM jsonb_array_elements_text(CAST($1 AS TEXT)::jsonb) AS named (value)"
    ),
    get_used!("SELECT unhex(named.value) FROM json_each($1) AS named"),
);
/// Of the workspaces of a JSON array, `$1`. Several who say so at once lock them in one order.
pub(in crate::store) const USE_WORKSPACES: Sql = Sql::split(
    "WITH used AS MATERIALIZED (SELECT id FROM workspaces WHERE id IN (SELECT CAST(named.value AS UUID) \
     FROM jsonb_array_elements_text(CAST($1 AS TEXT)::jsonb) AS named (value)) ORDER BY id FOR NO KEY UPDATE) \
     UPDATE workspaces SET last_used_at = $2 WHERE id IN (SELECT id FROM used)",
    "UPDATE workspaces SET last_used_at = $2 WHERE id IN (SELECT unhex(named.value) FROM json_each($1) AS named)",
);
/// Of the builds of a JSON array, each to its own. A build that another one followed has no deadline any more.
/// Locked in one order, too.
pub(in crate::store) const BUMP_DEADLINES: Sql = Sql::split(
    "WITH bumped AS MATERIALIZED (SELECT builds.id, later.deadline FROM builds \
     JOIN jsonb_to_recordset(CAST($1 AS TEXT)::jsonb) AS later (id UUID, deadline TIMESTAMPTZ) \
     ON builds.id = later.id WHERE builds.deadline < later.deadline ORDER BY builds.id FOR NO KEY UPDATE OF builds) \
     UPDATE builds SET deadline = bumped.deadline FROM bumped \
     WHERE builds.id = bumped.id AND builds.deadline < bumped.deadline RETURNING builds.id",
    "UPDATE builds SET deadline = bumped.later FROM (SELECT unhex(value ->> 'id') AS build_id, \
     value ->> 'deadline' AS later FROM json_each($1)) AS bumped \
     WHERE builds.id = bumped.build_id AND builds.deadline < bumped.later RETURNING id",
);
pub(in crate::store) const SET_DEADLINE: Sql = Sql::portable("UPDATE builds SET deadline = $2 WHERE id = $1");
pub(in crate::store) const SET_TTL: Sql = Sql::portable("UPDATE workspaces SET ttl_seconds = $2 WHERE id = $1");
pub(in crate::store) const LIST_DUE: Sql = Sql::portable(
    "SELECT id, workspace_id, deadline FROM builds WHERE deadline <= $1 AND (deadline, id) > ($2, $3) \
     ORDER BY deadline, id LIMIT $4",
);
