//! Lines of what a script prints.

/// The longest line in bytes; the rest of it is left out.
const MAX_LINE: usize = 2048;
/// What is put in its place.
const CUT_MARKER: &str = " ... [truncated]";

/// Puts bytes together to lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    /// Adds bytes and calls `take` with each line that is complete.
    pub(super) fn push(&mut self, bytes: &[u8], mut take: impl FnMut(String)) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, is_end) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            let room = MAX_LINE - self.line.len();
            self.is_cut |= text.len() > room;
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if is_end {
                take(self.end());
            }
        }
    }

    /// Returns the last line, where it has no end.
    pub(super) fn finish(&mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.end())
    }

    fn end(&mut self) -> String {
        let text = String::from_utf8_lossy(&self.line);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        let line = if self.is_cut { format!("{text}{CUT_MARKER}") } else { text.to_owned() };
        *self = Self::default();
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, |line| found.push(line));
        }
        found.extend(lines.finish());
        found
    }

    #[test]
    fn lines_are_complete_whatever_the_pieces_and_a_long_one_is_cut() {
        assert_eq!(lines(&[b"a\nb", b"c\r\n", b"\n", b"d"]), ["a", "bc", "", "d"]);
        let long = [b'x'; 3000];
        let expected = format!("{}{CUT_MARKER}", "x".repeat(MAX_LINE));
        assert_eq!(lines(&[&long, &long, b"\nnext\n"]), [&*expected, "next"]);
        assert_eq!(lines(&[b"\xFF\n"]), ["\u{FFFD}"]);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(text in "[a-z\n]{0,200}", at in 0usize..200) {
            let (first, second) = text.as_bytes().split_at(at.min(text.len()));
            prop_assert_eq!(lines(&[first, second]), lines(&[text.as_bytes()]));
        }
    }
}
