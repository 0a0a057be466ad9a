//! A request that is being answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Inner, Outcome};

/// Writes the end of a request into the journal, whichever way it ends.
#[derive(Debug)]
pub(in crate::simulator) struct Ticket {
    inner: Arc<Inner>,
    sequence: u64,
    received: Instant,
    simulator_time: Duration,
    status: Option<u16>,
    is_closed: bool,
}

impl Ticket {
    pub(super) fn new(inner: Arc<Inner>, sequence: u64) -> Self {
        Self {
            inner,
            sequence,
            received: Instant::now(),
            simulator_time: Duration::ZERO,
            status: None,
            is_closed: false,
        }
    }

    /// Lets scripted time pass.
    pub(in crate::simulator) async fn wait(&mut self, delay: Duration) {
        if !delay.is_zero() {
            let started = Instant::now();
            tokio::time::sleep(delay).await;
            self.simulator_time += started.elapsed();
        }
    }

    /// Notes the status, and the time that was needed to decide on it.
    pub(in crate::simulator) fn decided(&mut self, status: u16) {
        self.simulator_time = self.received.elapsed();
        self.status = Some(status);
    }

    /// Ends the request; only the first end counts.
    pub(in crate::simulator) fn close(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        let wall_time = self.received.elapsed();
        let mut state = self.inner.state.lock();
        let sequence = self.sequence;
        if let Some(entry) = state.received.iter_mut().rev().find(|one| one.sequence == sequence) {
            entry.status = self.status;
            entry.outcome = outcome;
            entry.simulator_time = self.simulator_time;
            entry.wall_time = wall_time;
        }
        let stats = &mut state.stats;
        stats.in_flight = stats.in_flight.saturating_sub(1);
        stats.errors += u64::from(self.status.is_some_and(|status| status >= 400));
        match outcome {
            Outcome::Completed => stats.completed += 1,
            Outcome::Broken => stats.broken += 1,
            Outcome::Abandoned | Outcome::InFlight => stats.abandoned += 1,
        }
        stats.add_times(self.simulator_time, wall_time);
        drop(state);
        self.inner.changed();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.close(Outcome::Abandoned);
    }
}
