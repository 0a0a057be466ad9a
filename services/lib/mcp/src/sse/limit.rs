//! How much a server may send before an event is whole: all of it is kept until then.

use bytes::Bytes;

use crate::MAX_MESSAGE_BYTES;

/// What came through a stream was too much, or nothing more came.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenStream {
    /// The connection broke off.
    #[error("the connection broke off")]
    Connection(#[source] reqwest::Error),
    /// The limit is reached.
    #[error("an event has more than {MAX_MESSAGE_BYTES} bytes")]
    TooLong,
}

impl From<reqwest::Error> for BrokenStream {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(error.without_url())
    }
}

/// Counts the bytes of an event, which an empty line ends.
#[derive(Debug, Default)]
pub(super) struct Limit {
    event: usize,
    line: usize,
    after_return: bool,
}

impl Limit {
    /// Lets a piece of the stream through.
    pub(super) fn pass(&mut self, chunk: Bytes) -> Result<Bytes, BrokenStream> {
        for &byte in &chunk {
            let is_second_half = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            match byte {
                _ if is_second_half => {}
                b'\r' | b'\n' if self.line == 0 => self.event = 0,
                b'\r' | b'\n' => self.line = 0,
                _ => {
                    self.line += 1;
                    self.event += 1;
                }
            }
            if self.event > MAX_MESSAGE_BYTES {
                return Err(BrokenStream::TooLong);
            }
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds events of these many bytes, with these line ends, in pieces of that size.
    fn passes(events: &[usize], end: &str, piece: usize) -> bool {
        let text: String = events.iter().map(|bytes| format!("{}{end}{end}", "x".repeat(*bytes))).collect();
        let mut limit = Limit::default();
        text.as_bytes().chunks(piece).all(|chunk| limit.pass(Bytes::copy_from_slice(chunk)).is_ok())
    }

    #[test]
    fn an_event_has_a_limit_and_a_stream_has_none() {
        for end in ["\n", "\r\n", "\r"] {
            assert!(passes(&[MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES], end, 4096), "{end:?}");
            assert!(!passes(&[MAX_MESSAGE_BYTES + 1], end, 4096), "{end:?}");
        }
    }

    #[test]
    fn lines_of_one_event_count_together() {
        let line = format!("{}\r\n", "x".repeat(1024 * 1024));
        let mut limit = Limit::default();
        let passed = (0..20).take_while(|_| limit.pass(Bytes::from(line.clone())).is_ok()).count();
        assert_eq!(passed, MAX_MESSAGE_BYTES / line.trim_end().len());
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_makes_no_difference(piece in 1..40_usize, events in prop::collection::vec(0..60_usize, 0..9)) {
            prop_assert!(passes(&events, "\r\n", piece));
        }
    }
}
