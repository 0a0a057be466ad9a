//! Every statement of the store.

use chatmesh_db::Sql;

use super::contexts::{HEARD_AGAIN, KEEP_CONTEXT, KEPT_CONTEXT};
use super::files::{
    COUNT_FILES, DELETE_UNUSED_FILES, EVICT_FILES, FILES_OF_CHAT, FIND_FILE, FIND_FILE_BY_REQUEST, FIND_FILES,
    GIVE_FILES, INSERT_FILE, LOCK_FILES, READ_FILE,
};
use super::list::{LIST_PINNED, LIST_UNPINNED};
use super::settings::{DEPLOYMENT_PROMPT, KEEP_DEPLOYMENT_PROMPT, LOCK_USER, SET_CUSTOM_PROMPT, USER_SETTINGS};
use super::skills::{
    COUNT_SKILLS, DELETE_SKILL, DELETE_SKILL_BY_NAME, FIND_SKILL, FIND_SKILL_BY_NAME, FIND_SKILL_BY_REQUEST,
    INSERT_SKILL, LIST_SKILLS, UPDATE_SKILL,
};

use super::leases::statements::{
    DELETE_HEARTBEATS, FORGET_HEARTBEATS, HAS_HEARTBEAT, HEARTBEAT, INSERT_HEARTBEAT, INTERRUPTED, RUNNABLE, UNLEASED,
    WORKSPACES_IN_USE,
};
use super::workers::{ANNOUNCE, DELETE_WORKER, FIND_WORKER, FORGET_WORKERS, LIVE_WORKERS};

macro_rules! chat_columns {
    () => {
        "id, owner_id, title, status, archived, model, workspace_id, build_id, system_prompt, labels, parent_chat_id, \
         root_chat_id, pin_order, worker_id, runner_id, last_error, retry_state, snapshot_version, history_version, \
         queue_version, retry_state_version, generation_attempt, requires_action_deadline_at, \
         compaction_requested_at, last_message_id, last_assistant_message_id, last_read_message_id, last_queued_id, \
         queued_count, traceparent, created_at, updated_at, mcp_server_ids"
    };
}

pub(super) use chat_columns;

macro_rules! message_columns {
    () => {
        "id, chat_id, role, visibility, content, deleted, revision, created_by, model, input_tokens, output_tokens, \
         reasoning_tokens, cache_read_tokens, cache_write_tokens, total_tokens, context_limit, finish_reason, \
         runtime_ms, total_cost_micros, provider_response_id, compressed, request_id, created_at"
    };
}

macro_rules! queued_columns {
    () => {
        "chat_id, id, content, model, created_by, request_id, created_at, traceparent"
    };
}

