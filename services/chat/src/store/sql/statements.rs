//! Every statement of the store.

use chatmesh_db::{Sql, select_for_update};

macro_rules! chat_columns {
    () => {
        "id, owner_id, title, status, archived, model, workspace_id, system_prompt, labels, worker_id, runner_id, \
         last_error, retry_state, snapshot_version, history_version, queue_version, retry_state_version, \
         generation_attempt, last_message_id, last_queued_id, queued_count, traceparent, created_at, updated_at"
    };
}

macro_rules! message_columns {
    () => {
        "id, chat_id, role, visibility, content, deleted, revision, created_by, model, input_tokens, output_tokens, \
         reasoning_tokens, cache_read_tokens, cache_write_tokens, total_tokens, context_limit, finish_reason, \
         runtime_ms, request_id, created_at"
    };
}

pub(super) const INSERT_CHAT: Sql = Sql::portable(
    "INSERT INTO chats (id, owner_id, title, status, archived, model, workspace_id, system_prompt, labels, \
     snapshot_version, history_version, queue_version, retry_state_version, generation_attempt, last_message_id, \
     last_queued_id, queued_count, traceparent, request_id, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, $8, 1, 1, 0, 0, 0, 0, 0, 0, $9, $10, $11, $11) ON CONFLICT DO NOTHING",
);
pub(super) const GET_CHAT: Sql = Sql::portable(concat!("SELECT ", chat_columns!(), " FROM chats WHERE id = $1"));
pub(super) const FIND_CHAT_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", chat_columns!(), " FROM chats WHERE owner_id = $1 AND request_id = $2"));
pub(super) const LOCK_CHAT: Sql = select_for_update!(
    "SELECT id, owner_id, title, status, archived, model, workspace_id, system_prompt, labels, worker_id, runner_id, \
     last_error, retry_state, snapshot_version, history_version, queue_version, retry_state_version, \
     generation_attempt, last_message_id, last_queued_id, queued_count, traceparent, created_at, updated_at \
     FROM chats WHERE id = $1"
);
pub(super) const LIST_CHATS: Sql = Sql::portable(concat!(
    "SELECT ",
    chat_columns!(),
    " FROM chats WHERE owner_id = $1 AND NOT archived \
     AND (updated_at < $2 OR (updated_at = $2 AND id < $3) OR $2 IS NULL) ORDER BY updated_at DESC, id DESC LIMIT $4"
));
pub(super) const UPDATE_CHAT: Sql = Sql::portable(
    "UPDATE chats SET status = $2, model = $3, worker_id = $4, runner_id = $5, last_error = $6, retry_state = $7, \
     snapshot_version = $8, history_version = $9, queue_version = $10, retry_state_version = $11, \
     generation_attempt = $12, last_message_id = $13, last_queued_id = $14, queued_count = $15, traceparent = $16, \
     updated_at = $17 WHERE id = $1",
);

pub(super) const INSERT_MESSAGE: Sql = Sql::portable(
    "INSERT INTO chat_messages (chat_id, id, role, visibility, content_version, content, compressed, deleted, \
     revision, created_by, model, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, \
     cache_write_tokens, total_tokens, context_limit, finish_reason, runtime_ms, request_id, created_at) \
     VALUES ($1, $2, $3, $4, 1, $5, FALSE, FALSE, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
);
pub(super) const FIND_MESSAGE_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", message_columns!(), " FROM chat_messages WHERE chat_id = $1 AND request_id = $2"));
pub(super) const LIST_MESSAGES_UP: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND id > $2 AND NOT deleted AND visibility <> 'model' \
     ORDER BY id LIMIT $3"
));
pub(super) const LIST_MESSAGES_DOWN: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND (id < $2 OR $2 IS NULL) AND NOT deleted AND visibility <> 'model' \
     ORDER BY id DESC LIMIT $3"
));
pub(super) const PROMPT_MESSAGES: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND NOT deleted AND visibility <> 'user' ORDER BY id"
));
pub(super) const MESSAGES_AFTER: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND id > $2 AND NOT deleted AND visibility <> 'model' ORDER BY id"
));
pub(super) const MESSAGES_CHANGED: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND revision > $2 AND visibility <> 'model' ORDER BY id"
));

