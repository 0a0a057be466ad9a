//! One call of the relay: what it is told, and in which order.

use std::time::Duration;

use chatmesh_proto::agent::v1::SuperviseResponse;
use tokio::sync::watch;

use super::error::Error;
use super::reports::Reports;

/// How long lines wait for others that go with them.
const LINGER: Duration = Duration::from_millis(100);

/// Hands out reports that were not acknowledged, one after the other.
#[derive(Debug)]
pub(super) struct Session {
    reports: Reports,
    changes: watch::Receiver<u64>,
    number: u64,
    newest: watch::Receiver<u64>,
    /// The state was told, or is among those that follow.
    has_told_state: bool,
    /// The last report that was handed out.
    told: u64,
    has_lingered: bool,
}

impl Session {
    /// Begins a session; the one before it ends.
    pub(super) fn begin(reports: Reports) -> Self {
        let (number, newest) = reports.begin_session();
        let changes = reports.changes();
        Self { reports, changes, number, newest, has_told_state: false, told: 0, has_lingered: false }
    }

    /// Waits for the next report; there is none after the agent's shutdown.
    ///
    /// # Errors
    /// Another session began.
    pub(super) async fn next(&mut self) -> Result<Option<SuperviseResponse>, Error> {
        loop {
            if *self.newest.borrow_and_update() != self.number {
                return Err(Error::Superseded);
            }
            // Seen before the outbox is: what comes later changes it again.
            self.changes.mark_unchanged();
            let is_finished = self.reports.finished().is_cancelled();
            self.has_lingered |= is_finished;
            if let Some(response) = self.take() {
                return Ok(Some(response));
            }
            if is_finished {
                return Ok(None);
            }
            let is_growing = self.reports.look(|outbox| outbox.is_growing_after(self.told));
            tokio::select! {
                () = tokio::time::sleep(LINGER), if is_growing => self.has_lingered = true,
                _ = self.changes.changed(), if !is_growing => {}
                _ = self.newest.changed() => {}
                () = self.reports.finished().cancelled() => {}
            }
        }
    }

    fn take(&mut self) -> Option<SuperviseResponse> {
        let has_told_state = std::mem::replace(&mut self.has_told_state, true);
        self.reports.look(|outbox| {
            if !has_told_state && let Some(state) = outbox.acked_state() {
                return Some(state);
            }
            if outbox.is_growing_after(self.told) && !self.has_lingered {
                return None;
            }
            let response = outbox.take_after(self.told)?;
            self.told = response.sequence;
            self.has_lingered = false;
            Some(response)
        })
    }
}
