//! The hunks of a unified diff.

use std::ops::Range;

use similar::{Algorithm, DiffOp, DiffTag, capture_diff_slices, group_diff_ops};

/// How many unchanged lines stand around a change.
const CONTEXT: usize = 3;

/// Compares two texts line by line. Returns `None` where the result has more than `limit` bytes.
///
/// Lines end with a line feed and with nothing else, so that what comes out can be applied. The
/// comparison bounds its work by the size of the texts, so that no pair of texts takes for ever;
/// it has no deadline, because the same texts must always give the same diff.
pub(super) fn unified(old: &[u8], new: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (old, new) = (lines(old), lines(new));
    let mut text = Vec::new();
    for group in group_diff_ops(capture_diff_slices(Algorithm::Myers, &old, &new), CONTEXT) {
        write_header(&mut text, &group);
        for operation in group {
            let (tag, old_range, new_range) = operation.as_tag_tuple();
            match tag {
                DiffTag::Equal => write_lines(&mut text, b' ', &old[old_range]),
                DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                    write_lines(&mut text, b'-', &old[old_range]);
                    write_lines(&mut text, b'+', &new[new_range]);
                }
            }
            if text.len() > limit {
                return None;
            }
        }
    }
    Some(text)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

fn write_header(text: &mut Vec<u8>, group: &[DiffOp]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let old = first.old_range().start..last.old_range().end;
    let new = first.new_range().start..last.new_range().end;
    text.extend_from_slice(format!("@@ -{} +{} @@\n", range(&old), range(&new)).as_bytes());
}

/// Lines are counted from 1; no lines stand after the line before them.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        count => format!("{},{count}", lines.start + 1),
    }
}

fn write_lines(text: &mut Vec<u8>, sign: u8, lines: &[&[u8]]) {
    for line in lines {
        text.push(sign);
        text.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            text.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        String::from_utf8(unified(old.as_bytes(), new.as_bytes(), 1000).expect("short")).expect("text")
    }

    #[test]
    fn hunks_are_those_of_git() {
        for (old, new, expected) in [
            ("", "a\n", "@@ -0,0 +1 @@\n+a\n"),
            ("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n"),
            ("a\nb\n", "a\nc\n", "@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
            ("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
            ("a\rb\r\n", "a\rc\r\n", "@@ -1 +1 @@\n-a\rb\r\n+a\rc\r\n"),
            ("a\r", "b\r", "@@ -1 +1 @@\n-a\r\n\\ No newline at end of file\n+b\r\n\\ No newline at end of file\n"),
            ("same\n", "same\n", ""),
        ] {
            assert_eq!(diff(old, new), expected, "{old:?} {new:?}");
        }
        let old: String = (1..=20).map(|line| format!("{line}\n")).collect();
        let new = old.replace("5\n", "five\n").replace("18\n", "eighteen\n");
        let expected = "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n@@ -12,9 +12,9 @@\n 12\n 13\n 14\n-15\n";
        assert!(diff(&old, &new).starts_with(expected), "{}", diff(&old, &new));
    }

    #[test]
    fn a_long_diff_is_none() {
        let long = "line\n".repeat(100);
        assert_eq!(unified(b"", long.as_bytes(), 600), None);
        assert!(unified(b"", long.as_bytes(), 700).is_some());
    }
}
