//! Every statement of the store.
//!
//! Columns of builds keep their names; those of workspaces begin with `w_` and those of agents
//! with `a_`, so that one row can hold all three. A workspace whose latest build has several agents
//! has a row for each; they are beside each other.

// The number of the build that the state of the workspace `w` follows from: the latest, but none that was to stop or delete
// the workspace and was given up before a provisioner had it (`Build::changed_nothing`). Its holder is nobody, `''`. One with a deadline was given
// up by an older release, which counts on it.
macro_rules! latest_number {
    () => {
        "(SELECT max(l.build_number) FROM builds l WHERE l.workspace_id = w.id AND NOT \
         (l.transition <> 'start' AND l.status = 'failed' AND l.canceled AND l.leased_by = '' \
         AND l.deadline IS NULL))"
    };
}

pub(super) mod build_logs;
pub(super) mod by_hand;
pub(super) mod lifecycle;
pub(super) mod prebuilds;
pub(super) mod purge;
pub(super) mod templates;
pub(super) mod usage;

use chatmesh_db::{Sql, select_for_update};

use super::chats::{CLAIM_CHAT, RELEASE_CHAT, WORKSPACE_OF_CHAT};
use super::retries::GET_FORMER;
use super::unreadable::FAIL_UNREADABLE;

macro_rules! build_columns {
    () => {
        "id, workspace_id, build_number, transition, status, error, leased_by, lease_expires_at, created_at, \
         completed_at, template_version_id, parameters, preset, canceled, error_code, reason, initiator_id, terms, \
         daily_cost, deadline, max_deadline"
    };
}

macro_rules! details {
    ($workspaces:expr, $rest:literal) => {
        concat!(
            "SELECT w.id AS w_id, w.owner_id AS w_owner_id, w.name AS w_name, w.template_id AS w_template_id, \
             t.name AS w_template, w.deleted AS w_deleted, w.created_at AS w_created_at, w.updated_at AS w_updated_at, \
             w.ttl_seconds AS w_ttl_seconds, w.last_used_at AS w_last_used_at, \
             b.id, b.workspace_id, b.build_number, b.transition, b.status, b.error, b.leased_by, b.lease_expires_at, \
             b.created_at, b.completed_at, b.template_version_id, b.parameters, b.preset, b.canceled, b.error_code, \
             b.reason, b.initiator_id, b.terms, b.daily_cost, b.deadline, b.max_deadline, \
             a.id AS a_id, a.workspace_id AS a_workspace_id, a.build_id AS a_build_id, a.epoch AS a_epoch, \
             a.created_at AS a_created_at, a.first_connected_at AS a_first_connected_at, \
             a.last_connected_at AS a_last_connected_at, a.disconnected_at AS a_disconnected_at, \
             a.name AS a_name, a.display_order AS a_display_order, a.parent_id AS a_parent_id, \
             a.lifecycle_state AS a_lifecycle_state, a.lifecycle_changed_at AS a_lifecycle_changed_at, \
             a.lifecycle_message AS a_lifecycle_message \
             FROM ",
            $workspaces,
            " w JOIN templates t ON t.id = w.template_id \
             JOIN builds b ON b.workspace_id = w.id AND b.build_number = ",
            latest_number!(),
            " LEFT JOIN agents a ON a.build_id = b.id ",
            $rest
        )
    };
}

macro_rules! select_details {
    ($workspaces:literal, $rest:literal) => {
        Sql::portable(details!($workspaces, $rest))
    };
}

