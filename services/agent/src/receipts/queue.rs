//! Records on their way to the disk.
//!
//! To wait until something is on the disk takes as long for many records as for one. So those
//! that come while others are being written wait together and are written together.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::record::Record;

/// What came of a record.
pub(super) type Written = Result<(), Arc<io::Error>>;

/// Records that wait. Whoever pushes the first one sees to it that they are written; there are as
/// many as calls are in progress at most, because each call waits for its own.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    has_writer: bool,
}

#[derive(Debug)]
struct Waiting {
    record: Record,
    sync: bool,
    written: oneshot::Sender<Written>,
}

/// Records that are written together.
#[derive(Debug)]
pub(super) struct Batch(Vec<Waiting>);

impl Queue {
    /// Adds a record. Returns what tells that it is written, and whether somebody writes already.
    pub(super) fn push(&self, record: Record, sync: bool) -> (oneshot::Receiver<Written>, bool) {
        let (sender, written) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.push(Waiting { record, sync, written: sender });
        (written, std::mem::replace(&mut state.has_writer, true))
    }

    /// Takes all that wait; where there are none, the writer is none any more.
    pub(super) fn take(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        state.has_writer = !state.waiting.is_empty();
        state.has_writer.then(|| Batch(std::mem::take(&mut state.waiting)))
    }
}

impl Batch {
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.0.iter().map(|waiting| &waiting.record)
    }

    /// True where one of them has to be on the disk.
    pub(super) fn sync(&self) -> bool {
        self.0.iter().any(|waiting| waiting.sync)
    }

    /// Tells all who wait.
    pub(super) fn done(self, result: io::Result<()>) {
        let result = result.map_err(Arc::new);
        for waiting in self.0 {
            // Some do not wait any more.
            let _ = waiting.written.send(result.clone());
        }
    }
}
