//! Where keys are kept.

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_db::DbError;
use chatmesh_rpc::UserId;

use super::Inserted;
use crate::domain::{Key, KeyChange, KeyId, ProviderId};

/// Which keys a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Those of the deployment.
    pub central: bool,
    /// Those of this user.
    pub user: Option<UserId>,
    /// Only those of this provider.
    pub provider: Option<ProviderId>,
}

/// The store of keys. Secrets come and go sealed.
#[async_trait]
pub trait KeyStore: std::fmt::Debug + Send + Sync + 'static {
    /// Inserts a key. A `request_id` that was used before yields what it made.
    async fn insert_key(&self, key: &Key, request_id: Option<Uuid>) -> Result<Inserted<Key>, DbError>;
    /// Returns a key.
    async fn get_key(&self, id: KeyId) -> Result<Option<Key>, DbError>;
    /// Lists keys, oldest first.
    async fn list_keys(&self, filter: KeyFilter, after: Option<KeyId>, limit: u32) -> Result<Vec<Key>, DbError>;
    /// Returns the enabled keys of a provider that belong to a user, or to the deployment, oldest
    /// first, as far as they can be used together.
    async fn usable_keys(&self, provider: ProviderId, user: Option<UserId>) -> Result<Vec<Key>, DbError>;
    /// Changes a key, and returns what is there then. Changes of different fields at the same time all hold.
    async fn update_key(&self, id: KeyId, change: &KeyChange) -> Result<Option<Key>, DbError>;
    /// Deletes a key. Returns whether it was there.
    async fn delete_key(&self, id: KeyId) -> Result<bool, DbError>;
}
