//! The store in SQL, one text for both engines.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, values};
use chatmesh_rpc::{Role, UserId};

use super::{IdentityStore, Inserted};
use crate::domain::{NewToken, Token, TokenId, User};
use crate::signing::SigningKey;

const INSERT_USER: Sql = Sql::portable(
    "INSERT INTO users (id, name, role, request_id, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
);
const GET_USER: Sql = Sql::portable("SELECT id, name, role, created_at FROM users WHERE id = $1");
const FIND_USER_BY_NAME: Sql = Sql::portable("SELECT id, name, role, created_at FROM users WHERE name = $1");
const FIND_USER_BY_REQUEST: Sql = Sql::portable("SELECT id, name, role, created_at FROM users WHERE request_id = $1");
const LIST_USERS: Sql =
    Sql::portable("SELECT id, name, role, created_at FROM users WHERE (id > $1 OR $1 IS NULL) ORDER BY id LIMIT $2");
const INSERT_TOKEN: Sql = Sql::portable(
    "INSERT INTO tokens (id, user_id, name, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
);
const FIND_USER_BY_TOKEN: Sql = Sql::portable(
    "SELECT users.id, users.name, users.role, users.created_at FROM tokens JOIN users ON users.id = tokens.user_id \
     WHERE tokens.digest = $1 AND (tokens.expires_at IS NULL OR tokens.expires_at > $2)",
);
const LIST_TOKENS: Sql = Sql::portable(
    "SELECT id, user_id, name, created_at, expires_at FROM tokens \
     WHERE user_id = $1 AND (id > $2 OR $2 IS NULL) ORDER BY id LIMIT $3",
);
const DELETE_TOKEN: Sql = Sql::portable("DELETE FROM tokens WHERE user_id = $1 AND id = $2");
/// Who finds no key inserts one: on PostgreSQL others must wait meanwhile, on SQLite they do anyway.
const LOCK_SIGNING_KEYS: Sql = Sql::split("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE", "SELECT 1");
const INSERT_SIGNING_KEY: Sql = Sql::portable(
    "INSERT INTO signing_keys (id, pkcs8, public_key, created_at) \
     SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM signing_keys)",
);
const LIST_SIGNING_KEYS: Sql =
    Sql::portable("SELECT id, pkcs8, public_key, created_at FROM signing_keys ORDER BY id DESC");

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlIdentityStore {
    db: Db,
}

impl SqlIdentityStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl IdentityStore for SqlIdentityStore {
    async fn insert_user(&self, user: &User, request_id: Option<Uuid>) -> Result<Inserted, DbError> {
        let row = values![user.id.0, user.name.as_str(), role_text(user.role), request_id, user.created_at];
        if self.db.execute(INSERT_USER, row).await? == 1 {
            return Ok(Inserted::Created);
        }
        let earlier = match request_id {
            Some(id) => self.db.fetch_optional(FIND_USER_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::NameTaken, Inserted::Repeated))
    }

    async fn get_user(&self, id: UserId) -> Result<Option<User>, DbError> {
        self.db.fetch_optional(GET_USER, values![id.0]).await
    }

    async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, DbError> {
        self.db.fetch_optional(FIND_USER_BY_NAME, values![name]).await
    }

    async fn list_users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, DbError> {
        self.db.fetch_all(LIST_USERS, values![after.map(Uuid::from), limit]).await
    }

    async fn insert_token(&self, new: &NewToken) -> Result<(), DbError> {
        let token = &new.token;
        let row = values![
            token.id.0,
            token.user_id.0,
            token.name.as_str(),
            new.digest.clone(),
            token.created_at,
            token.expires_at
        ];
        self.db.execute(INSERT_TOKEN, row).await.map(drop)
    }

    async fn find_user_by_token(&self, digest: &[u8], now: Timestamp) -> Result<Option<User>, DbError> {
        self.db.fetch_optional(FIND_USER_BY_TOKEN, values![digest.to_vec(), now]).await
    }

    async fn list_tokens(&self, user: UserId, after: Option<TokenId>, limit: u32) -> Result<Vec<Token>, DbError> {
        self.db.fetch_all(LIST_TOKENS, values![user.0, after.map(Uuid::from), limit]).await
    }

    async fn delete_token(&self, user: UserId, id: TokenId) -> Result<bool, DbError> {
        Ok(self.db.execute(DELETE_TOKEN, values![user.0, id.0]).await? == 1)
    }

    async fn ensure_signing_key(&self, key: &SigningKey) -> Result<Vec<SigningKey>, DbError> {
        let row = values![key.id, key.pkcs8.clone(), key.public_key.clone(), key.created_at];
        let mut tx = self.db.begin().await?;
        tx.execute(LOCK_SIGNING_KEYS, values![]).await?;
        tx.execute(INSERT_SIGNING_KEY, row).await?;
        let keys = tx.fetch_all(LIST_SIGNING_KEYS, values![]).await?;
        tx.commit().await?;
        Ok(keys)
    }
}

impl FromRow for User {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            name: row.get("name")?,
            role: role(&row.get::<String>("role")?)?,
            created_at: row.get("created_at")?,
        })
    }
}

impl FromRow for Token {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            user_id: row.id("user_id")?,
            name: row.get("name")?,
            created_at: row.get("created_at")?,
            expires_at: row.get("expires_at")?,
        })
    }
}

impl FromRow for SigningKey {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.get("id")?,
            pkcs8: row.get("pkcs8")?,
            public_key: row.get("public_key")?,
            created_at: row.get("created_at")?,
        })
    }
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Admin => "admin",
    }
}

fn role(text: &str) -> Result<Role, DbError> {
    match text {
        "member" => Ok(Role::Member),
        "admin" => Ok(Role::Admin),
        other => Err(DbError::inconsistent("role", format!("unknown role {other}"))),
    }
}

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    INSERT_USER,
    GET_USER,
    FIND_USER_BY_NAME,
    FIND_USER_BY_REQUEST,
    LIST_USERS,
    INSERT_TOKEN,
    FIND_USER_BY_TOKEN,
    LIST_TOKENS,
    DELETE_TOKEN,
    LOCK_SIGNING_KEYS,
    INSERT_SIGNING_KEY,
    LIST_SIGNING_KEYS,
];