pub(super) const INSERT_CHAT: Sql = Sql::portable(
    "INSERT INTO chats (id, owner_id, title, status, archived, model, workspace_id, system_prompt, labels, \
     parent_chat_id, root_chat_id, dynamic_tools, snapshot_version, history_version, queue_version, \
     retry_state_version, generation_attempt, last_message_id, last_queued_id, queued_count, traceparent, request_id, \
     created_at, updated_at, title_search, mcp_server_ids) \
     VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, $8, $9, $10, $11, 1, 1, 0, 0, 0, 0, 0, 0, $12, $13, $14, $14, $15, \
     $16) \
     ON CONFLICT DO NOTHING",
);
pub(super) const GET_TOOLS: Sql = Sql::portable("SELECT dynamic_tools FROM chats WHERE id = $1");
pub(super) const GET_CHAT: Sql = Sql::portable(concat!("SELECT ", chat_columns!(), " FROM chats WHERE id = $1"));
/// Said so that both of the indexes of lists are of use.
pub(super) const CHANGED_SINCE: Sql = Sql::portable(concat!(
    "SELECT ",
    chat_columns!(),
    " FROM chats WHERE owner_id = $1 AND parent_chat_id IS NULL AND updated_at > $2 \
     AND ((pin_order = 0 AND archived IN (TRUE, FALSE)) OR pin_order > 0) ORDER BY updated_at, id LIMIT $3"
));
pub(super) const FIND_CHAT_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", chat_columns!(), " FROM chats WHERE owner_id = $1 AND request_id = $2"));
pub(super) const LOCK_CHAT: Sql = Sql::split(
    concat!("SELECT ", chat_columns!(), " FROM chats WHERE id = $1 FOR UPDATE"),
    concat!("SELECT ", chat_columns!(), " FROM chats WHERE id = $1"),
);
/// The whole family and what its owner has pinned, in an order that all transactions keep to.
pub(super) const LOCK_FAMILY: Sql = Sql::split(
    concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats WHERE id = $1 OR root_chat_id = $1 OR (owner_id = $2 AND pin_order > 0) ORDER BY id FOR UPDATE"
    ),
    concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats WHERE id = $1 OR root_chat_id = $1 OR (owner_id = $2 AND pin_order > 0) ORDER BY id"
    ),
);
/// The chat to pin and all that are pinned, in an order that all transactions keep to.
pub(super) const LOCK_PINNED: Sql = Sql::split(
    concat!(
        "SELECT ",
        chat_columns!(),
        " FROM chats WHERE id = $1 OR (owner_id = $2 AND pin_order > 0) ORDER BY id FOR UPDATE"
    ),
    concat!("SELECT ", chat_columns!(), " FROM chats WHERE id = $1 OR (owner_id = $2 AND pin_order > 0) ORDER BY id"),
);
/// Lets one transaction at a time arrange the pins of an owner. Row locks do not: they would not keep out a chat
/// that was not pinned when this transaction looked.
pub(super) const LOCK_PINS: Sql =
    Sql::split("SELECT pg_advisory_xact_lock(hashtextextended('pins/' || CAST($1 AS TEXT), 0))", "SELECT $1");
/// Gives chats that are locked their new places: `$1` is a JSON array of arrays of an identifier, as 32 hexadecimal
/// digits, and a place.
pub(super) const MOVE_PINS: Sql = Sql::split(
    "UPDATE chats SET pin_order = moved.place, snapshot_version = snapshot_version + 1 FROM \
     (SELECT CAST(pair ->> 0 AS UUID) AS id, CAST(pair ->> 1 AS BIGINT) AS place \
     FROM jsonb_array_elements(CAST($1 AS TEXT)::jsonb) AS pairs (pair)) AS moved WHERE chats.id = moved.id",
    "UPDATE chats SET pin_order = moved.place, snapshot_version = snapshot_version + 1 FROM \
     (SELECT unhex(json_extract(value, '$[0]')) AS id, json_extract(value, '$[1]') AS place FROM json_each($1)) \
     AS moved WHERE chats.id = moved.id",
);
pub(super) const UPDATE_CHAT: Sql = Sql::portable(
    "UPDATE chats SET status = $2, model = $3, worker_id = $4, runner_id = $5, last_error = $6, retry_state = $7, \
     snapshot_version = $8, history_version = $9, queue_version = $10, retry_state_version = $11, \
     generation_attempt = $12, last_message_id = $13, last_queued_id = $14, queued_count = $15, traceparent = $16, \
     updated_at = $17, title = $18, archived = $19, workspace_id = $20, labels = $21, pin_order = $22, \
     requires_action_deadline_at = $23, compaction_requested_at = $24, last_assistant_message_id = $25, \
     title_search = $26, mcp_server_ids = $27, build_id = $28 WHERE id = $1",
);
pub(super) const MARK_READ: Sql = Sql::portable(
    "UPDATE chats SET last_read_message_id = last_assistant_message_id \
     WHERE id = $1 AND last_read_message_id < last_assistant_message_id",
);
/// Chats whose client did not answer in time.
pub(super) const EXPIRED_ACTIONS: Sql = Sql::portable(
    "SELECT id FROM chats WHERE status = 'requires_action' AND requires_action_deadline_at <= $1 AND NOT archived \
     ORDER BY requires_action_deadline_at LIMIT $2",
);

