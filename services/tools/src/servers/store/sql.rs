//! The store on a database.

use async_trait::async_trait;
use chatmesh_core::Uuid;
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, Value, select_for_update, values};
use chatmesh_proto::tools::v1 as pb;
use prost::Message as _;

use super::grants::{FORGET_ALL, FORGET_LOGINS_OF, OF_SERVER};
use super::{GrantRow, Inserted, ServerStore};
use crate::servers::domain::{Reference, Server, ServerId};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, slug, enabled, version, settings, sealed_secrets, created_at, updated_at FROM mcp_servers ",
            $rest
        )
    };
}

const INSERT: Sql = Sql::portable(
    "INSERT INTO mcp_servers (id, slug, enabled, version, settings, sealed_secrets, request_id, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
);
const GET: Sql = Sql::portable(select!("WHERE id = $1"));
const LOCK: Sql = select_for_update!(
    "SELECT id, slug, enabled, version, settings, sealed_secrets, created_at, updated_at FROM mcp_servers WHERE id = $1"
);
const FIND_BY_SLUG: Sql = Sql::portable(select!("WHERE slug = $1"));
const FIND_BY_REQUEST: Sql = Sql::portable(select!("WHERE request_id = $1"));
const LIST: Sql = Sql::portable(select!("WHERE (id > $1 OR $1 IS NULL) ORDER BY id LIMIT $2"));
const LIST_ENABLED: Sql = Sql::portable(select!("WHERE enabled AND (id > $1 OR $1 IS NULL) ORDER BY id LIMIT $2"));
const UPDATE: Sql = Sql::portable(
    "UPDATE mcp_servers SET enabled = $2, version = $3, settings = $4, sealed_secrets = $5, updated_at = $6 \
     WHERE id = $1 AND version = $3 - 1",
);
const DELETE: Sql = Sql::portable("DELETE FROM mcp_servers WHERE id = $1");

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlServerStore {
    db: Db,
}

impl SqlServerStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl ServerStore for SqlServerStore {
    async fn insert(&self, server: &Server, request_id: Option<Uuid>) -> Result<Inserted, DbError> {
        let row = values![
            server.id.0,
            server.slug.as_str(),
            server.enabled,
            server.version,
            server.settings.encode_to_vec(),
            server.sealed_secrets.clone(),
            request_id,
            server.created_at,
            server.updated_at
        ];
        if self.db.execute(INSERT, row).await? == 1 {
            return Ok(Inserted::Created(server.clone()));
        }
        let earlier = match request_id {
            Some(id) => self.db.fetch_optional(FIND_BY_REQUEST, values![id]).await?,
            None => None,
        };
        Ok(earlier.map_or(Inserted::SlugTaken, Inserted::Repeated))
    }

    async fn find(&self, reference: &Reference) -> Result<Option<Server>, DbError> {
        match reference {
            Reference::Id(id) => self.db.fetch_optional(GET, values![*id]).await,
            Reference::Slug(slug) => self.db.fetch_optional(FIND_BY_SLUG, values![slug.as_str()]).await,
        }
    }

    async fn list(&self, only_enabled: bool, after: Option<ServerId>, limit: u32) -> Result<Vec<Server>, DbError> {
        let list = if only_enabled { LIST_ENABLED } else { LIST };
        self.db.fetch_all(list, values![after.map(Uuid::from), limit]).await
    }

    async fn update(&self, server: &Server) -> Result<bool, DbError> {
        Ok(self.db.execute(UPDATE, changed(server)).await? == 1)
    }

    async fn replace(&self, server: &Server) -> Result<Option<Vec<GrantRow>>, DbError> {
        let mut tx = self.db.begin().await?;
        if tx.execute(UPDATE, changed(server)).await? == 0 {
            return Ok(None);
        }
        let granted = tx.fetch_all(OF_SERVER, values![server.id.0]).await?;
        tx.execute(FORGET_ALL, values![server.id.0, Vec::<u8>::new()]).await?;
        tx.execute(FORGET_LOGINS_OF, values![server.id.0]).await?;
        tx.commit().await?;
        Ok(Some(granted))
    }

    async fn delete(&self, id: ServerId) -> Result<Option<Vec<GrantRow>>, DbError> {
        let mut tx = self.db.begin().await?;
        // First of all, as in `replace`; and until it is gone no user is granted anything at it.
        tx.fetch_optional::<Server>(LOCK, values![id.0]).await?;
        let granted = tx.fetch_all(OF_SERVER, values![id.0]).await?;
        if tx.execute(DELETE, values![id.0]).await? == 0 {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(granted))
    }
}

/// What [`UPDATE`] takes.
fn changed(server: &Server) -> Vec<Value> {
    values![
        server.id.0,
        server.enabled,
        server.version,
        server.settings.encode_to_vec(),
        server.sealed_secrets.clone(),
        server.updated_at
    ]
}

impl FromRow for Server {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let settings = row.get::<Vec<u8>>("settings")?;
        Ok(Self {
            id: row.id("id")?,
            slug: row.get("slug")?,
            enabled: row.get("enabled")?,
            version: row.u32("version")?,
            settings: pb::McpServer::decode(&*settings).map_err(|error| DbError::inconsistent("settings", error))?,
            sealed_secrets: row.get("sealed_secrets")?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[INSERT, GET, LOCK, FIND_BY_SLUG, FIND_BY_REQUEST, LIST, LIST_ENABLED, UPDATE, DELETE];
