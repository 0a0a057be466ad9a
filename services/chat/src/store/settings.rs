//! Where it is kept what users want of all of their chats, and what the deployment told a chat.

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_rpc::UserId;

use super::StoreError;
use crate::domain::ChatId;

/// What a user wants of all of their chats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// Instructions for the model.
    pub custom_prompt: String,
    /// When anything was changed last; `None` where nothing was.
    pub updated_at: Option<Timestamp>,
}

/// Where settings are kept that prompts are made of.
#[async_trait]
pub trait PromptStore: std::fmt::Debug + Send + Sync + 'static {
    /// The settings of a user; the defaults where there are none.
    async fn user_settings(&self, user: UserId) -> Result<UserSettings, StoreError>;
    /// Sets the instructions of a user.
    async fn set_custom_prompt(&self, user: UserId, prompt: &str, now: Timestamp) -> Result<UserSettings, StoreError>;
    /// What the deployment told a chat when it was created; `None` for chats from before that was kept.
    async fn deployment_prompt(&self, chat: ChatId) -> Result<Option<String>, StoreError>;
}
