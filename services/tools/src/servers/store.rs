//! Where servers are kept.

mod grants;
mod sql;

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_db::DbError;

use super::domain::{Reference, Server, ServerId};
pub use grants::{GrantRow, GrantStore, LoginRow, STATEMENTS as GRANT_STATEMENTS, SqlGrantStore};
pub use sql::{STATEMENTS, SqlServerStore};

/// What an insert found.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// The row is new.
    Created(Server),
    /// The same request was made before; this is its result.
    Repeated(Server),
    /// The slug is taken.
    SlugTaken,
}

/// The store of servers. Missing rows are `None`, not errors.
#[async_trait]
pub trait ServerStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a server. A `request_id` that was used before yields what it made.
    async fn insert(&self, server: &Server, request_id: Option<Uuid>) -> Result<Inserted, DbError>;
    /// Returns a server.
    async fn find(&self, reference: &Reference) -> Result<Option<Server>, DbError>;
    /// Lists servers, oldest first; with `only_enabled` those that are switched on.
    async fn list(&self, only_enabled: bool, after: Option<ServerId>, limit: u32) -> Result<Vec<Server>, DbError>;
    /// Writes a server whose version is one more than the stored one; false where it is not, and nothing is written.
    async fn update(&self, server: &Server) -> Result<bool, DbError>;
    /// As `update`, for a server that is another one from now on: forgets what users were granted at the one before, and
    /// who is on the way to it. Returns what they were granted, of 10000 users at most; `None` where nothing is written.
    async fn replace(&self, server: &Server) -> Result<Option<Vec<GrantRow>>, DbError>;
    /// Deletes a server with all that users were granted there. Returns that, of 10000 users at most; `None` where there
    /// was no server.
    async fn delete(&self, id: ServerId) -> Result<Option<Vec<GrantRow>>, DbError>;
}
