//! The outbox as all parts share it.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Clock as _, SystemClock};
use chatmesh_proto::agent::v1 as pb;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::outbox::Outbox;
use super::state;

/// Reports to the relay; clones share them.
#[derive(Debug, Clone)]
pub(super) struct Reports {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    outbox: Mutex<Outbox>,
    /// Counts what happened to the outbox.
    changes: watch::Sender<u64>,
    /// The number of the newest session; 0 where there was none.
    newest_session: watch::Sender<u64>,
    /// No more reports come.
    finished: CancellationToken,
}

impl Reports {
    pub(super) fn new() -> Self {
        let created = pb::LifecycleReport {
            state: pb::LifecycleState::Created.into(),
            change_time: Some(SystemClock.now().into()),
            ..Default::default()
        };
        let outbox = Mutex::new(Outbox::new(created));
        let (changes, newest_session) = (watch::Sender::new(0), watch::Sender::new(0));
        let finished = CancellationToken::new();
        Self { inner: Arc::new(Inner { outbox, changes, newest_session, finished }) }
    }

    /// Tells the state, unless that would be a step back.
    pub(super) fn set_state(&self, build_id: &str, state: pb::LifecycleState, message: String) {
        self.change(|outbox| {
            let former = outbox.state().map_or(pb::LifecycleState::Unspecified, pb::LifecycleReport::state);
            if !state::is_ahead(state, former) {
                return;
            }
            info!(state = state.as_str_name(), message, "the workspace has come further");
            let change_time = Some(SystemClock.now().into());
            let (build_id, state) = (build_id.to_owned(), state.into());
            outbox.set_state(pb::LifecycleReport { build_id, state, change_time, message });
        });
    }

    /// Tells a line of a script.
    pub(super) fn add_line(&self, script_id: &str, level: pb::LogLevel, text: String) {
        let time = Some(SystemClock.now().into());
        let line = pb::ScriptLogLine { time, level: level.into(), text };
        self.change(|outbox| outbox.add_line(script_id, line));
    }

    /// Tells that a script ran.
    pub(super) fn add_run(&self, run: pb::ScriptRun) {
        self.change(|outbox| outbox.add_run(run));
    }

    /// Reads or changes the outbox.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Outbox) -> T) -> T {
        let changed = change(&mut self.inner.outbox.lock());
        self.inner.changes.send_modify(|count| *count += 1);
        changed
    }

    /// Reads the outbox.
    pub(super) fn look<T>(&self, look: impl FnOnce(&mut Outbox) -> T) -> T {
        look(&mut self.inner.outbox.lock())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.subscribe()
    }

    /// Begins a session, which takes the place of all before it. Returns its number.
    pub(super) fn begin_session(&self) -> (u64, watch::Receiver<u64>) {
        let mut number = 0;
        self.inner.newest_session.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        (number, self.inner.newest_session.subscribe())
    }

    /// Cancelled when no more reports come.
    pub(super) fn finished(&self) -> &CancellationToken {
        &self.inner.finished
    }

    /// Waits until the relay has the last state, `timeout` at most and only where one was ever
    /// there; then sessions end.
    pub(super) async fn finish(&self, timeout: Duration) {
        let mut changes = self.changes();
        let has_relay = *self.inner.newest_session.borrow() > 0;
        let acked = async {
            while !self.look(|outbox| outbox.is_state_acked()) {
                // The sender is held here.
                let _ = changes.changed().await;
            }
        };
        if has_relay {
            // Who did not hear it until now hears it from the next agent.
            let _ = tokio::time::timeout(timeout, acked).await;
        }
        self.inner.finished.cancel();
    }
}
