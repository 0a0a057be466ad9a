//! What users want of all of their chats, and what the deployment told a chat.

use async_trait::async_trait;
use chatmesh_core::Timestamp;
use chatmesh_db::{DbError, FromRow, Row, Sql, values};
use chatmesh_rpc::UserId;

use super::SqlChatStore;
use crate::domain::ChatId;
use crate::store::{PromptStore, StoreError, UserSettings};

/// Locks a user until the end of the transaction, whether they have settings or not.
pub(super) const LOCK_USER: Sql = Sql::portable(
    "INSERT INTO user_settings (user_id, custom_prompt) VALUES ($1, '') \
     ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id",
);
pub(super) const USER_SETTINGS: Sql =
    Sql::portable("SELECT custom_prompt, updated_at FROM user_settings WHERE user_id = $1");
pub(super) const SET_CUSTOM_PROMPT: Sql = Sql::portable(
    "INSERT INTO user_settings (user_id, custom_prompt, updated_at) VALUES ($1, $2, $3) \
     ON CONFLICT (user_id) DO UPDATE SET custom_prompt = excluded.custom_prompt, updated_at = excluded.updated_at",
);
pub(super) const KEEP_DEPLOYMENT_PROMPT: Sql =
    Sql::portable("INSERT INTO chat_deployment_prompts (chat_id, prompt) VALUES ($1, $2)");
pub(super) const DEPLOYMENT_PROMPT: Sql =
    Sql::portable("SELECT prompt FROM chat_deployment_prompts WHERE chat_id = $1");

impl FromRow for UserSettings {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { custom_prompt: row.get("custom_prompt")?, updated_at: row.get("updated_at")? })
    }
}

struct DeploymentPrompt(String);

impl FromRow for DeploymentPrompt {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.get("prompt").map(Self)
    }
}

#[async_trait]
impl PromptStore for SqlChatStore {
    async fn user_settings(&self, user: UserId) -> Result<UserSettings, StoreError> {
        let found = self.db.fetch_optional(USER_SETTINGS, values![user.0]).await?;
        Ok(found.unwrap_or_default())
    }

    async fn set_custom_prompt(&self, user: UserId, prompt: &str, now: Timestamp) -> Result<UserSettings, StoreError> {
        self.db.execute(SET_CUSTOM_PROMPT, values![user.0, prompt, now]).await?;
        Ok(UserSettings { custom_prompt: prompt.to_owned(), updated_at: Some(now) })
    }

    async fn deployment_prompt(&self, chat: ChatId) -> Result<Option<String>, StoreError> {
        let found: Option<DeploymentPrompt> = self.db.fetch_optional(DEPLOYMENT_PROMPT, values![chat.0]).await?;
        Ok(found.map(|DeploymentPrompt(prompt)| prompt))
    }
}
