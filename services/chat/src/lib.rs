//! Chats: what was said, what is being said, and who works on it.
//!
//! - A *chat* belongs to a user and holds *messages*; a message is an ordered list of *parts*.
//! - A *turn* goes from a user's message to the model's last word; it consists of *steps*: one
//!   call of the model and the tools that it asked for.
//! - Every change is an *operation* of the state machine in [`machine`], carried out in one
//!   transaction under the chat's row lock by [`store`]. Each raises the chat's
//!   `snapshot_version` by one; subscribers and workers compare versions and read the database.
//! - A *worker* leases runnable chats; a *runner* works on one chat under one lease. What it
//!   writes is fenced: a runner that lost its lease changes nothing.
//! - An *episode* holds the live parts of one model call, `(history_version,
//!   generation_attempt)`, each with a number; it is gone when the message is committed.
//!
//! The way of a message: [`api`] → [`store`] → hint → [`worker`] → [`turn`] → [`store`] → hint → [`stream`].

mod api;
mod config;
mod convert;
mod domain;
mod error;
mod files;
mod hints;
pub mod machine;
mod metrics;
mod parts;
mod service;
mod skills;
mod state;
mod store;
mod stream;
#[cfg(test)]
mod testing;
mod turn;
mod watch;
mod worker;

pub use config::Config;
pub use domain::{Chat, ChatFilter, ChatId, Message, NewMessage, QueuedMessage, Visibility};
pub use error::Error;
pub use files::{FileId, MAX_FILE_BYTES, MAX_FILES, NewFile, StoredFile};
pub use metrics::ChatMetrics;
pub use service::{MIGRATIONS, Service};
pub use skills::{MAX_SKILLS, Skill, SkillId, SkillReference, SkillSummary};
pub use state::Neighbours;
pub use store::*;
