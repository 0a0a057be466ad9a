//! Where users, tokens and keys are kept.

mod sql;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;
pub use sql::{STATEMENTS, SqlIdentityStore};

use crate::domain::{NewToken, Token, TokenId, User};
use crate::signing::SigningKey;

/// What was there before an insert that found its key taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// The row is new.
    Created,
    /// The same request was made before; this is its result.
    Repeated(User),
    /// Another user has the name.
    NameTaken,
}

/// The store of the service. Missing rows are `None`, not errors.
#[async_trait]
pub trait IdentityStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a user. A `request_id` that was used before yields the user that it made.
    async fn insert_user(&self, user: &User, request_id: Option<Uuid>) -> Result<Inserted, DbError>;
    /// Returns the user with this identifier.
    async fn get_user(&self, id: UserId) -> Result<Option<User>, DbError>;
    /// Returns the user with this name.
    async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, DbError>;
    /// Lists users by identifier, after `after`, at most `limit`.
    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, DbError>;
    /// Inserts a token.
    async fn insert_token(&self, token: &NewToken) -> Result<(), DbError>;
    /// Returns the user whose token has this digest and works at `now`.
    async fn find_user_by_token(&self, digest: &[u8], now: Timestamp) -> Result<Option<User>, DbError>;
    /// Lists a user's tokens by identifier, after `after`, at most `limit`.
    async fn list_tokens(&self, user: UserId, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>, DbError>;
    /// Deletes a token of a user; false where the user has none like it.
    async fn delete_token(&self, user: UserId, id: TokenId) -> Result<bool, DbError>;
    /// Inserts a signing key unless there is one, and returns all of them, the newest first.
    async fn ensure_signing_key(&self, candidate: &SigningKey) -> Result<Vec<SigningKey>, DbError>;
}
