//! An incremental parser of AWS event streams (`application/vnd.amazon.eventstream`).
//!
//! A frame is its length and that of its headers, a checksum of the two, the headers, the payload
//! and a checksum of everything before it; all numbers are big-endian. Bytes go in as the network
//! delivers them, frames come out as soon as they are whole, and do not depend on how the bytes
//! were cut. Nothing is handed out that a checksum does not vouch for.

mod header;

pub use self::header::{Headers, Value};

/// The longest frame that a [`Parser`] accepts by default, in bytes.
pub const DEFAULT_MAX_FRAME_BYTES: usize = 16 * 1024 * 1024;

/// Two lengths and their checksum.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the frame is.
    pub headers: Headers<'a>,
    /// What it says.
    pub payload: &'a [u8],
}

/// The stream is damaged; nothing after the damage can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The checksum of the lengths is wrong.
    #[error("the lengths of a frame do not match their checksum")]
    PreludeChecksum,
    /// The checksum of the frame is wrong.
    #[error("a frame does not match its checksum")]
    FrameChecksum,
    /// The frame is longer than the limit.
    #[error("a frame of {length} bytes is longer than the {limit} that are accepted")]
    TooLong {
        /// What the frame claims, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The lengths contradict each other.
    #[error("the lengths of a frame contradict each other")]
    Lengths,
    /// The headers cannot be read.
    #[error("the headers of a frame cannot be read")]
    Headers,
}

/// The state between two reads.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The beginning of a frame whose end was not read yet.
    rest: Vec<u8>,
    failed: Option<FrameError>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser for a stream from its first byte on.
    pub fn new() -> Self {
        Self::with_max_frame_bytes(DEFAULT_MAX_FRAME_BYTES)
    }

    /// A parser that refuses frames of more than `limit` bytes.
    pub fn with_max_frame_bytes(limit: usize) -> Self {
        Self { limit, rest: Vec::new(), failed: None }
    }

    /// Reads the next bytes and hands every whole frame to `sink`, in order.
    ///
    /// # Errors
    /// What is wrong with the stream, now and on every later call. Frames before the damage were
    /// handed out.
    pub fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(Frame<'_>)) -> Result<(), FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = if self.rest.is_empty() {
            let left = frames(bytes, self.limit, &mut sink);
            left.map(|left| self.rest.extend_from_slice(left))
        } else {
            self.rest.extend_from_slice(bytes);
            let left = frames(&self.rest, self.limit, &mut sink).map(<[u8]>::len);
            left.map(|left| drop(self.rest.drain(..self.rest.len() - left)))
        };
        self.failed = result.err();
        result
    }

    /// Whether the stream may end here: no frame is left unfinished.
    pub fn is_between_frames(&self) -> bool {
        self.rest.is_empty()
    }
}

/// Hands out the whole frames that the bytes begin with; returns the bytes after them.
fn frames<'a>(mut bytes: &'a [u8], limit: usize, sink: &mut impl FnMut(Frame<'_>)) -> Result<&'a [u8], FrameError> {
    while let Some(length) = frame_length(bytes, limit)? {
        let Some((frame, rest)) = bytes.split_at_checked(length) else { break };
        sink(read(frame)?);
        bytes = rest;
    }
    Ok(bytes)
}

/// The length of the frame that the bytes begin with, as soon as it can be trusted.
fn frame_length(bytes: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    let (Some(length), Some(headers), Some(checksum)) = (number(bytes, 0), number(bytes, 4), number(bytes, 8)) else {
        return Ok(None);
    };
    if crc32fast::hash(&bytes[..8]) != checksum {
        return Err(FrameError::PreludeChecksum);
    }
    let (length, headers) = (length as usize, headers as usize);
    if length > limit {
        return Err(FrameError::TooLong { length, limit });
    }
    if headers.saturating_add(PRELUDE + TRAILER) > length {
        return Err(FrameError::Lengths);
    }
    Ok(Some(length))
}

/// Reads a frame that is whole and whose lengths fit.
fn read(frame: &[u8]) -> Result<Frame<'_>, FrameError> {
    let (vouched, trailer) = frame.split_at(frame.len() - TRAILER);
    if number(trailer, 0) != Some(crc32fast::hash(vouched)) {
        return Err(FrameError::FrameChecksum);
    }
    let headers = number(vouched, 4).unwrap_or_default() as usize;
    let (headers, payload) = vouched[PRELUDE..].split_at(headers);
    let headers = Headers::parse(headers).ok_or(FrameError::Headers)?;
    Ok(Frame { headers, payload })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

#[cfg(test)]
pub(crate) mod tests;
