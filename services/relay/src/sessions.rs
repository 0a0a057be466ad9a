//! The agents that are connected to this process.

use std::collections::{HashMap, HashSet};

use chatmesh_core::{Timestamp, Uuid};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::carrier::AgentChannel;
use crate::supervise::Line;

/// A connected agent.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) session_id: Uuid,
    pub(crate) epoch: u32,
    pub(crate) connected_at: Timestamp,
    pub(crate) channel: AgentChannel,
    pub(crate) line: Line,
    /// The calls in progress.
    pub(crate) calls: TaskTracker,
    /// Cancelled when a later session has taken the place of this one, as it should.
    pub(crate) relieved: CancellationToken,
    /// The agent was told to look for another relay.
    pub(crate) is_told: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
    /// How many there are.
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Inner {
    by_agent: HashMap<Uuid, Session>,
    /// Those in whose place there is another one, by their own identifiers: calls in progress end on them.
    relieved: HashMap<Uuid, Session>,
    /// The agents that moved when they were told to.
    moved: HashSet<Uuid>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { inner: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl Sessions {
    /// Adds a session and closes an older one of the same agent. False where there is a newer one already.
    pub(crate) fn add(&self, agent: Uuid, session: Session) -> bool {
        let mut inner = self.inner.lock();
        if inner.by_agent.get(&agent).is_some_and(|current| current.epoch > session.epoch) {
            return false;
        }
        let earlier = inner.by_agent.insert(agent, session);
        self.count.send_replace(inner.len());
        drop(inner);
        if let Some(earlier) = earlier {
            earlier.channel.close();
        }
        true
    }

    /// Removes a session, unless a newer one has taken its place.
    pub(crate) fn remove(&self, agent: Uuid, session_id: Uuid) {
        let mut inner = self.inner.lock();
        if inner.by_agent.get(&agent).is_some_and(|current| current.session_id == session_id) {
            inner.by_agent.remove(&agent);
        }
        inner.relieved.remove(&session_id);
        self.count.send_replace(inner.len());
    }

    /// Ends the session of an agent that has a later one elsewhere. At once, since nobody knows whether
    /// anything still arrives on it; unless the agent was told to move: then calls go on.
    pub(crate) fn supersede(&self, agent: Uuid, is_earlier: impl FnOnce(&Session) -> bool) {
        let mut inner = self.inner.lock();
        let Some(session) = inner.by_agent.get(&agent).filter(|session| is_earlier(session)).cloned() else { return };
        if !session.is_told {
            return session.channel.close();
        }
        inner.by_agent.remove(&agent);
        inner.moved.insert(agent);
        session.relieved.cancel();
        inner.relieved.insert(session.session_id, session);
    }

    /// Tells an agent to look for another relay. One that can not be told is closed: it will look by itself.
    pub(crate) fn tell_to_move(&self, agent: Uuid) {
        if let Some(session) = self.inner.lock().by_agent.get_mut(&agent) {
            session.is_told = session.line.say_drain();
            if !session.is_told {
                session.channel.close();
            }
        }
    }

    /// True for an agent that moved elsewhere when it was told to.
    pub(crate) fn has_moved(&self, agent: Uuid) -> bool {
        self.inner.lock().moved.contains(&agent)
    }

    /// All sessions with their agents, but those that were relieved.
    pub(crate) fn all(&self) -> Vec<(Uuid, Session)> {
        self.inner.lock().by_agent.iter().map(|(agent, session)| (*agent, session.clone())).collect()
    }

    /// How many there are, relieved ones included.
    pub(crate) fn len(&self) -> usize {
        self.inner.lock().len()
    }

    /// Waits until the last session has ended.
    pub(crate) async fn until_empty(&self) {
        // The sender lives as long as `self`.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// The session of an agent.
    pub(crate) fn get(&self, agent: Uuid) -> Option<Session> {
        self.inner.lock().get(agent).cloned()
    }

    /// Begins a call to an agent. It is in progress until the token is dropped.
    pub(crate) fn begin_call(&self, agent: Uuid) -> Option<(AgentChannel, TaskTrackerToken)> {
        // In one step: a session that is relieved afterwards waits for the call.
        self.inner.lock().get(agent).map(|session| (session.channel.clone(), session.calls.token()))
    }

    /// Closes all sessions: the agents dial again, elsewhere.
    pub(crate) fn close(&self) {
        let inner = self.inner.lock();
        for session in inner.by_agent.values().chain(inner.relieved.values()) {
            session.channel.close();
        }
    }
}

impl Inner {
    fn get(&self, agent: Uuid) -> Option<&Session> {
        self.by_agent.get(&agent).filter(|session| !session.channel.is_closed())
    }

    fn len(&self) -> usize {
        self.by_agent.len() + self.relieved.len()
    }
}
