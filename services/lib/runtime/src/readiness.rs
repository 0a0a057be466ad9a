//! Ready when nothing holds readiness back any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Whether a process is ready; clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    blockers: Arc<watch::Sender<BTreeMap<&'static str, usize>>>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { blockers: Arc::new(watch::Sender::new(BTreeMap::new())) }
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
            *blockers.entry(part).or_default() += 1;
        });
        ReadinessGuard { part, blockers: Arc::clone(&self.blockers) }
    }

    /// What is not up yet; empty where the process is ready.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.blockers.borrow().keys().copied().collect()
    }

    /// Waits until the process is ready.
    pub async fn ready(&self) {
        let mut blockers = self.blockers.subscribe();
        // The sender lives as long as `self`.
        let _ = blockers.wait_for(BTreeMap::is_empty).await;
    }
}

/// Holds readiness back while it lives.
#[derive(Debug)]
pub struct ReadinessGuard {
    part: &'static str,
    blockers: Arc<watch::Sender<BTreeMap<&'static str, usize>>>,
}

impl Drop for ReadinessGuard {
    fn drop(&mut self) {
        self.blockers.send_modify(|blockers| {
            if let Some(count) = blockers.get_mut(self.part) {
                *count -= 1;
                if *count == 0 {
                    blockers.remove(self.part);
                }
            }
        });
    }
}
