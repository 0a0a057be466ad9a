//! The store in SQL, one text for both engines.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, values};

use super::{SessionRow, SessionStore};

const BEGIN: Sql = Sql::portable(
    "INSERT INTO relay_sessions (agent_id, epoch, session_id, replica_id, connected_at) VALUES ($1, 1, $2, $3, $4) \
     ON CONFLICT (agent_id) DO UPDATE SET epoch = relay_sessions.epoch + 1, session_id = excluded.session_id, \
     replica_id = excluded.replica_id, connected_at = excluded.connected_at \
     RETURNING agent_id, epoch, session_id, replica_id, connected_at",
);
const GET: Sql = Sql::portable(
    "SELECT agent_id, epoch, session_id, replica_id, connected_at FROM relay_sessions WHERE agent_id = $1",
);

/// The store on a database.
#[derive(Debug, Clone)]
pub struct SqlSessionStore {
    db: Db,
}

impl SqlSessionStore {
    /// The store on `db`, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }
}

#[async_trait]
impl SessionStore for SqlSessionStore {
    async fn begin(&self, agent: Uuid, session: Uuid, replica: Uuid, now: Timestamp) -> Result<u32, DbError> {
        let row: Option<SessionRow> = self.db.fetch_optional(BEGIN, values![agent, session, replica, now]).await?;
        row.map(|row| row.epoch).ok_or_else(|| DbError::inconsistent("epoch", "the insert returned no row"))
    }

    async fn get(&self, agent: Uuid) -> Result<Option<SessionRow>, DbError> {
        self.db.fetch_optional(GET, values![agent]).await
    }
}

impl FromRow for SessionRow {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self {
            agent_id: row.get("agent_id")?,
            epoch: row.u32("epoch")?,
            session_id: row.get("session_id")?,
            replica_id: row.get("replica_id")?,
            connected_at: row.get("connected_at")?,
        })
    }
}

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] = &[BEGIN, GET];