// An agent is current until another build starts its workspace, or until one has stopped it: what runs on stop runs
// while the workspace is being stopped, and is reported. A stop that failed, or was given up, has stopped nothing.
macro_rules! select_agent {
    ($further:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $further,
            "a.id AS a_id, a.workspace_id AS a_workspace_id, a.build_id AS a_build_id, a.epoch AS a_epoch, \
             a.created_at AS a_created_at, a.first_connected_at AS a_first_connected_at, \
             a.last_connected_at AS a_last_connected_at, a.disconnected_at AS a_disconnected_at, \
             a.name AS a_name, a.display_order AS a_display_order, a.parent_id AS a_parent_id, \
             a.lifecycle_state AS a_lifecycle_state, a.lifecycle_changed_at AS a_lifecycle_changed_at, \
             a.lifecycle_message AS a_lifecycle_message, own.terms, own.completed_at, \
             a.build_id = (SELECT b.id FROM builds b WHERE b.workspace_id = a.workspace_id \
             AND (b.transition = 'start' OR b.status = 'succeeded') \
             ORDER BY b.build_number DESC LIMIT 1) AS is_current \
             FROM agents a JOIN builds own ON own.id = a.build_id ",
            $rest
        )
    };
}

pub(super) const INSERT_WORKSPACE: Sql = Sql::portable(
    "INSERT INTO workspaces (id, owner_id, name, template_id, deleted, request_id, created_at, updated_at, \
     ttl_seconds) VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
);
pub(super) const GET_WORKSPACE: Sql = select_details!("workspaces", "WHERE w.id = $1");
pub(super) const FIND_WORKSPACE_BY_REQUEST: Sql =
    select_details!("workspaces", "WHERE w.owner_id = $1 AND w.request_id = $2");
pub(super) const FIND_WORKSPACE_BY_NAME: Sql =
    select_details!("workspaces", "WHERE w.owner_id = $1 AND w.name = $2 AND NOT w.deleted");
// The page is cut before agents are joined: a workspace with several has as many rows.
pub(super) const LIST_WORKSPACES: Sql = select_details!(
    "(SELECT * FROM workspaces WHERE owner_id = $1 AND NOT deleted AND id > $2 ORDER BY id LIMIT $3)",
    "ORDER BY w.id"
);
pub(super) const LOCK_WORKSPACE: Sql = select_for_update!("SELECT id FROM workspaces WHERE id = $1");
pub(super) const TOUCH_WORKSPACE: Sql =
    Sql::portable("UPDATE workspaces SET deleted = $2, updated_at = $3 WHERE id = $1");

// A build of a release that knew no versions is of the active one.
pub(super) const INSERT_BUILD: Sql = Sql::portable(
    "INSERT INTO builds (id, workspace_id, build_number, transition, status, provisioner, request_id, created_at, \
     template_version_id, parameters, preset, terms, daily_cost, reason, initiator_id) \
     SELECT $1, w.id, $3, $4, 'pending', v.provisioner, $5, $6, v.id, $8, $9, $10, $11, $12, $13 \
     FROM workspaces w JOIN templates t ON t.id = w.template_id \
     JOIN template_versions v ON v.id = coalesce($7, t.active_version_id) WHERE w.id = $2",
);
/// The number that the last build of a workspace has, whatever became of it.
pub(super) const LAST_NUMBER: Sql =
    Sql::portable("SELECT max(build_number) AS number FROM builds WHERE workspace_id = $1");
pub(super) const FIND_BUILD_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", build_columns!(), " FROM builds WHERE workspace_id = $1 AND request_id = $2"));
pub(super) const LIST_BUILDS: Sql = Sql::portable(concat!(
    "SELECT ",
    build_columns!(),
    " FROM builds WHERE workspace_id = $1 AND build_number < $2 ORDER BY build_number DESC LIMIT $3"
));
macro_rules! find_leasable {
    ($lock:literal) => {
        concat!(
            "SELECT id, provisioner, leases FROM builds \
             WHERE (status = 'pending' OR (status = 'running' AND lease_expires_at <= $1 AND NOT canceled)) \
             AND $2 LIKE '%,' || provisioner || ',%' AND $3 LIKE '%,' || transition || ',%' \
             ORDER BY coalesce(reason, '') = 'prebuild', (transition = 'start' AND created_at > $4), created_at, id LIMIT 1",
            $lock
        )
    };
}

