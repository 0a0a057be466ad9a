//! Every statement of the store.
//!
//! Columns of builds keep their names; those of workspaces begin with `w_` and those of agents
//! with `a_`, so that one row can hold all three. A workspace whose latest build has several agents
//! has a row for each; they are beside each other.

pub(super) mod lifecycle;

use chatmesh_db::{Sql, select_for_update};

macro_rules! build_columns {
    () => {
        "id, workspace_id, build_number, transition, status, error, leased_by, lease_expires_at, created_at, completed_at"
    };
}

macro_rules! select_details {
    ($workspaces:literal, $rest:literal) => {
        Sql::portable(concat!(
            "SELECT w.id AS w_id, w.owner_id AS w_owner_id, w.name AS w_name, w.template_id AS w_template_id, \
             t.name AS w_template, w.deleted AS w_deleted, w.created_at AS w_created_at, w.updated_at AS w_updated_at, \
             b.id, b.workspace_id, b.build_number, b.transition, b.status, b.error, b.leased_by, b.lease_expires_at, \
             b.created_at, b.completed_at, \
             a.id AS a_id, a.workspace_id AS a_workspace_id, a.build_id AS a_build_id, a.epoch AS a_epoch, \
             a.created_at AS a_created_at, a.first_connected_at AS a_first_connected_at, \
             a.last_connected_at AS a_last_connected_at, a.disconnected_at AS a_disconnected_at, \
             a.name AS a_name, a.display_order AS a_display_order, a.parent_id AS a_parent_id, \
             a.lifecycle_state AS a_lifecycle_state, a.lifecycle_changed_at AS a_lifecycle_changed_at, \
             a.lifecycle_message AS a_lifecycle_message \
             FROM ",
            $workspaces,
            " w JOIN templates t ON t.id = w.template_id \
             JOIN builds b ON b.workspace_id = w.id \
             AND b.build_number = (SELECT max(build_number) FROM builds WHERE workspace_id = w.id) \
             LEFT JOIN agents a ON a.build_id = b.id ",
            $rest
        ))
    };
}

// An agent is current until another build starts its workspace, or until one has stopped it: what runs on stop runs
// while the workspace is being stopped, and is reported.
macro_rules! select_agent {
    ($further:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $further,
            "id AS a_id, workspace_id AS a_workspace_id, build_id AS a_build_id, epoch AS a_epoch, \
             created_at AS a_created_at, first_connected_at AS a_first_connected_at, \
             last_connected_at AS a_last_connected_at, disconnected_at AS a_disconnected_at, \
             name AS a_name, display_order AS a_display_order, parent_id AS a_parent_id, \
             lifecycle_state AS a_lifecycle_state, lifecycle_changed_at AS a_lifecycle_changed_at, \
             lifecycle_message AS a_lifecycle_message, \
             build_id = (SELECT b.id FROM builds b WHERE b.workspace_id = agents.workspace_id \
             AND (b.transition = 'start' OR b.status NOT IN ('pending', 'running')) \
             ORDER BY b.build_number DESC LIMIT 1) AS is_current FROM agents ",
            $rest
        )
    };
}

pub(super) const PUT_TEMPLATE: Sql = Sql::portable(
    "INSERT INTO templates (id, name, description, provisioner, scripts, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET description = excluded.description, provisioner = excluded.provisioner, \
     scripts = excluded.scripts",
);
pub(super) const GET_TEMPLATE: Sql =
    Sql::portable("SELECT id, name, description, provisioner, created_at FROM templates WHERE id = $1");
pub(super) const FIND_TEMPLATE_BY_NAME: Sql =
    Sql::portable("SELECT id, name, description, provisioner, created_at FROM templates WHERE name = $1");
pub(super) const LIST_TEMPLATES: Sql = Sql::portable(
    "SELECT id, name, description, provisioner, created_at FROM templates WHERE name > $1 ORDER BY name LIMIT $2",
);

pub(super) const INSERT_WORKSPACE: Sql = Sql::portable(
    "INSERT INTO workspaces (id, owner_id, name, template_id, deleted, request_id, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, FALSE, $5, $6, $7) ON CONFLICT DO NOTHING",
);
pub(super) const GET_WORKSPACE: Sql = select_details!("workspaces", "WHERE w.id = $1");
pub(super) const FIND_WORKSPACE_BY_REQUEST: Sql =
    select_details!("workspaces", "WHERE w.owner_id = $1 AND w.request_id = $2");
// The page is cut before agents are joined: a workspace with several has as many rows.
pub(super) const LIST_WORKSPACES: Sql = select_details!(
    "(SELECT * FROM workspaces WHERE owner_id = $1 AND NOT deleted AND id > $2 ORDER BY id LIMIT $3)",
    "ORDER BY w.id"
);
pub(super) const LOCK_WORKSPACE: Sql = select_for_update!("SELECT id FROM workspaces WHERE id = $1");
pub(super) const TOUCH_WORKSPACE: Sql =
    Sql::portable("UPDATE workspaces SET deleted = $2, updated_at = $3 WHERE id = $1");

