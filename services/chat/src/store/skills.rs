//! Where the skills of users are kept.

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_rpc::UserId;

use super::StoreError;
use crate::skills::{Skill, SkillReference, SkillSummary};

/// What came of a skill that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkillKept {
    /// It is kept.
    Kept(Skill),
    /// A repeated request: the first one, as it is now.
    Repeated(Skill),
    /// The user has another one of this name.
    NameTaken,
    /// The user has as many as may be.
    Full,
    /// There is none that could be changed.
    Missing,
}

/// Where the skills of users are kept.
#[async_trait]
pub trait SkillStore: std::fmt::Debug + Send + Sync + 'static {
    /// Keeps a skill. A repeated `request_id` of the user yields the first one. No two skills of a user have the same
    /// name, and no user has more than [`crate::MAX_SKILLS`], however many are kept at the same time.
    async fn insert_skill(&self, skill: Skill, request_id: Option<Uuid>) -> Result<SkillKept, StoreError>;
    /// A skill of a user with its content.
    async fn find_skill(&self, user: UserId, skill: &SkillReference) -> Result<Option<Skill>, StoreError>;
    /// Skills of a user by name, without their content: those after `after`, `limit` at most.
    async fn list_skills(&self, user: UserId, after: Option<&str>, limit: u32) -> Result<Vec<Skill>, StoreError>;
    /// What a model is told of all skills of a user, by name.
    async fn skill_summaries(&self, user: UserId) -> Result<Vec<SkillSummary>, StoreError>;
    /// Changes the name, the description and the content of the user's skill with this identifier.
    async fn update_skill(&self, skill: &Skill) -> Result<SkillKept, StoreError>;
    /// Deletes a skill of a user; false where there is none.
    async fn delete_skill(&self, user: UserId, skill: &SkillReference) -> Result<bool, StoreError>;
}
