//! Follows one process for a caller.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::watch_process_response::Event;
use tokio::sync::watch;
use tokio::time::Instant;

use super::entry::{Entry, Exit};
use super::recording::{Chunk, View};

/// How long nothing is sent at most, so that a caller that is gone is noticed.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(30);
/// The most bytes in a message.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// One caller that follows a process. It is asked for the next event when the last one was sent,
/// so a caller that reads slowly holds up nobody: it misses bytes.
#[derive(Debug)]
pub(super) struct Viewer {
    entry: Arc<Entry>,
    exit: watch::Receiver<Option<Exit>>,
    view: Option<View>,
    is_over: bool,
}

impl Viewer {
    /// Follows `entry`; what it writes from the byte `output_from` on is part of the events, where that is given.
    pub(super) fn new(entry: Arc<Entry>, output_from: Option<u64>) -> Self {
        let exit = entry.exit.subscribe();
        let view = output_from.map(|from| entry.output.view(from));
        Self { entry, exit, view, is_over: false }
    }

    /// Waits for the next event; there is none after the end of the process.
    pub(super) async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            // State before output: output that is taken after the exit was seen is complete.
            let has_ended = self.exit.borrow_and_update().is_some();
            if let Some(chunk) = self.view.as_mut().and_then(|view| view.take(CHUNK_BYTES)) {
                return Some(Event::Output(chunk.into()));
            }
            if has_ended {
                self.is_over = true;
                let snapshot = self.entry.snapshot();
                let (process, output) = (Some(snapshot.process), Some(snapshot.output.into()));
                return Some(Event::Ended(pb::ProcessEnded { process, output }));
            }
            tokio::select! {
                () = written(self.view.as_mut()) => {}
                _ = self.exit.changed() => {}
                () = tokio::time::sleep_until(heartbeat) => return Some(Event::Heartbeat(pb::ProcessHeartbeat {})),
            }
        }
    }
}

async fn written(view: Option<&mut View>) {
    match view {
        Some(view) => view.written().await,
        None => std::future::pending().await,
    }
}

impl From<Chunk> for pb::ProcessOutputChunk {
    fn from(chunk: Chunk) -> Self {
        Self { offset: chunk.offset, data: chunk.data, missed_bytes: chunk.missed }
    }
}
