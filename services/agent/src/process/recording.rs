//! What a process writes, as it is kept and as it is shown to those who look on.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::output::{Live, Output};

/// Bytes that were written, `offset` bytes after the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) data: Bytes,
    /// How many bytes before `data` the viewer does not get.
    pub(super) missed: u64,
}

/// The output of one process.
#[derive(Debug, Default)]
pub(super) struct Recording {
    kept: Mutex<Kept>,
    /// Changes after bytes were added.
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    output: Output,
    /// There while somebody looks on.
    live: Option<Live>,
    viewers: usize,
}

impl Recording {
    /// Adds bytes at the end. Never waits for a viewer.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock();
        kept.output.write(bytes);
        if let Some(live) = &mut kept.live {
            live.push(bytes);
        }
        let written = kept.output.written();
        drop(kept);
        self.written.send_replace(written);
    }

    /// What is kept now.
    pub(super) fn output(&self) -> Output {
        self.kept.lock().output.clone()
    }

    /// Looks on, from the byte `from` on.
    pub(super) fn view(self: &Arc<Self>, from: u64) -> View {
        let mut kept = self.kept.lock();
        kept.viewers += 1;
        let first = kept.output.first();
        if kept.live.is_none() {
            let (offset, bytes) = kept.output.last();
            kept.live = Some(Live::new(offset, bytes));
        }
        drop(kept);
        View { recording: Arc::clone(self), written: self.written.subscribe(), first: first.into(), next: from }
    }
}

/// One who looks on. It holds no bytes but the head of what was written before it came.
#[derive(Debug)]
pub(super) struct View {
    recording: Arc<Recording>,
    written: watch::Receiver<u64>,
    first: Bytes,
    /// The byte that is due.
    next: u64,
}

impl View {
    /// Takes bytes that are there and were not taken yet, `max` at most.
    pub(super) fn take(&mut self, max: usize) -> Option<Chunk> {
        // Seen before the bytes are read: what comes later changes it again.
        self.written.mark_unchanged();
        let kept = self.recording.kept.lock();
        let live = kept.live.as_ref()?;
        let first_end = live.start().min(self.first.len() as u64);
        let (offset, data) = if self.next < first_end {
            let until = first_end.min(self.next + max as u64);
            // Both are within the head, which is in memory.
            (self.next, self.first.slice(self.next as usize..until as usize))
        } else {
            let (offset, data) = live.read(self.next, max);
            (offset, data.into())
        };
        drop(kept);
        if data.is_empty() {
            return None;
        }
        let missed = offset - self.next;
        self.next = offset + data.len() as u64;
        Some(Chunk { offset, data, missed })
    }

    /// Waits until bytes were written after the last call of [`Self::take`].
    pub(super) async fn written(&mut self) {
        // The sender lives as long as the recording that is held here.
        let _ = self.written.changed().await;
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let mut kept = self.recording.kept.lock();
        kept.viewers -= 1;
        if kept.viewers == 0 {
            kept.live = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_viewers_is_there_while_somebody_looks_on() {
        let recording = Arc::new(Recording::default());
        recording.write(b"before");
        let has_live = |recording: &Recording| recording.kept.lock().live.is_some();
        assert!(!has_live(&recording));
        let (mut first, second) = (recording.view(0), recording.view(3));
        recording.write(b" and after");
        drop(second);
        assert!(has_live(&recording));
        let chunk = first.take(8).expect("bytes");
        assert_eq!((chunk.offset, &chunk.data[..], chunk.missed), (0, &b"before a"[..], 0));
        drop(first);
        assert!(!has_live(&recording));
    }

    #[test]
    fn an_offset_in_the_future_waits_for_its_byte() {
        let recording = Arc::new(Recording::default());
        let mut view = recording.view(4);
        recording.write(b"abc");
        assert_eq!(view.take(8), None);
        recording.write(b"def");
        let chunk = view.take(8).expect("bytes");
        assert_eq!((chunk.offset, &chunk.data[..], chunk.missed), (4, &b"ef"[..], 0));
    }
}
