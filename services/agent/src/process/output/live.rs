//! The newest bytes of a process, for those who look on.

use std::collections::VecDeque;

/// How much a viewer may lag behind; shared by all viewers of a process.
pub(in super::super) const LIVE_BYTES: usize = 256 * 1024;

/// Keeps the newest 256 KiB of what is pushed, and where they are in the stream.
#[derive(Debug)]
pub(in super::super) struct Live {
    bytes: VecDeque<u8>,
    end: u64,
}

impl Live {
    /// Begins with `bytes`, the first of which is at `offset`.
    pub(in super::super) fn new(offset: u64, bytes: Vec<u8>) -> Self {
        Self { end: offset + bytes.len() as u64, bytes: bytes.into() }
    }

    /// Adds bytes at the end.
    pub(in super::super) fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let newest = &bytes[bytes.len().saturating_sub(LIVE_BYTES)..];
        let over = (self.bytes.len() + newest.len()).saturating_sub(LIVE_BYTES);
        self.bytes.drain(..over);
        self.bytes.extend(newest);
    }

    /// Where the oldest byte is.
    pub(in super::super) fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// The bytes from `offset` on, `max` at most; they begin later where older ones are gone.
    pub(in super::super) fn read(&self, offset: u64, max: usize) -> (u64, Vec<u8>) {
        let from = offset.clamp(self.start(), self.end);
        let skipped = usize::try_from(from - self.start()).unwrap_or(usize::MAX);
        let (older, newer) = self.bytes.as_slices();
        let older = &older[skipped.min(older.len())..];
        let newer = &newer[skipped.saturating_sub(self.bytes.len() - newer.len())..];
        let older = &older[..older.len().min(max)];
        (from, [older, &newer[..newer.len().min(max - older.len())]].concat())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_kept_is_the_end_of_what_was_pushed(
            pieces in proptest::collection::vec(0usize..100_000, 0..12),
            offset in 0u64..1_200_000,
            max in 1usize..70_000,
        ) {
            let mut live = Live::new(0, Vec::new());
            let mut input = Vec::new();
            for (index, length) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..length).map(|at| (at * 31 + index) as u8).collect();
                live.push(&piece);
                input.extend_from_slice(&piece);
            }
            let kept = input.len().min(LIVE_BYTES);
            prop_assert_eq!(live.start(), (input.len() - kept) as u64);
            let (from, bytes) = live.read(offset, max);
            prop_assert!(bytes.len() <= max);
            prop_assert_eq!(&bytes[..], &input[from as usize..][..bytes.len()]);
            if (offset as usize) < input.len() {
                prop_assert!(!bytes.is_empty());
            }
        }
    }
}
