//! The end of a process, in named steps with budgets:
//!
//! 1. lame duck: not ready any more, for long enough that load balancers notice;
//! 2. soft: no new work, and no new connections unless a service still hands over what others look
//!    for here; what runs may end, until the grace is over;
//! 3. hard: what still runs is dropped. Leases are released by then, or expire.
//!
//! A second signal jumps to the third step.

use std::time::Duration;

use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::{Readiness, Tasks};

/// The budgets of an orderly end.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LifecycleConfig {
    /// How long to answer "not ready" before connections are refused. Zero on a laptop.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// How long running work may take to end.
    #[serde(with = "humantime_serde")]
    pub grace: Duration,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self { drain_delay: Duration::ZERO, grace: Duration::from_secs(20) }
    }
}

/// Waits for the end and carries it out.
#[derive(Debug)]
pub struct Lifecycle {
    config: LifecycleConfig,
    tasks: Tasks,
    readiness: Readiness,
}

impl Lifecycle {
    /// The lifecycle of the process with these tasks.
    #[must_use]
    pub fn new(config: LifecycleConfig, tasks: Tasks, readiness: Readiness) -> Self {
        Self { config, tasks, readiness }
    }

    /// Runs until a signal, or until the shutdown is begun elsewhere, and ends the process's
    /// work. Returns whether everything ended as it should.
    ///
    /// # Errors
    /// Signals cannot be received.
    pub async fn run(self) -> std::io::Result<bool> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut next = async || tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} };
        tokio::select! {
            () = next() => {}
            () = self.tasks.shutdown().soft().cancelled() => {}
        }
        let clean = tokio::select! {
            clean = self.end() => clean,
            () = next() => {
                warn!("second signal, ending at once");
                self.tasks.shutdown().force();
                self.tasks.wait(Duration::from_secs(1)).await
            }
        };
        Ok(clean && self.tasks.crashed().is_none())
    }

    /// Carries out the steps.
    pub async fn end(&self) -> bool {
        let _lame_duck = self.readiness.expect("shutting down");
        if !self.config.drain_delay.is_zero() {
            info!(delay = ?self.config.drain_delay, "draining");
            tokio::time::sleep(self.config.drain_delay).await;
        }
        self.tasks.shutdown().begin();
        if self.tasks.wait(self.config.grace).await {
            return true;
        }
        warn!(running = ?self.tasks.running(), "grace is over, dropping what still runs");
        self.tasks.shutdown().force();
        self.tasks.wait(Duration::from_secs(2)).await
    }
}
