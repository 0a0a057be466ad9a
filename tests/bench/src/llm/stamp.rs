//! Times in the text of answers, by which their readers know how long each piece took.

use std::time::{Duration, Instant};

use memchr::memchr;

const BEFORE: u8 = b'@';
const AFTER: u8 = b';';

/// The clock of provider and readers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time now, as a piece of text.
    pub(super) fn stamp(self) -> String {
        format!("{}{};", char::from(BEFORE), self.0.elapsed().as_nanos())
    }

    /// How long ago the time was that a stamp holds.
    fn since(self, stamp: &[u8]) -> Option<Duration> {
        let nanos: u64 = std::str::from_utf8(stamp).ok()?.parse().ok()?;
        Some(self.0.elapsed().saturating_sub(Duration::from_nanos(nanos)))
    }
}

/// Finds the stamps in an answer that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// The beginning of a stamp whose end was not read yet.
    open: Vec<u8>,
    /// How old each stamp was when it was read.
    pub(super) delays: Vec<Duration>,
}

impl Stamps {
    /// Reads the next bytes.
    pub(super) fn read(&mut self, clock: Clock, mut bytes: &[u8]) {
        if !self.open.is_empty() {
            let Some(end) = memchr(AFTER, bytes) else {
                self.open.extend_from_slice(bytes);
                return;
            };
            self.open.extend_from_slice(&bytes[..end]);
            self.delays.extend(clock.since(&self.open[1..]));
            self.open.clear();
            bytes = &bytes[end..];
        }
        while let Some(start) = memchr(BEFORE, bytes) {
            let Some(length) = memchr(AFTER, &bytes[start..]) else {
                self.open.extend_from_slice(&bytes[start..]);
                return;
            };
            self.delays.extend(clock.since(&bytes[start + 1..start + length]));
            bytes = &bytes[start + length..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_however_the_bytes_are_cut() {
        let clock = Clock::start();
        let text = format!("x{}y{};z{}", clock.stamp(), clock.stamp(), clock.stamp());
        for size in 1..text.len() {
            let mut stamps = Stamps::default();
            text.as_bytes().chunks(size).for_each(|piece| stamps.read(clock, piece));
            assert_eq!(stamps.delays.len(), 3, "{size}");
        }
    }
}
