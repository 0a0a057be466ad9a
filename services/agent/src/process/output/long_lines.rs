//! Cuts lines that are too long while they arrive.

use super::head_tail::HeadTail;
use super::{CUT_MARKER, MAX_LINE};

/// How much of a cut line is kept at most.
const KEEP: usize = MAX_LINE - CUT_MARKER.len();
/// How much of any line can be passed on before its length is known: a cut moves back by up to
/// three bytes in order not to split a character.
const SAFE: usize = KEEP - 3;

/// The line that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct LongLines {
    /// Bytes of the line that were passed on.
    passed: usize,
    /// Bytes after them that are only passed on if the line turns out short enough.
    held: Vec<u8>,
    /// The line was cut: the rest of it is dropped.
    cut: bool,
}

impl LongLines {
    /// Passes `bytes` on to `kept`, without what is too long.
    pub(super) fn write(&mut self, bytes: &[u8], kept: &mut HeadTail) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            match piece.split_last() {
                Some((b'\n', text)) => {
                    self.text(text, kept);
                    self.finish(kept);
                    kept.push(b"\n");
                    *self = Self { held: std::mem::take(&mut self.held), ..Self::default() };
                }
                _ => self.text(piece, kept),
            }
        }
    }

    /// Passes on what is held back, because the line ends here.
    pub(super) fn finish(&mut self, kept: &mut HeadTail) {
        kept.push(&self.held);
        self.held.clear();
    }

    /// What is held back: the last bytes that were written, unless the line was cut.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    fn text(&mut self, text: &[u8], kept: &mut HeadTail) {
        if self.cut {
            return;
        }
        let (safe, rest) = text.split_at(text.len().min(SAFE - self.passed));
        kept.push(safe);
        self.passed += safe.len();
        let (held, over) = rest.split_at(rest.len().min(MAX_LINE - SAFE - self.held.len()));
        self.held.extend_from_slice(held);
        if !over.is_empty() {
            self.held.truncate(character_start(&self.held, KEEP - SAFE));
            self.finish(kept);
            kept.cut();
            self.cut = true;
        }
    }
}

/// The last position up to `at` where a UTF-8 character begins; `at` itself where there is none.
fn character_start(bytes: &[u8], at: usize) -> usize {
    (0..=at).rev().find(|&start| !is_continuation(bytes[start])).unwrap_or(at)
}

/// True for a byte that continues a UTF-8 character.
pub(super) fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}
