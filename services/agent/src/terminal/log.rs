//! What a terminal showed last.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::cut::{REACH, remainder};

/// What a newcomer is shown.
pub(super) const REPLAY: usize = 64 * 1024;
/// How far a viewer may be behind.
pub(super) const MAX_LAG: usize = KEPT - REACH;
/// The largest piece.
pub(super) const MAX_PIECE: usize = 64 * 1024;
/// What is kept; a little of it only to see where the rest can be cut.
const KEPT: usize = 256 * 1024;

/// The last bytes that a terminal showed. Positions count from the first byte that it ever showed.
#[derive(Debug, Default)]
pub(super) struct Log {
    kept: VecDeque<u8>,
    end: u64,
}

impl Log {
    /// Adds bytes at the end.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(KEPT);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
    }

    /// The position after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The first position from which can be read.
    pub(super) fn oldest(&self) -> u64 {
        self.end.saturating_sub(MAX_LAG as u64)
    }

    /// Where a newcomer begins.
    pub(super) fn replay(&self) -> u64 {
        self.clean(self.end.saturating_sub(REPLAY as u64))
    }

    /// The first position from `at` on that is not inside of a character or an escape sequence,
    /// as far as this can be told.
    pub(super) fn clean(&self, at: u64) -> u64 {
        let index = self.index(at);
        let before = self.kept.range(index.saturating_sub(REACH)..index).copied();
        let after = self.kept.range(index..).copied();
        at + remainder(before, after) as u64
    }

    /// The bytes from `at` on, [`MAX_PIECE`] at most.
    pub(super) fn read(&self, at: u64) -> Bytes {
        let (head, tail) = self.kept.as_slices();
        let index = self.index(at);
        let head_part = head.get(index..).unwrap_or_default();
        let head_part = &head_part[..head_part.len().min(MAX_PIECE)];
        let tail_part = tail.get(index.saturating_sub(head.len())..).unwrap_or_default();
        let tail_part = &tail_part[..tail_part.len().min(MAX_PIECE - head_part.len())];
        let mut bytes = BytesMut::with_capacity(head_part.len() + tail_part.len());
        bytes.extend_from_slice(head_part);
        bytes.extend_from_slice(tail_part);
        bytes.freeze()
    }

    fn index(&self, at: u64) -> usize {
        let begin = self.end - self.kept.len() as u64;
        usize::try_from(at.saturating_sub(begin)).map_or(self.kept.len(), |index| index.min(self.kept.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_is_shown_64_kib_at_most() {
        for (written, shown) in [(0, 0), (1, 1), (REPLAY - 1, REPLAY - 1), (REPLAY, REPLAY), (REPLAY + 1, REPLAY)] {
            let mut log = Log::default();
            log.write(&vec![b'x'; written]);
            assert_eq!(log.end() - log.replay(), shown as u64, "of {written}");
        }
    }

    #[test]
    fn the_log_has_a_bound_whatever_is_written() {
        let mut log = Log::default();
        for size in [1, 3 * KEPT, 10_000, KEPT, KEPT - 1, 77] {
            log.write(&vec![b'x'; size]);
            assert!(log.kept.len() <= KEPT);
        }
        assert_eq!(log.kept.len(), KEPT);
        assert_eq!(log.end(), (1 + 3 * KEPT + 10_000 + KEPT + KEPT - 1 + 77) as u64);
    }

    #[test]
    fn a_replay_does_not_begin_inside_of_a_sequence() {
        let mut log = Log::default();
        log.write(&[b'x'; 5000]);
        log.write(b"\x1b[31;1");
        let rest = REPLAY - 3;
        log.write(b"m");
        log.write(&vec![b'y'; rest]);
        // 64 KiB back is in the middle of the sequence.
        let replay = log.read(log.replay());
        assert!(replay.iter().all(|byte| *byte == b'y'));
        assert_eq!(replay.len(), rest);
    }
}
