//! Where it is kept what workspaces last said of themselves.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};

use super::StoreError;
use crate::domain::ChatId;
use crate::skills::SkillSummary;

/// What a workspace said of itself at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptContext {
    /// The workspace.
    pub workspace_id: Uuid,
    /// Where it is, and what its instruction files say.
    pub context: String,
    /// Its skills; the owner's own are kept elsewhere.
    pub skills: Vec<SkillSummary>,
    /// When it said so.
    pub read_at: Timestamp,
}

/// Keeps of each chat what its workspace last said of itself.
#[async_trait]
pub trait ContextStore: std::fmt::Debug + Send + Sync + 'static {
    /// Keeps it in the place of what was read before; what was read later stays.
    async fn keep_context(&self, chat: ChatId, context: KeptContext) -> Result<(), StoreError>;
    /// The workspace said the same again: notes when, and leaves the words alone, which may be long.
    async fn heard_again(&self, chat: ChatId, workspace: Uuid, read_at: Timestamp) -> Result<(), StoreError>;
    /// What this workspace last said; `None` where it never did, or the chat had another one since.
    async fn kept_context(&self, chat: ChatId, workspace: Uuid) -> Result<Option<KeptContext>, StoreError>;
}
