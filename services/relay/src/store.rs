//! Which replica holds which agent, and where the replicas are.

mod sql;

use async_trait::async_trait;
use chatmesh_core::{Timestamp, Uuid};
use chatmesh_db::DbError;
pub use sql::{STATEMENTS, SqlSessionStore};

/// A session, as other replicas see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The agent.
    pub agent_id: Uuid,
    /// Grows with every session of the agent.
    pub epoch: u32,
    /// The session.
    pub session_id: Uuid,
    /// The replica that holds it.
    pub replica_id: Uuid,
    /// When it began.
    pub connected_at: Timestamp,
    /// When it ended, where it ended in order.
    pub ended_at: Option<Timestamp>,
}

/// Where an agent is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The session.
    pub session: SessionRow,
    /// Where the replica that holds it is reached; `None` where others cannot reach it.
    pub address: Option<String>,
}

/// The store of the service.
#[async_trait]
pub trait SessionStore: std::fmt::Debug + Send + Sync + 'static {
    /// Records a session in the place of earlier ones of the agent, and returns its epoch: higher than any before.
    async fn begin(&self, agent: Uuid, session: Uuid, replica: Uuid, now: Timestamp) -> Result<u32, DbError>;
    /// Records the end of a session, unless a later one has taken its place.
    async fn end(&self, agent: Uuid, session: Uuid, now: Timestamp) -> Result<(), DbError>;
    /// Returns the latest session of an agent.
    async fn get(&self, agent: Uuid) -> Result<Option<SessionRow>, DbError>;
    /// Returns where an agent is connected: the latest session, if it has not ended and its replica has
    /// been seen since `seen_since`.
    async fn locate(&self, agent: Uuid, seen_since: Timestamp) -> Result<Option<Location>, DbError>;
    /// Returns the agents and sessions that a replica holds, as far as no later session has taken their place.
    async fn held_by(&self, replica: Uuid) -> Result<Vec<(Uuid, Uuid)>, DbError>;
    /// Says that a replica is there, and where others reach it.
    async fn announce(&self, replica: Uuid, address: Option<&str>, now: Timestamp) -> Result<(), DbError>;
    /// Takes all others off the list that were reached at this address: they have ended, since it is ours now.
    async fn displace(&self, replica: Uuid, address: &str) -> Result<(), DbError>;
    /// Records that a replica takes no more agents.
    async fn drain(&self, replica: Uuid, now: Timestamp) -> Result<(), DbError>;
    /// True where another replica takes agents, can be reached, and has been seen since `seen_since`.
    async fn has_successor(&self, replica: Uuid, seen_since: Timestamp) -> Result<bool, DbError>;
    /// Takes a replica off the list: its sessions count as ended.
    async fn leave(&self, replica: Uuid) -> Result<(), DbError>;
    /// Takes those off the list that were last seen before `before`, and returns how many.
    async fn forget(&self, before: Timestamp) -> Result<u64, DbError>;
}
