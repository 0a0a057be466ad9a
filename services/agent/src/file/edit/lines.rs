//! Lines of bytes and their parts.

use std::ops::Range;

use super::endings::Ending;

/// What some editors put in front of a text; it belongs to no line.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The lines of a text. A line end at its end begins no further line. Only the beginnings are
/// kept: a text of nothing but line ends has millions of them.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a [u8],
    /// The beginning of each line, and the end of the last.
    starts: Vec<u32>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        let first = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let mut starts = Vec::with_capacity(memchr::memchr_iter(b'\n', text).count() + 2);
        starts.push(number(first));
        starts.extend(memchr::memchr_iter(b'\n', text).map(|at| number(at + 1)));
        if starts.last() != Some(&number(text.len())) {
            starts.push(number(text.len()));
        }
        Self { text, starts }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The line in a row, from 0.
    pub(super) fn line(&self, row: usize) -> Line<'a> {
        Line::of(&self.text[self.bytes(row..row + 1)])
    }

    pub(super) fn last(&self) -> Option<Line<'a>> {
        self.len().checked_sub(1).map(|row| self.line(row))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Line<'a>> + ExactSizeIterator {
        (0..self.len()).map(|row| self.line(row))
    }

    /// Where rows lie in the text.
    pub(super) fn bytes(&self, rows: Range<usize>) -> Range<usize> {
        self.starts[rows.start] as usize..self.starts[rows.end] as usize
    }

    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }
}

/// Texts are much smaller than 4 GiB: contents, searches and replacements have limits.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Without its end.
    pub(super) body: &'a [u8],
    pub(super) ending: Ending,
}

impl<'a> Line<'a> {
    fn of(line: &'a [u8]) -> Self {
        match line.strip_suffix(b"\r\n") {
            Some(body) => Self { body, ending: Ending::CrLf },
            None => match line.strip_suffix(b"\n") {
                Some(body) => Self { body, ending: Ending::Lf },
                None => Self { body: line, ending: Ending::None },
            },
        }
    }

    /// The line without blanks at its end.
    pub(super) fn without_trailing_blanks(self) -> &'a [u8] {
        let end = self.body.iter().rposition(|byte| !matches!(byte, b' ' | b'\t')).map_or(0, |at| at + 1);
        &self.body[..end]
    }

    /// The line without white space around it.
    pub(super) fn core(self) -> &'a [u8] {
        &self.body[self.lead().len()..self.core_end()]
    }

    /// The white space before the core; all of it where there is no core.
    pub(super) fn lead(self) -> &'a [u8] {
        let end = self.body.iter().position(|&byte| !is_space(byte)).unwrap_or(self.body.len());
        &self.body[..end]
    }

    /// The white space after the core.
    pub(super) fn trail(self) -> &'a [u8] {
        &self.body[self.core_end()..]
    }

    fn core_end(self) -> usize {
        self.body.iter().rposition(|&byte| !is_space(byte)).map_or(self.body.len(), |at| at + 1)
    }
}

/// White space within a line. Bytes above ASCII are never taken for it: they may be part of
/// anything.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0B | 0x0C)
}
