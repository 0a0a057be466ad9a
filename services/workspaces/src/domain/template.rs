//! Templates and their versions.

use chatmesh_core::Timestamp;
use chatmesh_rpc::UserId;
use sha2::{Digest as _, Sha256};

use super::{Manifest, TemplateId, TemplateVersionId, Values};

/// A recipe for workspaces. What it says of itself is what its active version says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The identifier.
    pub id: TemplateId,
    /// Unique.
    pub name: String,
    /// Names it for people; empty where its name does.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// A picture for it; empty where it has none.
    pub icon: String,
    /// The kind of provisioner that carries builds out.
    pub provisioner: String,
    /// The version of workspaces that are created. Only a template that is just being made has none.
    pub active_version_id: Option<TemplateVersionId>,
    /// Why it should not be used any more, and what to use; empty while it may.
    pub deprecation: String,
    /// True where each start of a workspace is of the active version.
    pub require_active_version: bool,
    /// True where the tools of chats may use it.
    pub allowed_for_agents: bool,
    /// True where it is put away.
    pub archived: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Who uses a template, and how one user does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateUsage {
    /// How many users have a workspace of it.
    pub active_developers: u32,
    /// How many workspaces of it the user has.
    pub own_workspaces: u32,
    /// How many of the user's were deleted of late.
    pub own_deleted: u32,
    /// When the user last used or changed one of theirs, where that was of late.
    pub own_last_use: Option<Timestamp>,
}

/// A version of a template, without what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// The identifier.
    pub id: TemplateVersionId,
    /// The template.
    pub template_id: TemplateId,
    /// 1, 2, 3, ... within the template.
    pub number: u32,
    /// What is new in it, as whoever made it says.
    pub message: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; `None` for the configuration.
    pub created_by: Option<UserId>,
}

/// A version of a template. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateVersion {
    /// What it is.
    pub info: VersionInfo,
    /// What it says.
    pub manifest: Manifest,
    /// What there is to know about it, in Markdown.
    pub readme: String,
}

impl TemplateVersion {
    /// What content is recognised by.
    ///
    /// # Errors
    /// The manifest can not be written.
    pub(crate) fn digest(manifest: &Manifest, readme: &str) -> Result<Vec<u8>, serde_json::Error> {
        let mut content = serde_json::to_vec(manifest)?;
        // No JSON has a NUL: what is before it and what is after it can not be taken for each other.
        content.push(0);
        content.extend_from_slice(readme.as_bytes());
        Ok(Sha256::digest(&content).to_vec())
    }
}

/// Names a version of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichVersion {
    /// The one with this identifier.
    Id(TemplateVersionId),
    /// The one with this number.
    Number(u32),
}

/// What a build is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recipe {
    /// The version of the template; `None` for builds of a release that knew none.
    pub version_id: Option<TemplateVersionId>,
    /// The value of each parameter that has one.
    pub parameters: Values,
    /// The preset that was chosen last; empty for none.
    pub preset: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_the_same_digest_only_where_it_is_the_same() {
        let digest = |manifest: &Manifest, readme: &str| TemplateVersion::digest(manifest, readme).expect("a digest");
        let (plain, other) = (Manifest::default(), Manifest { icon: "/x".to_owned(), ..Manifest::default() });
        assert_eq!(digest(&plain, "a"), digest(&plain.clone(), "a"));
        assert_ne!(digest(&plain, "a"), digest(&plain, "b"));
        assert_ne!(digest(&plain, ""), digest(&other, ""));
    }
}