pub(super) const INSERT_QUEUED: Sql = Sql::portable(
    "INSERT INTO chat_queued_messages (chat_id, id, position, content, model, created_by, request_id, created_at) \
     VALUES ($1, $2, $2, $3, $4, $5, $6, $7)",
);
pub(super) const LIST_QUEUED: Sql = Sql::portable(
    "SELECT chat_id, id, content, model, created_by, request_id, created_at FROM chat_queued_messages \
     WHERE chat_id = $1 ORDER BY position",
);
pub(super) const FIND_QUEUED_BY_REQUEST: Sql = Sql::portable(
    "SELECT chat_id, id, content, model, created_by, request_id, created_at FROM chat_queued_messages \
     WHERE chat_id = $1 AND request_id = $2",
);
pub(super) const TAKE_QUEUE_HEAD: Sql = Sql::portable(
    "DELETE FROM chat_queued_messages WHERE chat_id = $1 AND id = \
     (SELECT id FROM chat_queued_messages WHERE chat_id = $1 ORDER BY position LIMIT 1) \
     RETURNING chat_id, id, content, model, created_by, request_id, created_at",
);

pub(super) const KEEP_STEP: Sql = Sql::portable(
    "INSERT INTO chat_steps (chat_id, history_version, answer) VALUES ($1, $2, $3) \
     ON CONFLICT (chat_id) DO UPDATE SET history_version = excluded.history_version, answer = excluded.answer",
);
pub(super) const KEPT_STEP: Sql =
    Sql::portable("SELECT answer FROM chat_steps WHERE chat_id = $1 AND history_version = $2");
pub(super) const DELETE_STEP: Sql = Sql::portable("DELETE FROM chat_steps WHERE chat_id = $1");

/// Stopped chats first, because somebody waits for them; then the ones that waited longest.
pub(super) const RUNNABLE: Sql = Sql::portable(
    "SELECT id FROM chats WHERE status IN ('running', 'interrupting') AND NOT archived AND NOT EXISTS \
     (SELECT 1 FROM chat_heartbeats WHERE chat_heartbeats.chat_id = chats.id \
     AND chat_heartbeats.runner_id = chats.runner_id AND chat_heartbeats.heartbeat_at > $1) \
     ORDER BY CASE status WHEN 'interrupting' THEN 0 ELSE 1 END, updated_at, id LIMIT $2",
);
pub(super) const HAS_HEARTBEAT: Sql = Sql::portable(
    "SELECT chat_id, runner_id FROM chat_heartbeats WHERE chat_id = $1 AND runner_id = $2 AND heartbeat_at > $3",
);
pub(super) const INSERT_HEARTBEAT: Sql =
    Sql::portable("INSERT INTO chat_heartbeats (chat_id, runner_id, worker_id, heartbeat_at) VALUES ($1, $2, $3, $4)");
pub(super) const DELETE_HEARTBEATS: Sql = Sql::portable("DELETE FROM chat_heartbeats WHERE chat_id = $1");
pub(super) const HEARTBEAT: Sql =
    Sql::portable("UPDATE chat_heartbeats SET heartbeat_at = $2 WHERE worker_id = $1 RETURNING chat_id, runner_id");
pub(super) const FORGET_HEARTBEATS: Sql = Sql::portable("DELETE FROM chat_heartbeats");

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_CHAT,
    GET_CHAT,
    FIND_CHAT_BY_REQUEST,
    LOCK_CHAT,
    LIST_CHATS,
    UPDATE_CHAT,
    INSERT_MESSAGE,
    FIND_MESSAGE_BY_REQUEST,
    LIST_MESSAGES_UP,
    LIST_MESSAGES_DOWN,
    PROMPT_MESSAGES,
    MESSAGES_AFTER,
    MESSAGES_CHANGED,
    INSERT_QUEUED,
    LIST_QUEUED,
    FIND_QUEUED_BY_REQUEST,
    TAKE_QUEUE_HEAD,
    KEEP_STEP,
    KEPT_STEP,
    DELETE_STEP,
    RUNNABLE,
    HAS_HEARTBEAT,
    INSERT_HEARTBEAT,
    DELETE_HEARTBEATS,
    HEARTBEAT,
    FORGET_HEARTBEATS,
];
