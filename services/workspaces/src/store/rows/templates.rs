//! Rows of templates and their versions.

use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row};
use chatmesh_rpc::UserId;
use serde::de::DeserializeOwned;
use tracing::warn;

use crate::domain::{Manifest, Recipe, Template, TemplateId, TemplateUsage, TemplateVersion, VersionInfo};

impl FromRow for Template {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            name: row.get("name")?,
            display_name: row.get("display_name")?,
            description: row.get("description")?,
            icon: row.get("icon")?,
            provisioner: row.get("provisioner")?,
            active_version_id: row.id_or_null("active_version_id")?,
            deprecation: row.get("deprecation")?,
            require_active_version: row.get("require_active_version")?,
            allowed_for_agents: row.get("allowed_for_agents")?,
            archived: row.get("archived")?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for UsedTemplate {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let usage = TemplateUsage {
            active_developers: row.u32("active_developers")?,
            own_workspaces: row.u32("own_workspaces")?,
            own_deleted: row.u32("own_deleted")?,
            own_last_use: row.get("own_last_use")?,
        };
        Ok(Self { template: Template::from_row(row)?, usage })
    }
}

impl FromRow for VersionInfo {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            template_id: row.id("template_id")?,
            number: row.u32("version_number")?,
            message: row.get("message")?,
            created_at: row.get("created_at")?,
            created_by: row.get::<Option<Uuid>>("created_by")?.map(UserId),
        })
    }
}

impl FromRow for TemplateVersion {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let info = VersionInfo::from_row(row)?;
        Ok(Self { info, manifest: json(row, "manifest")?, readme: row.get("readme")? })
    }
}

/// An active version, or of which template there is one that can not be read.
pub(in crate::store) struct PoolVersion(pub(in crate::store) Result<TemplateVersion, TemplateId>);

impl FromRow for PoolVersion {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        match TemplateVersion::from_row(row) {
            Err(error @ DbError::Inconsistent { .. }) => {
                let template: TemplateId = row.id("template_id")?;
                warn!(%template, %error, "nothing is known of the pools of a version that can not be read");
                Ok(Self(Err(template)))
            }
            read => read.map(Ok).map(Self),
        }
    }
}

/// A template with who uses it.
pub(in crate::store) struct UsedTemplate {
    pub(in crate::store) template: Template,
    pub(in crate::store) usage: TemplateUsage,
}

/// A version with what its content is recognised by.
pub(in crate::store) struct KnownVersion {
    pub(in crate::store) digest: Vec<u8>,
    pub(in crate::store) version: TemplateVersion,
}

impl KnownVersion {
    /// True where the content is this, though its digest is not known.
    pub(in crate::store) fn has(&self, manifest: &Manifest, readme: &str) -> bool {
        self.digest.is_empty() && self.version.manifest == *manifest && self.version.readme == readme
    }
}

impl FromRow for KnownVersion {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { digest: row.get("digest")?, version: TemplateVersion::from_row(row)? })
    }
}

impl FromRow for Recipe {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            version_id: row.id_or_null("template_version_id")?,
            parameters: json(row, "parameters")?,
            preset: row.get("preset")?,
        })
    }
}

pub(in crate::store) fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, DbError> {
    let text = row.get::<String>(column)?;
    serde_json::from_str(&text).map_err(|error| DbError::inconsistent(column, error))
}
