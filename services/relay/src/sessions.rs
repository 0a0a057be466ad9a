//! The agents that are connected to this process.

use std::collections::HashMap;

use chatmesh_core::{Timestamp, Uuid};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::carrier::AgentChannel;

/// A connected agent.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) session_id: Uuid,
    pub(crate) epoch: u32,
    pub(crate) connected_at: Timestamp,
    pub(crate) channel: AgentChannel,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_agent: Mutex<HashMap<Uuid, Session>>,
    /// How many there are.
    count: watch::Sender<usize>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { by_agent: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Sessions {
    /// Adds a session and closes an older one of the same agent. False where there is a newer one already.
    pub(crate) fn add(&self, agent: Uuid, session: Session) -> bool {
        let mut by_agent = self.by_agent.lock();
        if by_agent.get(&agent).is_some_and(|current| current.epoch > session.epoch) {
            return false;
        }
        let earlier = by_agent.insert(agent, session);
        self.count.send_replace(by_agent.len());
        drop(by_agent);
        if let Some(earlier) = earlier {
            earlier.channel.close();
        }
        true
    }

    /// Removes a session, unless a newer one has taken its place.
    pub(crate) fn remove(&self, agent: Uuid, session_id: Uuid) {
        let mut by_agent = self.by_agent.lock();
        if by_agent.get(&agent).is_some_and(|current| current.session_id == session_id) {
            by_agent.remove(&agent);
            self.count.send_replace(by_agent.len());
        }
    }

    /// Closes the session of an agent that has a later one elsewhere.
    pub(crate) fn supersede(&self, agent: Uuid, epoch: u32) {
        let session = self.by_agent.lock().get(&agent).filter(|session| session.epoch < epoch).cloned();
        if let Some(session) = session {
            session.channel.close();
        }
    }

    /// All sessions with their agents.
    pub(crate) fn all(&self) -> Vec<(Uuid, Session)> {
        self.by_agent.lock().iter().map(|(agent, session)| (*agent, session.clone())).collect()
    }

    /// Waits until the last session has ended.
    pub(crate) async fn until_empty(&self) {
        // The sender lives as long as `self`.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The session of an agent.
    pub(crate) fn get(&self, agent: Uuid) -> Option<Session> {
        self.by_agent.lock().get(&agent).filter(|session| !session.channel.is_closed()).cloned()
    }

    /// Closes all sessions: the agents dial again, elsewhere.
    pub(crate) fn close(&self) {
        for session in self.by_agent.lock().values() {
            session.channel.close();
        }
    }
}