pub(super) const INSERT_MESSAGE: Sql = Sql::portable(
    "INSERT INTO chat_messages (chat_id, id, role, visibility, content_version, content, compressed, deleted, \
     revision, created_by, model, input_tokens, output_tokens, reasoning_tokens, cache_read_tokens, \
     cache_write_tokens, total_tokens, context_limit, finish_reason, runtime_ms, request_id, created_at, \
     total_cost_micros, provider_response_id) \
     VALUES ($1, $2, $3, $4, 1, $5, $20, FALSE, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
     $21, $22)",
);
pub(super) const FIND_MESSAGE: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND id = $2 AND NOT deleted AND visibility <> 'model'"
));
/// The last thing that the model said, and what came after it.
pub(super) const LAST_STEP: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND NOT deleted AND visibility <> 'user' AND NOT compressed AND id >= \
     (SELECT COALESCE(MAX(id), 0) FROM chat_messages WHERE chat_id = $1 AND role = 'assistant' AND NOT deleted \
     AND visibility <> 'user' AND NOT compressed) ORDER BY id"
));
/// True for an answer of the model after the last summary: there is something to summarise or to forget.
pub(super) const SAID_SINCE_SUMMARY: Sql = Sql::portable(
    "SELECT id FROM chat_messages WHERE chat_id = $1 AND role = 'assistant' AND NOT compressed AND NOT deleted \
     AND id > (SELECT COALESCE(MAX(id), 0) FROM chat_messages WHERE chat_id = $1 AND compressed AND NOT deleted) \
     ORDER BY id LIMIT 1",
);
pub(super) const TRUNCATE: Sql = Sql::portable(
    "UPDATE chat_messages SET deleted = TRUE, revision = $3 WHERE chat_id = $1 AND id >= $2 AND NOT deleted \
     RETURNING id",
);
pub(super) const LAST_ASSISTANT: Sql = Sql::portable(
    "SELECT id FROM chat_messages WHERE chat_id = $1 AND role = 'assistant' AND NOT deleted AND visibility <> 'model' \
     ORDER BY id DESC LIMIT 1",
);
pub(super) const FIND_MESSAGE_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", message_columns!(), " FROM chat_messages WHERE chat_id = $1 AND request_id = $2"));
pub(super) const LIST_MESSAGES_UP: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND id > $2 AND NOT deleted AND visibility <> 'model' \
     ORDER BY id LIMIT $3"
));
pub(super) const HAS_DELETED: Sql = Sql::portable(
    "SELECT id FROM chat_messages WHERE chat_id = $1 AND id >= $2 AND deleted AND visibility <> 'model' LIMIT 1",
);
pub(super) const LIST_MESSAGES_DOWN: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages WHERE chat_id = $1 AND (id < $2 OR $2 IS NULL) AND NOT deleted AND visibility <> 'model' \
     ORDER BY id DESC LIMIT $3"
));
/// Instructions of any age, the newest summary, and everything after it.
pub(super) const PROMPT_MESSAGES: Sql = Sql::portable(concat!(
    "SELECT ",
    message_columns!(),
    " FROM chat_messages CROSS JOIN (SELECT COALESCE(MAX(id), 0) AS summary_id FROM chat_messages \
     WHERE chat_id = $1 AND compressed AND visibility = 'model' AND NOT deleted) AS summary \
     WHERE chat_id = $1 AND NOT deleted AND visibility <> 'user' \
     AND (id = summary_id OR (NOT compressed AND (id > summary_id OR role = 'system'))) ORDER BY id"
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
    "INSERT INTO chat_queued_messages (chat_id, id, position, content, model, created_by, request_id, created_at, \
     traceparent) VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8)",
);
pub(super) const LIST_QUEUED: Sql = Sql::portable(concat!(
    "SELECT ",
    queued_columns!(),
    " FROM chat_queued_messages WHERE chat_id = $1 ORDER BY position"
));
pub(super) const FIND_QUEUED_BY_REQUEST: Sql = Sql::portable(concat!(
    "SELECT ",
    queued_columns!(),
    " FROM chat_queued_messages WHERE chat_id = $1 AND request_id = $2"
));
pub(super) const TAKE_QUEUE_HEAD: Sql = Sql::portable(concat!(
    "DELETE FROM chat_queued_messages WHERE chat_id = $1 AND id = \
     (SELECT id FROM chat_queued_messages WHERE chat_id = $1 ORDER BY position LIMIT 1) RETURNING ",
    queued_columns!()
));
pub(super) const DELETE_QUEUED: Sql = Sql::portable("DELETE FROM chat_queued_messages WHERE chat_id = $1 AND id = $2");
pub(super) const CLEAR_QUEUE: Sql = Sql::portable("DELETE FROM chat_queued_messages WHERE chat_id = $1");
pub(super) const MOVE_TO_HEAD: Sql = Sql::portable(
    "UPDATE chat_queued_messages SET position = \
     (SELECT MIN(position) - 1 FROM chat_queued_messages WHERE chat_id = $1) WHERE chat_id = $1 AND id = $2",
);

pub(super) const KEEP_STEP: Sql = Sql::portable(
    "INSERT INTO chat_steps (chat_id, history_version, answer) VALUES ($1, $2, $3) \
     ON CONFLICT (chat_id) DO UPDATE SET history_version = excluded.history_version, answer = excluded.answer",
);
pub(super) const KEPT_STEP: Sql =
    Sql::portable("SELECT answer FROM chat_steps WHERE chat_id = $1 AND history_version = $2");
pub(super) const DELETE_STEP: Sql = Sql::portable("DELETE FROM chat_steps WHERE chat_id = $1");

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_CHAT,
    GET_TOOLS,
    GET_CHAT,
    CHANGED_SINCE,
    FIND_CHAT_BY_REQUEST,
    LOCK_CHAT,
    LOCK_FAMILY,
    LOCK_PINNED,
    LOCK_PINS,
    MOVE_PINS,
    LIST_PINNED,
    LIST_UNPINNED,
    UPDATE_CHAT,
    MARK_READ,
    EXPIRED_ACTIONS,
    INSERT_MESSAGE,
    FIND_MESSAGE,
    LAST_STEP,
    SAID_SINCE_SUMMARY,
    TRUNCATE,
    LAST_ASSISTANT,
    FIND_MESSAGE_BY_REQUEST,
    LIST_MESSAGES_UP,
    LIST_MESSAGES_DOWN,
    HAS_DELETED,
    PROMPT_MESSAGES,
    MESSAGES_AFTER,
    MESSAGES_CHANGED,
    INSERT_QUEUED,
    LIST_QUEUED,
    FIND_QUEUED_BY_REQUEST,
    TAKE_QUEUE_HEAD,
    DELETE_QUEUED,
    CLEAR_QUEUE,
    MOVE_TO_HEAD,
    KEEP_STEP,
    KEPT_STEP,
    DELETE_STEP,
    RUNNABLE,
    UNLEASED,
    HAS_HEARTBEAT,
    INSERT_HEARTBEAT,
    DELETE_HEARTBEATS,
    HEARTBEAT,
    WORKSPACES_IN_USE,
    FORGET_HEARTBEATS,
    INTERRUPTED,
    ANNOUNCE,
    FIND_WORKER,
    LIVE_WORKERS,
    DELETE_WORKER,
    FORGET_WORKERS,
    COUNT_FILES,
    DELETE_UNUSED_FILES,
    EVICT_FILES,
    FILES_OF_CHAT,
    FIND_FILE,
    FIND_FILES,
    FIND_FILE_BY_REQUEST,
    GIVE_FILES,
    INSERT_FILE,
    LOCK_FILES,
    READ_FILE,
    HEARD_AGAIN,
    KEEP_CONTEXT,
    KEPT_CONTEXT,
    COUNT_SKILLS,
    DELETE_SKILL,
    DELETE_SKILL_BY_NAME,
    FIND_SKILL,
    FIND_SKILL_BY_NAME,
    FIND_SKILL_BY_REQUEST,
    INSERT_SKILL,
    LIST_SKILLS,
    UPDATE_SKILL,
    DEPLOYMENT_PROMPT,
    KEEP_DEPLOYMENT_PROMPT,
    LOCK_USER,
    SET_CUSTOM_PROMPT,
    USER_SETTINGS,
];
