//! What a process wrote, in constant memory: the first 16 KiB, the last 16 KiB and exact counts.
//!
//! Bytes pass [`LongLines`], which cuts lines that are too long while they arrive, and end in
//! [`HeadTail`], which keeps both ends. [`render`] makes text of at most 32 KiB of that, including
//! the line that says how much is missing. Nothing but source bytes is ever stored, so the counts
//! need no correction: what was written is what is kept plus what is missing.

mod head_tail;
mod long_lines;
mod render;
#[cfg(test)]
mod tests;

use head_tail::HeadTail;
use long_lines::LongLines;
pub(super) use render::Rendered;

/// The longest text, markers included.
pub(super) const MAX_TEXT: usize = 32 * 1024;
/// What is put at the end of a line that was cut.
pub(super) const CUT_MARKER: &str = " ... [truncated]";
/// The longest line, its marker included and its line end not.
pub(super) const MAX_LINE: usize = 2048;

/// The output of one process.
#[derive(Debug, Clone, Default)]
pub(super) struct Output {
    written: u64,
    lines: LongLines,
    kept: HeadTail,
}

impl Output {
    /// Adds bytes at the end.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        self.lines.write(bytes, &mut self.kept);
    }

    /// Makes text of what is kept.
    pub(super) fn render(mut self) -> Rendered {
        self.lines.finish(&mut self.kept);
        render::render(&self.kept, self.written)
    }
}
