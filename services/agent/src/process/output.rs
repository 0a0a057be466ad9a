//! What a process wrote, in constant memory: the first 16 KiB, the last 16 KiB and exact counts.
//!
//! Bytes pass [`LongLines`], which cuts lines that are too long while they arrive, and end in
//! [`HeadTail`], which keeps both ends. [`render`] makes text of at most 32 KiB of that, including
//! the line that says how much is missing. Nothing but source bytes is ever stored, so the counts
//! need no correction: what was written is what is kept plus what is missing.

mod head_tail;
mod live;
mod long_lines;
mod render;
#[cfg(test)]
mod tests;

use head_tail::HeadTail;
#[cfg(test)]
pub(super) use live::LIVE_BYTES;
pub(super) use live::Live;
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

    /// How many bytes were written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The first bytes, as far as they are kept as they were written.
    pub(super) fn first(&self) -> Vec<u8> {
        let (head, cuts) = self.kept.head();
        head[..cuts.first().copied().unwrap_or(head.len())].to_vec()
    }

    /// The last bytes up to now, as far as they are kept as they were written, and how many were
    /// written before them.
    pub(super) fn last(&self) -> (u64, Vec<u8>) {
        let (head, head_cuts) = self.kept.head();
        let (tail, tail_cuts) = self.kept.tail();
        let bytes = match tail_cuts.last() {
            Some(&cut) => tail[cut..].to_vec(),
            None if self.kept.missing() > 0 => tail,
            None => [&head[head_cuts.last().copied().unwrap_or(0)..], &tail].concat(),
        };
        let bytes = [&bytes[..], self.lines.held()].concat();
        (self.written - bytes.len() as u64, bytes)
    }

    /// Makes text of what is kept.
    pub(super) fn render(mut self) -> Rendered {
        self.lines.finish(&mut self.kept);
        render::render(&self.kept, self.written)
    }
}
