//! Takes lines out of a stream of bytes, within limits.

use std::io::{self, BufRead};

use super::error::Error;

/// What is put at the end of a line that was cut.
const CUT_MARKER: &str = "... [truncated]";

/// Which lines, and how much of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selection {
    /// The first line, from 1.
    pub(super) offset: u64,
    /// How many lines.
    pub(super) limit: u64,
    /// The longest line in bytes.
    pub(super) max_line_bytes: usize,
    /// The most lines in an answer.
    pub(super) max_lines: u64,
    /// The most bytes in an answer.
    pub(super) max_response_bytes: usize,
}

/// The lines that were taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines {
    /// How many bytes the stream had.
    pub(super) bytes: u64,
    /// How many lines it had; a newline at its end begins no further line.
    pub(super) total: u64,
    /// How many were taken.
    pub(super) taken: u64,
    /// Each as its number, a tab and its text, without line ends of its own.
    pub(super) content: String,
}

/// Why lines could not be taken.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    /// There is a NUL byte: this is not text.
    Binary,
    Limit(Error),
}

impl Selection {
    /// Takes the lines out of `source`, which is read to its end, in memory of constant size.
    pub(super) fn take(&self, mut source: impl BufRead) -> Result<Lines, Failure> {
        let mut lines = Lines::default();
        let mut line = Line::new(self.max_line_bytes);
        loop {
            let buffer = source.fill_buf().map_err(Failure::Io)?;
            if buffer.is_empty() {
                break;
            }
            if buffer.contains(&0) {
                return Err(Failure::Binary);
            }
            for piece in buffer.split_inclusive(|&byte| byte == b'\n') {
                match piece.strip_suffix(b"\n") {
                    Some(rest) => {
                        line.push(rest);
                        self.end(&mut line, true, &mut lines)?;
                    }
                    None => line.push(piece),
                }
            }
            let count = buffer.len();
            lines.bytes += count as u64;
            source.consume(count);
        }
        if line.length > 0 {
            self.end(&mut line, false, &mut lines)?;
        }
        if self.offset > lines.total.max(1) {
            return Err(Failure::Limit(Error::PastEnd { offset: self.offset, total: lines.total }));
        }
        Ok(lines)
    }

    fn end(&self, line: &mut Line, has_newline: bool, lines: &mut Lines) -> Result<(), Failure> {
        lines.total += 1;
        let number = lines.total;
        let is_selected = number >= self.offset && number - self.offset < self.limit;
        if is_selected {
            lines.taken += 1;
            if lines.taken > self.max_lines {
                let message = format!("the selection has more than {} lines", self.max_lines);
                return Err(Failure::Limit(Error::OverLimit(message)));
            }
            if !lines.content.is_empty() {
                lines.content.push('\n');
            }
            lines.content.push_str(&format!("{number}\t{}", line.text(has_newline)));
            if lines.content.len() > self.max_response_bytes {
                let message = format!("the selection has more than {} bytes", self.max_response_bytes);
                return Err(Failure::Limit(Error::OverLimit(message)));
            }
        }
        line.clear();
        Ok(())
    }
}

/// The beginning of a line.
#[derive(Debug)]
struct Line {
    kept: Vec<u8>,
    length: usize,
    ends_with_return: bool,
    max: usize,
}

impl Line {
    fn new(max: usize) -> Self {
        Self { kept: Vec::new(), length: 0, ends_with_return: false, max }
    }

    fn push(&mut self, bytes: &[u8]) {
        // One byte more than allowed, for the carriage return of a line of exactly that length.
        let room = (self.max + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        self.length += bytes.len();
        self.ends_with_return = bytes.last().map_or(self.ends_with_return, |&last| last == b'\r');
    }

    /// The line as text. A carriage return is part of the line end only before a newline.
    fn text(&self, has_newline: bool) -> String {
        let length = self.length - usize::from(has_newline && self.ends_with_return);
        if length <= self.max {
            return String::from_utf8_lossy(&self.kept[..length]).into_owned();
        }
        let is_inside = |at: usize| self.kept.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
        let cut = (self.max.saturating_sub(3)..=self.max).rev().find(|&at| !is_inside(at)).unwrap_or(self.max);
        format!("{}{CUT_MARKER}", String::from_utf8_lossy(&self.kept[..cut]))
    }

    fn clear(&mut self) {
        self.kept.clear();
        (self.length, self.ends_with_return) = (0, false);
    }
}