pub(super) const INSERT_BUILD: Sql = Sql::portable(
    "INSERT INTO builds (id, workspace_id, build_number, transition, status, provisioner, request_id, created_at) \
     SELECT $1, w.id, $3, $4, 'pending', t.provisioner, $5, $6 \
     FROM workspaces w JOIN templates t ON t.id = w.template_id WHERE w.id = $2",
);
pub(super) const FIND_BUILD_BY_REQUEST: Sql =
    Sql::portable(concat!("SELECT ", build_columns!(), " FROM builds WHERE workspace_id = $1 AND request_id = $2"));
pub(super) const LIST_BUILDS: Sql = Sql::portable(concat!(
    "SELECT ",
    build_columns!(),
    " FROM builds WHERE workspace_id = $1 AND build_number < $2 ORDER BY build_number DESC LIMIT $3"
));
// The kinds come as `,one,two,`, because a list is no parameter that both engines know.
pub(super) const LEASE_BUILD: Sql = Sql::split(
    // PostgreSQL: skip rows that a rival holds, or concurrent callers come back empty while work waits.
    concat!(
        "UPDATE builds SET status = 'running', leased_by = $1, lease_expires_at = $2 WHERE id = (\
         SELECT id FROM builds WHERE (status = 'pending' OR (status = 'running' AND lease_expires_at <= $3)) \
         AND $4 LIKE '%,' || provisioner || ',%' ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED) \
         RETURNING provisioner, ",
        build_columns!()
    ),
    // SQLite: one writer at a time, so the plain form is already exact.
    concat!(
        "UPDATE builds SET status = 'running', leased_by = $1, lease_expires_at = $2 WHERE id = (\
         SELECT id FROM builds WHERE (status = 'pending' OR (status = 'running' AND lease_expires_at <= $3)) \
         AND $4 LIKE '%,' || provisioner || ',%' ORDER BY created_at, id LIMIT 1) \
         RETURNING provisioner, ",
        build_columns!()
    ),
);
pub(super) const LOCK_BUILD: Sql = Sql::split(
    concat!("SELECT ", build_columns!(), " FROM builds WHERE id = $1 FOR UPDATE"),
    concat!("SELECT ", build_columns!(), " FROM builds WHERE id = $1"),
);
pub(super) const UPDATE_BUILD: Sql =
    Sql::portable("UPDATE builds SET status = $2, error = $3, lease_expires_at = $4, completed_at = $5 WHERE id = $1");

pub(super) const ISSUE_TOKEN: Sql = Sql::portable(
    "INSERT INTO agents (id, workspace_id, build_id, token_digest, epoch, created_at, name, scripts) \
     SELECT $1, w.id, $3, $4, 0, $5, $6, t.scripts FROM workspaces w JOIN templates t ON t.id = w.template_id \
     WHERE w.id = $2 ON CONFLICT (build_id, name) DO UPDATE SET token_digest = excluded.token_digest, \
     created_at = excluded.created_at \
     RETURNING id",
);
pub(super) const FIND_AGENT_BY_TOKEN: Sql = Sql::portable(select_agent!("scripts, ", "WHERE token_digest = $1"));
pub(super) const GET_AGENT: Sql = Sql::portable(select_agent!("scripts, ", "WHERE id = $1"));
pub(super) const LOCK_AGENT: Sql =
    Sql::split(select_agent!("", "WHERE id = $1 FOR UPDATE"), select_agent!("", "WHERE id = $1"));
pub(super) const UPDATE_AGENT: Sql = Sql::portable(
    "UPDATE agents SET epoch = $2, first_connected_at = $3, last_connected_at = $4, disconnected_at = $5 WHERE id = $1",
);

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    PUT_TEMPLATE,
    GET_TEMPLATE,
    FIND_TEMPLATE_BY_NAME,
    LIST_TEMPLATES,
    INSERT_WORKSPACE,
    GET_WORKSPACE,
    FIND_WORKSPACE_BY_REQUEST,
    LIST_WORKSPACES,
    LOCK_WORKSPACE,
    TOUCH_WORKSPACE,
    INSERT_BUILD,
    FIND_BUILD_BY_REQUEST,
    LIST_BUILDS,
    LEASE_BUILD,
    LOCK_BUILD,
    UPDATE_BUILD,
    ISSUE_TOKEN,
    FIND_AGENT_BY_TOKEN,
    GET_AGENT,
    LOCK_AGENT,
    UPDATE_AGENT,
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
];
