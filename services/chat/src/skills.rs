//! The skills of users: instructions for certain kinds of work, which models read when they need them.
//!
//! A skill is Markdown behind a frontmatter. Its name and description stand there and nowhere else, so that what a
//! model is told of it is what its author wrote.

mod content;

use chatmesh_core::{Timestamp, Uuid, skill, typed_id};
use chatmesh_rpc::UserId;
use serde::{Deserialize, Serialize};

pub(crate) use content::{body_of, check_content};

/// How many skills a user may have.
pub const MAX_SKILLS: u32 = 100;

typed_id!(
    /// A skill of a user.
    SkillId,
);

/// A skill of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skill {
    /// The identifier.
    pub id: SkillId,
    /// Whose skill it is.
    pub user_id: UserId,
    /// What it is called, unique among the user's.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// All of it, the frontmatter included. Empty in lists.
    pub content: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a model is told of a skill before it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillSummary {
    /// What it is called.
    pub name: String,
    /// What it is good for.
    pub description: String,
}

/// What names a skill of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkillReference {
    /// Its identifier.
    Id(SkillId),
    /// Its name.
    Name(String),
}

impl SkillReference {
    /// Reads a reference; `None` where it can be neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // An identifier has the shape of a name.
        match Uuid::try_parse(text) {
            Ok(id) => Some(Self::Id(SkillId(id))),
            Err(_) => skill::is_name(text).then(|| Self::Name(text.to_owned())),
        }
    }
}
