//! Which replica holds which agent.

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
}

/// The store of the service.
#[async_trait]
pub trait SessionStore: std::fmt::Debug + Send + Sync + 'static {
    /// Records a session in the place of earlier ones of the agent, and returns its epoch: higher than any before.
    async fn begin(&self, agent: Uuid, session: Uuid, replica: Uuid, now: Timestamp) -> Result<u32, DbError>;
    /// Returns the latest session of an agent.
    async fn get(&self, agent: Uuid) -> Result<Option<SessionRow>, DbError>;
}
