//! An incremental parser of Server-Sent Events (WHATWG HTML, section 9.2.6).
//!
//! Bytes go in as the network delivers them, events come out as soon as their blank line was
//! seen. The events do not depend on how the bytes were cut. Data that stands on one line of one
//! read is handed out without a copy.

use std::borrow::Cow;

/// The longest event that a [`Parser`] accepts by default, in bytes.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What a stream of Server-Sent Events is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// An event with data.
    Event {
        /// The event's name; empty where the stream gave none (the standard calls it `message`).
        name: &'a str,
        /// The data lines, joined by line feeds. Invalid UTF-8 is replaced.
        data: &'a str,
    },
    /// A comment, as servers send it to show that they are alive.
    Comment,
}

/// An event was longer than the limit; nothing after it can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {limit} bytes")]
pub struct EventTooLong {
    /// The limit, in bytes.
    pub limit: usize,
}

/// The state between two reads.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The beginning of a line whose end was not read yet.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    first_line: bool,
    skip_line_feed: bool,
    failed: bool,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl Parser {
    /// A parser for a stream from its first byte on.
    pub fn new() -> Self {
        Self::with_max_event_bytes(DEFAULT_MAX_EVENT_BYTES)
    }

    /// A parser that refuses lines and events with more than `limit` bytes.
    pub fn with_max_event_bytes(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            first_line: true,
            skip_line_feed: false,
            failed: false,
        }
    }

    /// Reads the next bytes and hands every complete item to `sink`, in order.
    ///
    /// # Errors
    /// [`EventTooLong`], now and on every later call. Items before the long one were handed out.
    pub fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(Item<'_>)) -> Result<(), EventTooLong> {
        if self.failed {
            return Err(EventTooLong { limit: self.limit });
        }
        let mut rest = bytes;
        let mut borrowed = None;
        while !rest.is_empty() {
            if std::mem::take(&mut self.skip_line_feed) && rest[0] == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                break;
            };
            self.skip_line_feed = rest[end] == b'\r';
            let tail = &rest[..end];
            rest = &rest[end + 1..];
            if self.line.is_empty() {
                self.check(tail.len())?;
                self.take_line(tail, &mut borrowed, &mut sink)?;
            } else {
                self.check(self.line.len() + tail.len())?;
                self.line.extend_from_slice(tail);
                let line = std::mem::take(&mut self.line);
                // The line outlives this read only in `data`, so the borrow is of another life.
                self.keep(&mut borrowed)?;
                let mut own = None;
                self.take_line(&line, &mut own, &mut sink)?;
                self.keep(&mut own)?;
                self.line = line;
                self.line.clear();
            }
        }
        self.keep(&mut borrowed)?;
        self.check(self.line.len() + rest.len())?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// Ends the stream and hands out what it left unfinished.
    ///
    /// The standard discards an event whose blank line is missing. Servers exist that close the
    /// connection right after their last line, so it is handed out; whoever reads it must expect
    /// that it was cut.
    pub fn finish(&mut self, mut sink: impl FnMut(Item<'_>)) {
        if self.failed {
            return;
        }
        let line = std::mem::take(&mut self.line);
        let mut borrowed = None;
        let complete = line.is_empty() || self.take_line(&line, &mut borrowed, &mut sink).is_ok();
        if complete {
            self.dispatch(borrowed, &mut sink);
        }
    }

    fn take_line<'line>(
        &mut self,
        line: &'line [u8],
        borrowed: &mut Option<&'line [u8]>,
        sink: &mut impl FnMut(Item<'_>),
    ) -> Result<(), EventTooLong> {
        let line = match std::mem::take(&mut self.first_line) {
            true => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            false => line,
        };
        let Some(&first) = line.first() else {
            self.dispatch(borrowed.take(), sink);
            return Ok(());
        };
        if first == b':' {
            sink(Item::Comment);
            return Ok(());
        }
        let (field, value) = split_field(line);
        match field {
            b"data" if self.has_data => {
                self.keep(borrowed)?;
                self.check(self.data.len() + 1 + value.len())?;
                self.data.push(b'\n');
                self.data.extend_from_slice(value);
            }
            b"data" => {
                self.has_data = true;
                *borrowed = Some(value);
            }
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(value);
            }
            _ => {}
        }
        Ok(())
    }

    /// Copies data that the current read lends, because the read ends or the event goes on.
    fn keep(&mut self, borrowed: &mut Option<&[u8]>) -> Result<(), EventTooLong> {
        if let Some(value) = borrowed.take() {
            self.check(self.data.len() + value.len())?;
            self.data.extend_from_slice(value);
        }
        Ok(())
    }

    fn dispatch(&mut self, borrowed: Option<&[u8]>, sink: &mut impl FnMut(Item<'_>)) {
        if std::mem::take(&mut self.has_data) {
            let data = text(borrowed.unwrap_or(&self.data));
            let name = text(&self.name);
            sink(Item::Event { name: &name, data: &data });
        }
        self.data.clear();
        self.name.clear();
    }

    fn check(&mut self, length: usize) -> Result<(), EventTooLong> {
        if length <= self.limit {
            return Ok(());
        }
        self.failed = true;
        Err(EventTooLong { limit: self.limit })
    }
}

fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return (line, &[]);
    };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests;
