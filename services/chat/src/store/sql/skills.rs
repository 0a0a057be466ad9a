//! The skills of users.

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row, Sql, values};
use chatmesh_rpc::UserId;

use super::SqlChatStore;
use super::settings::LOCK_USER;
use crate::skills::{MAX_SKILLS, Skill, SkillReference, SkillSummary};
use crate::store::{SkillKept, SkillStore, StoreError};

macro_rules! select {
    ($content:literal, $rest:literal) => {
        concat!(
            "SELECT id, user_id, name, description, ",
            $content,
            " AS content, created_at, updated_at FROM user_skills WHERE user_id = $1 ",
            $rest
        )
    };
}

pub(super) const COUNT_SKILLS: Sql = Sql::portable("SELECT COUNT(*) AS count FROM user_skills WHERE user_id = $1");
pub(super) const INSERT_SKILL: Sql = Sql::portable(
    "INSERT INTO user_skills (id, user_id, name, description, content, request_id, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
);
pub(super) const FIND_SKILL: Sql = Sql::portable(select!("content", "AND id = $2"));
pub(super) const FIND_SKILL_BY_NAME: Sql = Sql::portable(select!("content", "AND name = $2"));
pub(super) const FIND_SKILL_BY_REQUEST: Sql = Sql::portable(select!("content", "AND request_id = $2"));
/// In the order of bytes, which is that of the names' characters, whatever the database sorts by.
pub(super) const LIST_SKILLS: Sql = Sql::split(
    select!("''", "AND (name COLLATE \"C\" > $2 OR $2 IS NULL) ORDER BY name COLLATE \"C\" LIMIT $3"),
    select!("''", "AND (name > $2 OR $2 IS NULL) ORDER BY name LIMIT $3"),
);
pub(super) const UPDATE_SKILL: Sql = Sql::portable(
    "UPDATE user_skills SET name = $3, description = $4, content = $5, updated_at = $6 WHERE user_id = $1 AND id = $2",
);
pub(super) const DELETE_SKILL: Sql = Sql::portable("DELETE FROM user_skills WHERE user_id = $1 AND id = $2");
pub(super) const DELETE_SKILL_BY_NAME: Sql = Sql::portable("DELETE FROM user_skills WHERE user_id = $1 AND name = $2");

impl FromRow for Skill {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            user_id: row.id("user_id")?,
            name: row.get("name")?,
            description: row.get("description")?,
            content: row.get("content")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

struct Count(u32);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        row.u32("count").map(Self)
    }
}

#[async_trait]
impl SkillStore for SqlChatStore {
    async fn insert_skill(&self, skill: Skill, request_id: Option<Uuid>) -> Result<SkillKept, StoreError> {
        let mut tx = self.db.begin().await?;
        // Two that are kept at the same time would not count each other.
        tx.execute(LOCK_USER, values![skill.user_id.0]).await?;
        if let Some(request) = request_id {
            let earlier = tx.fetch_optional(FIND_SKILL_BY_REQUEST, values![skill.user_id.0, request]).await?;
            if let Some(earlier) = earlier {
                return Ok(SkillKept::Repeated(earlier));
            }
        }
        let count: Option<Count> = tx.fetch_optional(COUNT_SKILLS, values![skill.user_id.0]).await?;
        if count.is_some_and(|Count(count)| count >= MAX_SKILLS) {
            return Ok(SkillKept::Full);
        }
        let row = values![
            skill.id.0,
            skill.user_id.0,
            skill.name.as_str(),
            skill.description.as_str(),
            skill.content.as_str(),
            request_id,
            skill.created_at,
            skill.updated_at
        ];
        if tx.execute(INSERT_SKILL, row).await? == 0 {
            return Ok(SkillKept::NameTaken);
        }
        tx.commit().await?;
        Ok(SkillKept::Kept(skill))
    }

    async fn find_skill(&self, user: UserId, skill: &SkillReference) -> Result<Option<Skill>, StoreError> {
        Ok(match skill {
            SkillReference::Id(id) => self.db.fetch_optional(FIND_SKILL, values![user.0, id.0]).await?,
            SkillReference::Name(name) => {
                self.db.fetch_optional(FIND_SKILL_BY_NAME, values![user.0, name.as_str()]).await?
            }
        })
    }

    async fn list_skills(&self, user: UserId, after: Option<&str>, limit: u32) -> Result<Vec<Skill>, StoreError> {
        Ok(self.db.fetch_all(LIST_SKILLS, values![user.0, after, limit]).await?)
    }

    async fn skill_summaries(&self, user: UserId) -> Result<Vec<SkillSummary>, StoreError> {
        let skills = self.list_skills(user, None, MAX_SKILLS).await?;
        let summary = |skill: Skill| SkillSummary { name: skill.name, description: skill.description };
        Ok(skills.into_iter().map(summary).collect())
    }

    async fn update_skill(&self, skill: &Skill) -> Result<SkillKept, StoreError> {
        let row = values![
            skill.user_id.0,
            skill.id.0,
            skill.name.as_str(),
            skill.description.as_str(),
            skill.content.as_str(),
            skill.updated_at
        ];
        match self.db.execute(UPDATE_SKILL, row).await {
            Ok(0) => Ok(SkillKept::Missing),
            Ok(_) => Ok(SkillKept::Kept(skill.clone())),
            Err(error) if error.is_unique_violation() => Ok(SkillKept::NameTaken),
            Err(error) => Err(error.into()),
        }
    }

    async fn delete_skill(&self, user: UserId, skill: &SkillReference) -> Result<bool, StoreError> {
        let deleted = match skill {
            SkillReference::Id(id) => self.db.execute(DELETE_SKILL, values![user.0, id.0]).await?,
            SkillReference::Name(name) => self.db.execute(DELETE_SKILL_BY_NAME, values![user.0, name.as_str()]).await?,
        };
        Ok(deleted > 0)
    }
}
