//! Where agents are connected: here, at another replica, or nowhere.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock, Timestamp, Uuid};
use chatmesh_db::DbError;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::store::{Location, SessionStore};

/// A replica that has not been seen for this long holds nobody any more.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(15);
/// How long a replica that could not be reached is passed over: its agents are about to be elsewhere.
const SUSPECTED_FOR: Duration = Duration::from_secs(3);
/// How long an answer is good for without a word about the agent.
const REMEMBERED_FOR: Duration = Duration::from_secs(30);
/// How many answers are remembered; the store is asked for the others.
const MAX_REMEMBERED: usize = 20_000;

/// Where another replica holds an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) epoch: u32,
    pub(crate) session_id: Uuid,
    pub(crate) replica_id: Uuid,
    pub(crate) address: Arc<str>,
    pub(crate) connected_at: Timestamp,
}

/// Finds agents at other replicas. What it remembers may be wrong at any time: whoever is asked
/// for an agent that it does not hold says so, and then the store is read again.
#[derive(Debug)]
pub(crate) struct Locations {
    own: Uuid,
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    agents: HashMap<Uuid, (Remote, Instant)>,
    suspects: HashMap<Uuid, Instant>,
    /// Sessions that were not where the store said, up to this epoch of the agent.
    missed: HashMap<Uuid, (u32, Instant)>,
}

impl Locations {
    pub(crate) fn new(own: Uuid, store: Arc<dyn SessionStore>, clock: Arc<dyn Clock>) -> Self {
        Self { own, store, clock, known: Mutex::default() }
    }

    /// Finds the replica that holds an agent, from memory where that is fresh. One statement otherwise.
    pub(crate) async fn find(&self, agent: Uuid) -> Result<Option<Remote>, DbError> {
        if let Some(remote) = self.known.lock().remembered(agent, Instant::now()) {
            return Ok(Some(remote));
        }
        let found = self.store.locate(agent, self.clock.now() - LOST_AFTER).await?;
        let remote = found.and_then(|location| self.remote(location));
        let mut known = self.known.lock();
        Ok(remote.filter(|remote| known.remember(agent, remote, Instant::now())))
    }

    /// Another replica that can be reached; this one knows by itself whom it holds.
    fn remote(&self, Location { session, address }: Location) -> Option<Remote> {
        let address = address.filter(|_| session.replica_id != self.own)?;
        Some(Remote {
            epoch: session.epoch,
            session_id: session.session_id,
            replica_id: session.replica_id,
            address: address.into(),
            connected_at: session.connected_at,
        })
    }

    /// A session of an agent has begun or ended: it is where the store says, from this epoch on.
    pub(crate) fn changed(&self, agent: Uuid, epoch: u32) {
        let mut known = self.known.lock();
        known.agents.remove(&agent);
        if known.missed.get(&agent).is_some_and(|(missed, _)| *missed <= epoch) {
            known.missed.remove(&agent);
        }
    }

    /// Anything may have changed.
    pub(crate) fn forget_all(&self) {
        self.known.lock().agents.clear();
    }

    /// A session was not where it was said to be. Only a later one is looked for, for as long as the store may
    /// be wrong.
    pub(crate) fn missed(&self, agent: Uuid, epoch: u32) {
        let mut known = self.known.lock();
        let now = Instant::now();
        known.agents.remove(&agent);
        known.missed.retain(|_, (_, until)| *until > now);
        if known.missed.len() < MAX_REMEMBERED {
            known.missed.insert(agent, (epoch, now + LOST_AFTER));
        }
    }

    /// A replica could not be reached.
    pub(crate) fn suspect(&self, replica: Uuid) {
        let mut known = self.known.lock();
        let now = Instant::now();
        known.suspects.retain(|_, until| *until > now);
        known.suspects.insert(replica, now + SUSPECTED_FOR);
        known.agents.retain(|_, (remote, _)| remote.replica_id != replica);
    }
}

impl Known {
    fn remembered(&self, agent: Uuid, now: Instant) -> Option<Remote> {
        let (remote, until) = self.agents.get(&agent)?;
        (*until > now).then(|| remote.clone())
    }

    /// False where the replica is suspected to be gone, or the session is known to be.
    fn remember(&mut self, agent: Uuid, remote: &Remote, now: Instant) -> bool {
        if self.suspects.get(&remote.replica_id).is_some_and(|until| *until > now) {
            return false;
        }
        if self.missed.get(&agent).is_some_and(|(epoch, until)| remote.epoch <= *epoch && *until > now) {
            return false;
        }
        if self.agents.len() >= MAX_REMEMBERED {
            self.agents.retain(|_, (_, until)| *until > now);
            if self.agents.len() >= MAX_REMEMBERED {
                self.agents.clear();
            }
        }
        self.agents.insert(agent, (remote.clone(), now + REMEMBERED_FOR));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(replica: u128) -> Remote {
        Remote {
            epoch: 1,
            session_id: Uuid::from_u128(9),
            replica_id: Uuid::from_u128(replica),
            address: "http://replica".into(),
            connected_at: Timestamp::default(),
        }
    }

    #[test]
    fn an_answer_is_good_for_a_while_and_memory_is_bounded() {
        let (mut known, now) = (Known::default(), Instant::now());
        let agent = Uuid::from_u128(1);
        assert!(known.remember(agent, &remote(1), now));
        assert_eq!(known.remembered(agent, now), Some(remote(1)));
        assert_eq!(known.remembered(agent, now + REMEMBERED_FOR), None);
        for id in 0..(MAX_REMEMBERED as u128 * 2) {
            known.remember(Uuid::from_u128(id), &remote(1), now);
            assert!(known.agents.len() <= MAX_REMEMBERED);
        }
    }

    #[test]
    fn a_replica_that_could_not_be_reached_is_passed_over_for_a_while() {
        let (mut known, now) = (Known::default(), Instant::now());
        known.suspects.insert(Uuid::from_u128(1), now + SUSPECTED_FOR);
        let agent = Uuid::from_u128(1);
        assert!(!known.remember(agent, &remote(1), now));
        assert!(known.remember(agent, &remote(2), now), "another one is not");
        assert!(known.remember(agent, &remote(1), now + SUSPECTED_FOR));
    }

    #[test]
    fn a_session_that_was_not_there_is_passed_over_and_a_later_one_is_not() {
        let (mut known, now) = (Known::default(), Instant::now());
        let agent = Uuid::from_u128(1);
        known.missed.insert(agent, (1, now + LOST_AFTER));
        assert!(!known.remember(agent, &remote(1), now));
        assert!(known.remember(agent, &Remote { epoch: 2, ..remote(1) }, now));
        assert!(known.remember(agent, &remote(1), now + LOST_AFTER), "the store has caught up");
    }
}