// What people wait for comes before what is made in advance, and what stops or deletes, which frees what others wait for,
// before what starts, which may wait for long; but stops that fail again and again do not overtake a start for ever. The
// kinds and the transitions come as `,one,two,`, because a list is no parameter that both engines know.
pub(super) const FIND_LEASABLE: Sql = Sql::split(
    // PostgreSQL: skip rows that a rival holds, or concurrent callers come back empty while work waits.
    find_leasable!(" FOR UPDATE SKIP LOCKED"),
    // SQLite: one writer at a time, so the plain form is already exact.
    find_leasable!(""),
);
pub(super) const GET_BUILD: Sql = Sql::portable(concat!("SELECT ", build_columns!(), " FROM builds WHERE id = $1"));
/// Builds that provisioners were asked to give up, and whose leases have expired.
pub(super) const LIST_UNANSWERED: Sql = Sql::split(
    concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds WHERE status = 'running' AND canceled AND lease_expires_at <= $1 \
         ORDER BY lease_expires_at, id LIMIT $2 FOR UPDATE SKIP LOCKED"
    ),
    concat!(
        "SELECT ",
        build_columns!(),
        " FROM builds WHERE status = 'running' AND canceled AND lease_expires_at <= $1 \
         ORDER BY lease_expires_at, id LIMIT $2"
    ),
);
pub(super) const LOCK_BUILD: Sql = Sql::split(
    concat!("SELECT ", build_columns!(), " FROM builds WHERE id = $1 FOR UPDATE"),
    concat!("SELECT ", build_columns!(), " FROM builds WHERE id = $1"),
);
pub(super) const UPDATE_BUILD: Sql = Sql::portable(
    "UPDATE builds SET status = $2, error = $3, lease_expires_at = $4, completed_at = $5, canceled = $6, \
     error_code = $7, leased_by = $8, daily_cost = $9, deadline = $10, max_deadline = $11 WHERE id = $1",
);
/// The next provisioner numbers its own lines.
pub(super) const BEGIN_LEASE: Sql =
    Sql::portable("UPDATE builds SET lease_log_lines = 0, leases = leases + 1 WHERE id = $1");
/// Takes the deadline of a build away where it has passed.
pub(super) const TAKE_DEADLINE: Sql =
    Sql::portable("UPDATE builds SET deadline = NULL WHERE id = $1 AND deadline <= $2");
/// Only the latest build has a deadline: another one is about to follow.
pub(super) const CLEAR_DEADLINE: Sql =
    Sql::portable("UPDATE builds SET deadline = NULL WHERE workspace_id = $1 AND deadline IS NOT NULL");
pub(super) const GET_TTL: Sql = Sql::portable("SELECT ttl_seconds FROM workspaces WHERE id = $1");

/// Locks what an owner's workspaces take, until the transaction ends.
pub(super) const LOCK_QUOTA: Sql = Sql::portable(
    "INSERT INTO quota_owners (owner_id, committed_at) VALUES ($1, $2) \
     ON CONFLICT (owner_id) DO UPDATE SET committed_at = excluded.committed_at",
);
/// What an owner's workspaces take, without one of them.
pub(super) const CONSUMED: Sql = Sql::portable(concat!(
    "SELECT CAST(coalesce(sum(b.daily_cost), 0) AS BIGINT) AS number FROM workspaces w \
     JOIN builds b ON b.workspace_id = w.id AND b.build_number = ",
    latest_number!(),
    " WHERE w.owner_id = $1 AND NOT w.deleted AND w.id <> $2"
));

pub(super) const ISSUE_TOKEN: Sql = Sql::portable(
    "INSERT INTO agents (id, workspace_id, build_id, token_digest, epoch, created_at, name, display_order, scripts) \
     VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8) ON CONFLICT (build_id, name) DO UPDATE SET \
     token_digest = excluded.token_digest, created_at = excluded.created_at RETURNING id",
);
macro_rules! select_agent_details {
    ($rest:literal) => {
        Sql::portable(select_agent!("a.scripts, own.provisioner, ", $rest))
    };
}

