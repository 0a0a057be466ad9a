//! The store in SQL, one text for both engines.

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::{Db, DbError, FromRow, Row, Sql, values};

use super::{Location, SessionRow, SessionStore};

const BEGIN: Sql = Sql::portable(
    "INSERT INTO relay_sessions (agent_id, epoch, session_id, replica_id, connected_at, ended_at) \
     VALUES ($1, 1, $2, $3, $4, NULL) \
     ON CONFLICT (agent_id) DO UPDATE SET epoch = relay_sessions.epoch + 1, session_id = excluded.session_id, \
     replica_id = excluded.replica_id, connected_at = excluded.connected_at, ended_at = NULL \
     RETURNING agent_id, epoch, session_id, replica_id, connected_at, ended_at",
);
const END: Sql = Sql::portable(
    "UPDATE relay_sessions SET ended_at = $3 WHERE agent_id = $1 AND session_id = $2 AND ended_at IS NULL",
);
const GET: Sql = Sql::portable(
    "SELECT agent_id, epoch, session_id, replica_id, connected_at, ended_at FROM relay_sessions WHERE agent_id = $1",
);
const LOCATE: Sql = Sql::portable(
    "SELECT agent_id, epoch, session_id, relay_sessions.replica_id AS replica_id, connected_at, ended_at, address \
     FROM relay_sessions JOIN relay_replicas ON relay_replicas.replica_id = relay_sessions.replica_id \
     WHERE agent_id = $1 AND ended_at IS NULL AND seen_at >= $2",
);
const HELD_BY: Sql =
    Sql::portable("SELECT agent_id, session_id FROM relay_sessions WHERE replica_id = $1 AND ended_at IS NULL");
const ANNOUNCE: Sql = Sql::portable(
    "INSERT INTO relay_replicas (replica_id, address, seen_at) VALUES ($1, $2, $3) \
     ON CONFLICT (replica_id) DO UPDATE SET address = excluded.address, seen_at = excluded.seen_at",
);
const DISPLACE: Sql = Sql::portable("DELETE FROM relay_replicas WHERE address = $2 AND replica_id <> $1");
const DRAIN: Sql = Sql::portable("UPDATE relay_replicas SET drains_since = $2 WHERE replica_id = $1");
const SUCCESSORS: Sql = Sql::portable(
    "SELECT COUNT(*) AS count FROM relay_replicas \
     WHERE replica_id <> $1 AND seen_at >= $2 AND drains_since IS NULL AND address <> ''",
);
const LEAVE: Sql = Sql::portable("DELETE FROM relay_replicas WHERE replica_id = $1");
const FORGET: Sql = Sql::portable("DELETE FROM relay_replicas WHERE seen_at < $1");

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

    async fn end(&self, agent: Uuid, session: Uuid, now: Timestamp) -> Result<(), DbError> {
        self.db.execute(END, values![agent, session, now]).await?;
        Ok(())
    }

    async fn get(&self, agent: Uuid) -> Result<Option<SessionRow>, DbError> {
        self.db.fetch_optional(GET, values![agent]).await
    }

    async fn locate(&self, agent: Uuid, seen_since: Timestamp) -> Result<Option<Location>, DbError> {
        self.db.fetch_optional(LOCATE, values![agent, seen_since]).await
    }

    async fn held_by(&self, replica: Uuid) -> Result<Vec<(Uuid, Uuid)>, DbError> {
        let held: Vec<Held> = self.db.fetch_all(HELD_BY, values![replica]).await?;
        Ok(held.into_iter().map(|held| (held.agent, held.session)).collect())
    }

    async fn announce(&self, replica: Uuid, address: Option<&str>, now: Timestamp) -> Result<(), DbError> {
        self.db.execute(ANNOUNCE, values![replica, address.unwrap_or_default(), now]).await?;
        Ok(())
    }

    async fn displace(&self, replica: Uuid, address: &str) -> Result<(), DbError> {
        self.db.execute(DISPLACE, values![replica, address]).await?;
        Ok(())
    }

    async fn drain(&self, replica: Uuid, now: Timestamp) -> Result<(), DbError> {
        self.db.execute(DRAIN, values![replica, now]).await?;
        Ok(())
    }

    async fn has_successor(&self, replica: Uuid, seen_since: Timestamp) -> Result<bool, DbError> {
        let count: Option<Count> = self.db.fetch_optional(SUCCESSORS, values![replica, seen_since]).await?;
        Ok(count.is_some_and(|Count(count)| count > 0))
    }

    async fn leave(&self, replica: Uuid) -> Result<(), DbError> {
        self.db.execute(LEAVE, values![replica]).await?;
        Ok(())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, DbError> {
        self.db.execute(FORGET, values![before]).await
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
            ended_at: row.get("ended_at")?,
        })
    }
}

impl FromRow for Location {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        let address = Some(row.get::<String>("address")?).filter(|address| !address.is_empty());
        Ok(Self { session: SessionRow::from_row(row)?, address })
    }
}

/// An agent and its session.
struct Held {
    agent: Uuid,
    session: Uuid,
}

impl FromRow for Held {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self { agent: row.get("agent_id")?, session: row.get("session_id")? })
    }
}

/// A number of rows.
struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self, DbError> {
        Ok(Self(row.get("count")?))
    }
}

/// Every statement, for the test that prepares them on both engines.
#[doc(hidden)]
pub const STATEMENTS: &[Sql] =
    &[BEGIN, END, GET, LOCATE, HELD_BY, ANNOUNCE, DISPLACE, DRAIN, SUCCESSORS, LEAVE, FORGET];
