//! Where it is kept what users were granted.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, select_for_update, values};
use chatmesh_rpc::UserId;

use crate::servers::domain::ServerId;

/// What a user was granted at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The server.
    pub server_id: ServerId,
    /// The user.
    pub user_id: UserId,
    /// Grows by one with every change.
    pub version: u32,
    /// Tokens, sealed.
    pub sealed: Vec<u8>,
    /// True where the server takes it no more, or it has expired and cannot be renewed: only the user can help.
    pub is_dead: bool,
    /// Until when somebody renews it, and nobody else does.
    pub renewing_until: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A user who was sent to an authorization server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRow {
    /// The state that comes back with the user.
    pub id: Uuid,
    /// The server.
    pub server_id: ServerId,
    /// The user.
    pub user_id: UserId,
    /// What only the mesh knows, sealed.
    pub sealed: Vec<u8>,
    /// When the user left.
    pub created_at: Timestamp,
}

/// The store of grants. Missing rows are `None`, not errors. A version never comes again: what is made of a grant that
/// was forgotten, or is on the way for it, is never taken for the one after it.
#[async_trait]
pub trait GrantStore: std::fmt::Debug + Send + Sync + 'static {
    /// Returns what a user was granted at a server.
    async fn get(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError>;
    /// Returns all that a user was granted and that is not dead, by server.
    async fn list(&self, user: UserId) -> Result<Vec<GrantRow>, DbError>;
    /// Writes a grant that nobody renews in the place of the one before; its version is one more than that of the one
    /// before, also where that was forgotten.
    async fn put(&self, grant: &GrantRow) -> Result<(), DbError>;
    /// Claims the renewal of this version until then; false where another has claimed it for longer than `now`, and
    /// where there is no such version or it is dead.
    async fn claim(&self, grant: &GrantRow, now: Timestamp, until: Timestamp) -> Result<bool, DbError>;
    /// Gives up the claim of this version.
    async fn release(&self, grant: &GrantRow) -> Result<(), DbError>;
    /// Writes a grant whose version is one more than the stored one, and ends the claim; false where it is not, and
    /// nothing is written.
    async fn replace(&self, grant: &GrantRow) -> Result<bool, DbError>;
    /// Forgets a grant and returns it as it was last.
    async fn forget(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError>;
    /// Writes a login, and deletes those that began before `not_before`.
    async fn insert_login(&self, login: &LoginRow, not_before: Timestamp) -> Result<(), DbError>;
    /// Takes a login that did not begin before `not_before`: it is there once, and for its user at its server.
    async fn take_login(
        &self,
        id: Uuid,
        server: ServerId,
        user: UserId,
        not_before: Timestamp,
    ) -> Result<Option<LoginRow>, DbError>;
}

const GET: Sql = Sql::portable(
    "SELECT server_id, user_id, version, sealed, is_dead, renewing_until, updated_at FROM mcp_grants \
     WHERE server_id = $1 AND user_id = $2 AND NOT is_forgotten",
);
/// As [`GET`]; no renewal changes it until the transaction ends.
const LOCK: Sql = select_for_update!(
    "SELECT server_id, user_id, version, sealed, is_dead, renewing_until, updated_at FROM mcp_grants \
     WHERE server_id = $1 AND user_id = $2 AND NOT is_forgotten"
);
const LIST: Sql = Sql::portable(
    "SELECT server_id, user_id, version, sealed, is_dead, renewing_until, updated_at FROM mcp_grants \
     WHERE user_id = $1 AND NOT is_dead AND NOT is_forgotten ORDER BY server_id",
);
const PUT: Sql = Sql::portable(
    "INSERT INTO mcp_grants (server_id, user_id, version, sealed, is_dead, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (server_id, user_id) DO UPDATE SET \
     version = mcp_grants.version + 1, sealed = excluded.sealed, is_dead = excluded.is_dead, \
     updated_at = excluded.updated_at, renewing_until = NULL, is_forgotten = FALSE",
);
const CLAIM: Sql = Sql::portable(
    "UPDATE mcp_grants SET renewing_until = $4 WHERE server_id = $1 AND user_id = $2 AND version = $3 \
     AND NOT is_dead AND NOT is_forgotten AND (renewing_until IS NULL OR renewing_until <= $5)",
);
const RELEASE: Sql =
    Sql::portable("UPDATE mcp_grants SET renewing_until = NULL WHERE server_id = $1 AND user_id = $2 AND version = $3");
const REPLACE: Sql = Sql::portable(
    "UPDATE mcp_grants SET version = $3, sealed = $4, is_dead = $5, updated_at = $6, renewing_until = NULL \
     WHERE server_id = $1 AND user_id = $2 AND version = $3 - 1 AND NOT is_forgotten",
);
const FORGET: Sql = Sql::portable(
    "UPDATE mcp_grants SET version = version + 1, sealed = $3, renewing_until = NULL, is_forgotten = TRUE \
     WHERE server_id = $1 AND user_id = $2 AND NOT is_forgotten",
);
/// As [`FORGET`], for all users of a server.
pub(super) const FORGET_ALL: Sql = Sql::portable(
    "UPDATE mcp_grants SET version = version + 1, sealed = $2, renewing_until = NULL, is_forgotten = TRUE \
     WHERE server_id = $1 AND NOT is_forgotten",
);
/// What users were granted at a server and did not give back. No renewal changes it until the transaction ends.
pub(super) const OF_SERVER: Sql = select_for_update!(
    "SELECT server_id, user_id, version, sealed, is_dead, renewing_until, updated_at FROM mcp_grants \
     WHERE server_id = $1 AND NOT is_forgotten ORDER BY user_id LIMIT 10000"
);
/// Users who are on the way to a server.
pub(super) const FORGET_LOGINS_OF: Sql = Sql::portable("DELETE FROM mcp_logins WHERE server_id = $1");
const FORGET_LOGINS: Sql = Sql::portable("DELETE FROM mcp_logins WHERE created_at < $1");
const INSERT_LOGIN: Sql =
    Sql::portable("INSERT INTO mcp_logins (id, server_id, user_id, sealed, created_at) VALUES ($1, $2, $3, $4, $5)");
const TAKE_LOGIN: Sql = Sql::portable(
    "DELETE FROM mcp_logins WHERE id = $1 AND server_id = $2 AND user_id = $3 AND created_at >= $4 \
     RETURNING id, server_id, user_id, sealed, created_at",
);

/// The store of grants on a database.
#[derive(Debug, Clone)]
pub struct SqlGrantStore {
    db: Db,
}

impl SqlGrantStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl GrantStore for SqlGrantStore {
    async fn get(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError> {
        self.db.fetch_optional(GET, values![server.0, user.0]).await
    }

    async fn list(&self, user: UserId) -> Result<Vec<GrantRow>, DbError> {
        self.db.fetch_all(LIST, values![user.0]).await
    }

    async fn put(&self, grant: &GrantRow) -> Result<(), DbError> {
        self.db.execute(PUT, row(grant)).await.map(drop)
    }

    async fn claim(&self, grant: &GrantRow, now: Timestamp, until: Timestamp) -> Result<bool, DbError> {
        let claim = values![grant.server_id.0, grant.user_id.0, grant.version, until, now];
        Ok(self.db.execute(CLAIM, claim).await? == 1)
    }

    async fn release(&self, grant: &GrantRow) -> Result<(), DbError> {
        let claim = values![grant.server_id.0, grant.user_id.0, grant.version];
        self.db.execute(RELEASE, claim).await.map(drop)
    }

    async fn replace(&self, grant: &GrantRow) -> Result<bool, DbError> {
        Ok(self.db.execute(REPLACE, row(grant)).await? == 1)
    }

    async fn forget(&self, server: ServerId, user: UserId) -> Result<Option<GrantRow>, DbError> {
        let mut tx = self.db.begin().await?;
        let forgotten = tx.fetch_optional(LOCK, values![server.0, user.0]).await?;
        tx.execute(FORGET, values![server.0, user.0, Vec::<u8>::new()]).await?;
        tx.commit().await?;
        Ok(forgotten)
    }

    async fn insert_login(&self, login: &LoginRow, not_before: Timestamp) -> Result<(), DbError> {
        self.db.execute(FORGET_LOGINS, values![not_before]).await?;
        let row = values![login.id, login.server_id.0, login.user_id.0, login.sealed.clone(), login.created_at];
        self.db.execute(INSERT_LOGIN, row).await.map(drop)
    }

    async fn take_login(
        &self,
        id: Uuid,
        server: ServerId,
        user: UserId,
        not_before: Timestamp,
    ) -> Result<Option<LoginRow>, DbError> {
        let mut tx = self.db.begin().await?;
        let taken = tx.fetch_optional(TAKE_LOGIN, values![id, server.0, user.0, not_before]).await?;
        tx.commit().await?;
        Ok(taken)
    }
}

fn row(grant: &GrantRow) -> Vec<chatmesh_db::Value> {
    values![grant.server_id.0, grant.user_id.0, grant.version, grant.sealed.clone(), grant.is_dead, grant.updated_at]
}

impl FromRow for GrantRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            server_id: row.id("server_id")?,
            user_id: row.id("user_id")?,
            version: row.u32("version")?,
            sealed: row.get("sealed")?,
            is_dead: row.get("is_dead")?,
            renewing_until: row.get("renewing_until")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

impl FromRow for LoginRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id("id")?,
            server_id: row.id("server_id")?,
            user_id: row.id("user_id")?,
            sealed: row.get("sealed")?,
            created_at: row.get("created_at")?,
        })
    }
}

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[
    GET,
    LOCK,
    LIST,
    PUT,
    CLAIM,
    RELEASE,
    REPLACE,
    FORGET,
    FORGET_ALL,
    OF_SERVER,
    FORGET_LOGINS_OF,
    FORGET_LOGINS,
    INSERT_LOGIN,
    TAKE_LOGIN,
];
