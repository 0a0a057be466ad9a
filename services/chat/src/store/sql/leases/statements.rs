//! The statements about leases.

use chatmesh_db::Sql;

/// Lists chats that need a worker. The round of a chat says how many chats its owner would have
/// running with it: taking round by round, an owner with many chats does not hold another's one up.
macro_rules! runnable {
    (chats: $waits:literal, rounds: $counts:literal) => {
        concat!(
            "WITH waiting AS (SELECT id, owner_id, parent_chat_id IS NOT NULL AS is_subagent, updated_at, \
             CASE status WHEN 'interrupting' THEN 0 ELSE 1 END AS urgency FROM chats \
             WHERE status IN ('running', 'interrupting') AND NOT archived AND ",
            $waits,
            "), busy AS (SELECT owner_id, parent_chat_id IS NOT NULL AS is_subagent, COUNT(*) AS running FROM chats \
             JOIN chat_heartbeats ON chat_heartbeats.chat_id = chats.id \
             AND chat_heartbeats.runner_id = chats.runner_id \
             WHERE status IN ('running', 'interrupting') AND NOT archived AND chat_heartbeats.heartbeat_at > $1 AND ",
            $counts,
            " GROUP BY owner_id, parent_chat_id IS NOT NULL), \
             rounds AS (SELECT waiting.id, waiting.is_subagent, waiting.urgency, waiting.updated_at, \
             COALESCE(busy.running, 0) + ROW_NUMBER() OVER (PARTITION BY waiting.owner_id, waiting.is_subagent \
             ORDER BY waiting.urgency, waiting.updated_at, waiting.id) AS round FROM waiting \
             LEFT JOIN busy ON busy.owner_id = waiting.owner_id AND busy.is_subagent = waiting.is_subagent), \
             places AS (SELECT id, is_subagent, urgency = 0 AS is_stopped, COUNT(*) OVER (PARTITION BY is_subagent) AS number_waiting, \
             ROW_NUMBER() OVER (PARTITION BY is_subagent ORDER BY urgency, round, updated_at, id) AS place \
             FROM rounds) SELECT id, is_subagent, number_waiting, is_stopped FROM places \
             WHERE (NOT is_subagent AND place <= $2) OR (is_subagent AND place <= $3) ORDER BY is_subagent, place"
        )
    };
}

pub(in crate::store::sql) const RUNNABLE: Sql = Sql::portable(runnable!(
    chats: "NOT EXISTS (SELECT 1 FROM chat_heartbeats WHERE chat_heartbeats.chat_id = chats.id \
            AND chat_heartbeats.runner_id = chats.runner_id AND chat_heartbeats.heartbeat_at > $1)",
    rounds: "TRUE"
));
/// What runs is counted only where not all can be listed: it is many times what waits.
pub(in crate::store::sql) const UNLEASED: Sql = Sql::portable(runnable!(
    chats: "runner_id IS NULL",
    rounds: "((SELECT COUNT(*) FROM waiting WHERE NOT is_subagent) > $2 \
             OR (SELECT COUNT(*) FROM waiting WHERE is_subagent) > $3)"
));
pub(in crate::store::sql) const HAS_HEARTBEAT: Sql = Sql::portable(
    "SELECT chat_id, runner_id FROM chat_heartbeats WHERE chat_id = $1 AND runner_id = $2 AND heartbeat_at > $3",
);
pub(in crate::store::sql) const INSERT_HEARTBEAT: Sql =
    Sql::portable("INSERT INTO chat_heartbeats (chat_id, runner_id, worker_id, heartbeat_at) VALUES ($1, $2, $3, $4)");
pub(in crate::store::sql) const DELETE_HEARTBEATS: Sql =
    Sql::portable("DELETE FROM chat_heartbeats WHERE chat_id = $1");
pub(in crate::store::sql) const HEARTBEAT: Sql =
    Sql::portable("UPDATE chat_heartbeats SET heartbeat_at = $2 WHERE worker_id = $1 RETURNING chat_id, runner_id");
pub(in crate::store::sql) const WORKSPACES_IN_USE: Sql = Sql::portable(
    "SELECT DISTINCT chats.workspace_id FROM chat_heartbeats \
     JOIN chats ON chats.id = chat_heartbeats.chat_id \
     WHERE chat_heartbeats.worker_id = $1 AND chats.workspace_id IS NOT NULL",
);
pub(in crate::store::sql) const INTERRUPTED: Sql = Sql::portable(
    "SELECT id AS chat_id, runner_id FROM chats WHERE status = 'interrupting' AND NOT archived AND worker_id = $1 \
     AND runner_id IS NOT NULL",
);
pub(in crate::store::sql) const FORGET_HEARTBEATS: Sql = Sql::portable("DELETE FROM chat_heartbeats");