pub(super) const FIND_AGENT_BY_TOKEN: Sql = select_agent_details!("WHERE a.token_digest = $1");
pub(super) const GET_AGENT: Sql = select_agent_details!("WHERE a.id = $1");
pub(super) const LOCK_AGENT: Sql =
    Sql::split(select_agent!("", "WHERE a.id = $1 FOR UPDATE OF a"), select_agent!("", "WHERE a.id = $1"));
pub(super) const UPDATE_AGENT: Sql = Sql::portable(
    "UPDATE agents SET epoch = $2, first_connected_at = $3, last_connected_at = $4, disconnected_at = $5 WHERE id = $1",
);

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_WORKSPACE,
    CLAIM_CHAT,
    WORKSPACE_OF_CHAT,
    RELEASE_CHAT,
    GET_WORKSPACE,
    FIND_WORKSPACE_BY_REQUEST,
    FIND_WORKSPACE_BY_NAME,
    LIST_WORKSPACES,
    LOCK_WORKSPACE,
    TOUCH_WORKSPACE,
    INSERT_BUILD,
    LAST_NUMBER,
    FIND_BUILD_BY_REQUEST,
    LIST_BUILDS,
    FIND_LEASABLE,
    FAIL_UNREADABLE,
    GET_BUILD,
    LIST_UNANSWERED,
    LOCK_BUILD,
    UPDATE_BUILD,
    BEGIN_LEASE,
    TAKE_DEADLINE,
    CLEAR_DEADLINE,
    GET_FORMER,
    GET_TTL,
    LOCK_QUOTA,
    CONSUMED,
    ISSUE_TOKEN,
    FIND_AGENT_BY_TOKEN,
    GET_AGENT,
    LOCK_AGENT,
    UPDATE_AGENT,
    by_hand::KEEP_ENVIRONMENT,
    by_hand::GET_ENVIRONMENT,
    by_hand::FIND_EARLIER,
    by_hand::SET_DIGEST,
    by_hand::REPLACE_TOKEN,
    build_logs::GET_LEDGER,
    build_logs::UPDATE_LEDGER,
    build_logs::INSERT_LINES,
    build_logs::TRIM_LINES,
    build_logs::LIST_LINES,
    build_logs::FORGET_LINES,
    prebuilds::FIND_CLAIMABLE,
    prebuilds::DROP_WORKSPACE,
    prebuilds::CLAIM_WORKSPACE,
    prebuilds::CLAIM_BUILD,
    prebuilds::LIST_POOLS,
    purge::FORGET_AGENTS,
    purge::FORGET_BUILD_LINES,
    usage::GET_USED,
    usage::USE_WORKSPACES,
    usage::BUMP_DEADLINES,
    usage::SET_DEADLINE,
    usage::SET_TTL,
    usage::LIST_DUE,
    lifecycle::LOCK_LEDGER,
    lifecycle::UPDATE_LEDGER,
    lifecycle::LIST_INSTANCES,
    lifecycle::PUT_INSTANCE,
    lifecycle::FORGET_INSTANCES,
    lifecycle::INSERT_LINES,
    lifecycle::TRIM_LINES,
    lifecycle::LIST_LINES,
    lifecycle::INSERT_RUNS,
    lifecycle::TRIM_RUNS,
    lifecycle::LIST_RUNS,
    templates::INSERT_TEMPLATE,
    templates::GET_TEMPLATE,
    templates::FIND_TEMPLATE_BY_NAME,
    templates::LIST_TEMPLATES,
    templates::LIST_USED_TEMPLATES,
    templates::COUNT_WORKSPACES,
    templates::DELETE_TEMPLATE,
    templates::LOCK_TEMPLATE,
    templates::LOCK_TEMPLATE_BY_NAME,
    templates::UPDATE_TEMPLATE,
    templates::INSERT_VERSION,
    templates::LATEST_VERSION,
    templates::FIND_VERSIONS_BY_DIGEST,
    templates::GET_VERSION_INFO,
    templates::GET_VERSION_OF_BUILD,
    templates::GET_VERSION_OF_TEMPLATE,
    templates::GET_VERSION_BY_NUMBER,
    templates::LIST_VERSIONS,
];
