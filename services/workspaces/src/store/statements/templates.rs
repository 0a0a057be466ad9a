//! Statements about templates and their versions.

use chatmesh_db::Sql;

macro_rules! template_columns {
    () => {
        "id, name, display_name, description, icon, provisioner, active_version_id, deprecation, \
         require_active_version, allowed_for_agents, archived, created_at"
    };
}

macro_rules! info_columns {
    () => {
        "id, template_id, version_number, message, created_at, created_by"
    };
}

macro_rules! select_template {
    ($rest:literal) => {
        concat!("SELECT ", template_columns!(), " FROM templates ", $rest)
    };
}

macro_rules! select_used_template {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            template_columns!(),
            ", (SELECT count(DISTINCT w.owner_id) FROM workspaces w WHERE w.template_id = templates.id \
             AND NOT w.deleted AND w.owner_id <> $7) AS active_developers, \
             (SELECT count(*) FROM workspaces w WHERE w.template_id = templates.id AND w.owner_id = $5 \
             AND NOT w.deleted) AS own_workspaces, \
             (SELECT count(*) FROM workspaces w WHERE w.template_id = templates.id AND w.owner_id = $5 \
             AND w.deleted AND w.updated_at > $6) AS own_deleted, \
             (SELECT max(coalesce(w.last_used_at, w.updated_at)) FROM workspaces w WHERE w.template_id = templates.id \
             AND w.owner_id = $5 AND coalesce(w.last_used_at, w.updated_at) > $6) AS own_last_use \
             FROM templates ",
            $rest
        )
    };
}

macro_rules! select_version {
    ($rest:literal) => {
        concat!("SELECT ", info_columns!(), ", manifest, readme, digest FROM template_versions ", $rest)
    };
}

/// A template that is there already stays as it is.
pub(in crate::store) const INSERT_TEMPLATE: Sql = Sql::portable(
    "INSERT INTO templates (id, name, description, provisioner, require_active_version, created_at) \
     VALUES ($1, $2, '', $3, $4, $5) ON CONFLICT (name) DO NOTHING",
);
pub(in crate::store) const GET_TEMPLATE: Sql = Sql::portable(select_template!("WHERE id = $1 AND NOT deleted"));
pub(in crate::store) const FIND_TEMPLATE_BY_NAME: Sql =
    Sql::portable(select_template!("WHERE name = $1 AND NOT deleted"));
/// After `$1`, at most `$2`, those that are put away only where `$3`, and those alone that the tools of chats may use
/// where `$4`.
pub(in crate::store) const LIST_TEMPLATES: Sql = Sql::portable(select_template!(
    "WHERE name > $1 AND NOT deleted AND ($3 OR NOT archived) \
     AND (NOT $4 OR (allowed_for_agents AND deprecation = '')) ORDER BY name LIMIT $2"
));
/// As [`LIST_TEMPLATES`], with who uses them: the user `$5`, what that one did since `$6`, and nobody
/// of `$7`, who owns what nobody has claimed.
pub(in crate::store) const LIST_USED_TEMPLATES: Sql = Sql::portable(select_used_template!(
    "WHERE name > $1 AND NOT deleted AND ($3 OR NOT archived) \
     AND (NOT $4 OR (allowed_for_agents AND deprecation = '')) ORDER BY name LIMIT $2"
));
pub(in crate::store) const COUNT_WORKSPACES: Sql =
    Sql::portable("SELECT count(*) AS number FROM workspaces WHERE template_id = $1 AND NOT deleted");
/// Frees the name: no name is as long as an identifier.
pub(in crate::store) const DELETE_TEMPLATE: Sql =
    Sql::portable("UPDATE templates SET deleted = TRUE, archived = TRUE, name = $2 WHERE id = $1");
pub(in crate::store) const LOCK_TEMPLATE: Sql = Sql::split(
    select_template!("WHERE id = $1 AND NOT deleted FOR UPDATE"),
    select_template!("WHERE id = $1 AND NOT deleted"),
);
pub(in crate::store) const LOCK_TEMPLATE_BY_NAME: Sql =
    Sql::split(select_template!("WHERE name = $1 FOR UPDATE"), select_template!("WHERE name = $1"));
pub(in crate::store) const UPDATE_TEMPLATE: Sql = Sql::portable(
    "UPDATE templates SET display_name = $2, description = $3, icon = $4, provisioner = $5, active_version_id = $6, \
     deprecation = $7, require_active_version = $8, allowed_for_agents = $9, archived = $10 WHERE id = $1",
);

// The number comes from the lock on the template, under which versions are made.
pub(in crate::store) const INSERT_VERSION: Sql = Sql::portable(
    "INSERT INTO template_versions (id, template_id, version_number, manifest, provisioner, readme, digest, message, \
     created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
);
pub(in crate::store) const LATEST_VERSION: Sql = Sql::portable(concat!(
    "SELECT ",
    info_columns!(),
    " FROM template_versions WHERE template_id = $1 ORDER BY version_number DESC LIMIT 1"
));
pub(in crate::store) const GET_VERSION_INFO: Sql =
    Sql::portable(concat!("SELECT ", info_columns!(), " FROM template_versions WHERE template_id = $1 AND id = $2"));
/// Also finds the version without a digest, whose content has to be compared.
pub(in crate::store) const FIND_VERSIONS_BY_DIGEST: Sql =
    Sql::portable(select_version!("WHERE template_id = $1 AND digest IN ($2, $3) ORDER BY version_number"));
// A build of a release that knew no versions is of the active one.
pub(in crate::store) const GET_VERSION_OF_BUILD: Sql = Sql::portable(select_version!(
    "WHERE id = (SELECT coalesce(b.template_version_id, t.active_version_id) FROM builds b \
     JOIN workspaces w ON w.id = b.workspace_id JOIN templates t ON t.id = w.template_id WHERE b.id = $1)"
));
pub(in crate::store) const GET_VERSION_OF_TEMPLATE: Sql =
    Sql::portable(select_version!("WHERE template_id = $1 AND id = $2"));
pub(in crate::store) const GET_VERSION_BY_NUMBER: Sql =
    Sql::portable(select_version!("WHERE template_id = $1 AND version_number = $2"));
pub(in crate::store) const LIST_VERSIONS: Sql = Sql::portable(concat!(
    "SELECT ",
    info_columns!(),
    " FROM template_versions WHERE template_id = $1 AND version_number < $2 ORDER BY version_number DESC LIMIT $3"
));
