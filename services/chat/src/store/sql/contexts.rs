//! What workspaces last said of themselves.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{DbError, FromRow, Row, Sql, values};

use super::SqlChatStore;
use crate::domain::ChatId;
use crate::skills::SkillSummary;
use crate::store::{ContextStore, KeptContext, StoreError};

/// A runner that lost its chat may still be writing: what is older does not take the place of what is newer.
pub(super) const KEEP_CONTEXT: Sql = Sql::portable(
    "INSERT INTO chat_workspace_contexts (chat_id, workspace_id, context, skills, read_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (chat_id) DO UPDATE SET workspace_id = excluded.workspace_id, \
     context = excluded.context, skills = excluded.skills, read_at = excluded.read_at \
     WHERE chat_workspace_contexts.read_at <= excluded.read_at",
);
pub(super) const HEARD_AGAIN: Sql = Sql::portable(
    "UPDATE chat_workspace_contexts SET read_at = $3 WHERE chat_id = $1 AND workspace_id = $2 AND read_at < $3",
);
pub(super) const KEPT_CONTEXT: Sql = Sql::portable(
    "SELECT workspace_id, context, skills, read_at FROM chat_workspace_contexts \
     WHERE chat_id = $1 AND workspace_id = $2",
);

impl FromRow for KeptContext {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            workspace_id: row.get("workspace_id")?,
            context: row.get("context")?,
            skills: decode(&row.get::<String>("skills")?)?,
            read_at: row.get("read_at")?,
        })
    }
}

/// Names and descriptions: there is nothing in them that JSON could not hold.
fn encode(skills: &[SkillSummary]) -> String {
    serde_json::to_string(skills).unwrap_or_else(|_| "[]".to_owned())
}

fn decode(json: &str) -> Result<Vec<SkillSummary>, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::inconsistent("skills", error))
}

#[async_trait]
impl ContextStore for SqlChatStore {
    async fn keep_context(&self, chat: ChatId, context: KeptContext) -> Result<(), StoreError> {
        let row = values![chat.0, context.workspace_id, context.context, encode(&context.skills), context.read_at];
        self.db.execute(KEEP_CONTEXT, row).await?;
        Ok(())
    }

    async fn heard_again(&self, chat: ChatId, workspace: Uuid, read_at: Timestamp) -> Result<(), StoreError> {
        self.db.execute(HEARD_AGAIN, values![chat.0, workspace, read_at]).await?;
        Ok(())
    }

    async fn kept_context(&self, chat: ChatId, workspace: Uuid) -> Result<Option<KeptContext>, StoreError> {
        Ok(self.db.fetch_optional(KEPT_CONTEXT, values![chat.0, workspace]).await?)
    }
}
