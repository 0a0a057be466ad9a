//! Ready when nothing holds readiness back any more.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

/// Whether a process is ready; clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    blockers: Arc<watch::Sender<BTreeSet<&'static str>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { blockers: Arc::new(watch::Sender::new(BTreeSet::new())) }
    }
}

impl Readiness {
    /// Ready, until someone holds it back.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Holds readiness back until the guard is dropped. `part` names what is not up yet.
    #[must_use]
    pub fn expect(&self, part: &'static str) -> ReadinessGuard {
        self.blockers.send_modify(|blockers| {
            blockers.insert(part);
        });
        ReadinessGuard { part, blockers: Arc::clone(&self.blockers) }
    }

    /// What is not up yet; empty where the process is ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.blockers.borrow().iter().copied().collect()
    }

    /// Waits until the process is ready.
    pub async fn ready(&self) {
        let mut blockers = self.blockers.subscribe();
        // The sender lives as long as `self`.
        let _ = blockers.wait_for(BTreeSet::is_empty).await;
    }
}

/// Holds readiness back while it lives.
#[derive(Debug)]
pub struct ReadinessGuard {
    part: &'static str,
    blockers: Arc<watch::Sender<BTreeSet<&'static str>>>,
}

impl Drop for ReadinessGuard {
    fn drop(&mut self) {
        self.blockers.send_modify(|blockers| {
            blockers.remove(self.part);
        });
    }
}
