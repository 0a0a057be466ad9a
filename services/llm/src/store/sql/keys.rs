//! Keys in SQL.

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_db::{DbError, FromRow, Row, Sql, values};
use chatmesh_rpc::UserId;

use super::SqlLlmStore;
use crate::domain::{Key, KeyChange, KeyId, ProviderId};
use crate::store::{Inserted, KeyFilter, KeyStore};

macro_rules! key_select {
    ($rest:literal) => {
        concat!(
            "SELECT keys.id, keys.provider_id, providers.name AS provider, keys.user_id, keys.name, \
             keys.sealed_secret, keys.hint, keys.weight, keys.enabled, keys.created_at, keys.updated_at \
             FROM keys JOIN providers ON providers.id = keys.provider_id ",
            $rest
        )
    };
}

/// How many keys take turns.
const MAX_TOGETHER: u32 = 32;

const INSERT_KEY: Sql = Sql::portable(
    "INSERT INTO keys (id, provider_id, user_id, name, sealed_secret, hint, weight, enabled, request_id, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
);
const GET_KEY: Sql = Sql::portable(key_select!("WHERE keys.id = $1"));
/// The provider is only read for its name.
const LOCK_KEY: Sql =
    Sql::split(key_select!("WHERE keys.id = $1 FOR UPDATE OF keys"), key_select!("WHERE keys.id = $1"));
const FIND_KEY_BY_REQUEST: Sql = Sql::portable(key_select!("WHERE keys.request_id = $1"));
const LIST_KEYS: Sql = Sql::portable(key_select!(
    "WHERE ((keys.user_id IS NULL AND $1) OR keys.user_id = $2) AND (keys.provider_id = $3 OR $3 IS NULL) \
     AND (keys.id > $4 OR $4 IS NULL) ORDER BY keys.id LIMIT $5"
));
const CENTRAL_KEYS: Sql = Sql::portable(key_select!(
    "WHERE keys.provider_id = $1 AND keys.user_id IS NULL AND keys.enabled ORDER BY keys.id LIMIT $2"
));
const USER_KEYS: Sql = Sql::portable(key_select!(
    "WHERE keys.provider_id = $1 AND keys.user_id = $2 AND keys.enabled ORDER BY keys.id LIMIT $3"
));
const UPDATE_KEY: Sql = Sql::portable(
    "UPDATE keys SET name = $2, sealed_secret = $3, hint = $4, weight = $5, enabled = $6, updated_at = $7 WHERE id = $1",
);
const DELETE_KEY: Sql = Sql::portable("DELETE FROM keys WHERE id = $1");

#[async_trait]
impl KeyStore for SqlLlmStore {
    async fn insert_key(&self, key: &Key, request_id: Option<Uuid>) -> Result<Inserted<Key>, DbError> {
        let row = values![
            key.id.0,
            key.provider_id.0,
            key.user_id.map(Uuid::from),
            key.name.as_str(),
            key.sealed_secret.clone(),
            key.hint.as_str(),
            key.weight,
            key.enabled,
            request_id,
            key.created_at,
            key.updated_at
        ];
        if self.db.execute(INSERT_KEY, row).await? == 1 {
            return Ok(Inserted::Created(key.clone()));
        }
        let earlier = match request_id {
            Some(id) => self.db.fetch_optional(FIND_KEY_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }

    async fn get_key(&self, id: KeyId) -> Result<Option<Key>, DbError> {
        self.db.fetch_optional(GET_KEY, values![id.0]).await
    }

    async fn list_keys(&self, filter: KeyFilter, after: Option<KeyId>, limit: u32) -> Result<Vec<Key>, DbError> {
        let parameters = values![
            filter.central,
            filter.user.map(Uuid::from),
            filter.provider.map(Uuid::from),
            after.map(Uuid::from),
            limit
        ];
        self.db.fetch_all(LIST_KEYS, parameters).await
    }

    async fn usable_keys(&self, provider: ProviderId, user: Option<UserId>) -> Result<Vec<Key>, DbError> {
        match user {
            None => self.db.fetch_all(CENTRAL_KEYS, values![provider.0, MAX_TOGETHER]).await,
            Some(user) => self.db.fetch_all(USER_KEYS, values![provider.0, user.0, MAX_TOGETHER]).await,
        }
    }

    async fn update_key(&self, id: KeyId, change: &KeyChange) -> Result<Option<Key>, DbError> {
        let mut tx = self.db.begin().await?;
        let Some(before) = tx.fetch_optional::<Key>(LOCK_KEY, values![id.0]).await? else { return Ok(None) };
        let key = change.apply(before);
        let row = values![
            key.id.0,
            key.name.as_str(),
            key.sealed_secret.clone(),
            key.hint.as_str(),
            key.weight,
            key.enabled,
            key.updated_at
        ];
        tx.execute(UPDATE_KEY, row).await?;
        tx.commit().await?;
        Ok(Some(key))
    }

    async fn delete_key(&self, id: KeyId) -> Result<bool, DbError> {
        Ok(self.db.execute(DELETE_KEY, values![id.0]).await? == 1)
    }
}

impl FromRow for Key {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            provider_id: row.id("provider_id")?,
            provider: row.get("provider")?,
            user_id: row.id_or_null("user_id")?,
            name: row.get("name")?,
            sealed_secret: row.get("sealed_secret")?,
            hint: row.get("hint")?,
            weight: row.u32("weight")?,
            enabled: row.get("enabled")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Every statement about keys, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] =
    &[INSERT_KEY, GET_KEY, LOCK_KEY, FIND_KEY_BY_REQUEST, LIST_KEYS, CENTRAL_KEYS, USER_KEYS, UPDATE_KEY, DELETE_KEY];
