//! The hunks of a unified diff.

use std::ops::Range;

use gix::diff::blob::{Algorithm, Hunk, InternedInput, diff_with_slider_heuristics};

/// How many unchanged lines stand around a change.
const CONTEXT: u32 = 3;
/// The most lines from the first change to the last one. Up to here the comparison is quick whatever
/// is in the lines; beyond, there are texts that keep a thread busy for minutes.
const MAX_LINES: usize = 50_000;

/// Why two texts have no diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    #[error("the first change and the last one are more than {MAX_LINES} lines apart")]
    Lines,
    #[error("it has more than {0} bytes")]
    Bytes(usize),
}

/// Compares two texts line by line.
///
/// Lines end with a line feed and with nothing else, so that what comes out can be applied. There
/// is no deadline: the same texts must always give the same diff.
///
/// # Errors
/// The changes are too far apart, or the diff has more than `limit` bytes.
pub(crate) fn unified(old: &[u8], new: &[u8], limit: usize) -> Result<Vec<u8>, TooMuch> {
    let (old, new) = (lines(old), lines(new));
    if is_long(&old, &new) {
        return Err(TooMuch::Lines);
    }
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    let mut text = Vec::new();
    for group in groups(diff.hunks()) {
        write_group(&mut text, &group, &old, &new);
        if text.len() > limit {
            return Err(TooMuch::Bytes(limit));
        }
    }
    Ok(text)
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// True where there is too much to compare between the first change and the last one. What was only
/// added or only removed needs no comparison.
fn is_long(old: &[&[u8]], new: &[&[u8]]) -> bool {
    let prefix = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[prefix..], &new[prefix..]);
    let suffix = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.len() - suffix, new.len() - suffix);
    old.min(new) > 0 && old.max(new) > MAX_LINES
}

/// Changes whose surroundings touch stand together.
fn groups(changes: impl Iterator<Item = Hunk>) -> Vec<Vec<Hunk>> {
    let mut groups: Vec<Vec<Hunk>> = Vec::new();
    for change in changes {
        let group = groups
            .last_mut()
            .filter(|group| group.last().is_some_and(|last| change.before.start - last.before.end <= 2 * CONTEXT));
        match group {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    groups
}

fn write_group(text: &mut Vec<u8>, group: &[Hunk], old: &[&[u8]], new: &[&[u8]]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    // Before the first change and after the last one both texts are the same.
    let before = first.before.start.min(CONTEXT);
    let after = (old.len() - last.before.end as usize).min(CONTEXT as usize);
    let old_range = (first.before.start - before) as usize..last.before.end as usize + after;
    let new_range = (first.after.start - before) as usize..last.after.end as usize + after;
    text.extend_from_slice(format!("@@ -{} +{} @@\n", range(&old_range), range(&new_range)).as_bytes());
    let mut at = old_range.start;
    for change in group {
        let (removed, added) = (to_usize(&change.before), to_usize(&change.after));
        write_lines(text, b' ', &old[at..removed.start]);
        at = removed.end;
        write_lines(text, b'-', &old[removed]);
        write_lines(text, b'+', &new[added]);
    }
    write_lines(text, b' ', &old[at..old_range.end]);
}

fn to_usize(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
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
    use proptest::prelude::*;

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
    fn long_texts_and_long_diffs_are_refused() {
        let long = "line\n".repeat(100);
        assert_eq!(unified(b"", long.as_bytes(), 600), Err(TooMuch::Bytes(600)));
        assert!(unified(b"", long.as_bytes(), 700).is_ok());
        let longer = "\n".repeat(MAX_LINES + 1);
        assert_eq!(unified(b"a\n", longer.as_bytes(), 1_000_000), Err(TooMuch::Lines));
        assert!(unified(b"a\n", &longer.as_bytes()[1..], 1_000_000).is_ok());
        assert!(unified(b"", longer.as_bytes(), 1_000_000).is_ok(), "all of it is new");
        let (old, new) = (format!("{longer}a\n{longer}"), format!("{longer}b\n{longer}"));
        assert!(unified(old.as_bytes(), new.as_bytes(), 100).is_ok(), "it is one change");
    }

    #[test]
    fn no_texts_make_the_comparison_go_too_deep_or_take_for_ever() {
        let mut random: u64 = 1;
        let mut text = |kinds: u64| -> String {
            let mut line = || {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{}\n", (random >> 33) % kinds)
            };
            (0..MAX_LINES).map(|_| line()).collect()
        };
        for kinds in [1, 2, 1000] {
            let (old, new) = (text(kinds), text(kinds));
            assert_ne!(unified(old.as_bytes(), new.as_bytes(), 256 * 1024), Err(TooMuch::Lines));
        }
    }

    /// What a text becomes when a diff is applied to it.
    fn applied(old: &str, diff: &str) -> String {
        let mut rest = old.split_inclusive('\n');
        let (mut new, mut at) = (String::new(), 0);
        let mut lines = diff.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            let (sign, mut text) = line.split_at(1);
            if sign == "@" {
                let place = text.split(['-', ',', ' ']).nth(2).expect("a place").parse::<usize>().expect("a number");
                let is_empty = text.starts_with(&format!("@ -{place},0 "));
                let first = if is_empty { place } else { place - 1 };
                new.extend(rest.by_ref().take(first - at));
                at = first;
                continue;
            }
            if lines.peek().is_some_and(|next| next.starts_with('\\')) {
                lines.next();
                text = text.strip_suffix('\n').expect("a line end");
            }
            if sign != "+" {
                assert_eq!(rest.next(), Some(text), "{diff}");
                at += 1;
            }
            if sign != "-" {
                new.push_str(text);
            }
        }
        new.extend(rest);
        new
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_diff_that_is_applied_to_the_old_text_gives_the_new_one(
            old in "([ab\r]{0,2}\n){0,30}[ab\r]{0,2}",
            new in "([ab\r]{0,2}\n){0,30}[ab\r]{0,2}",
        ) {
            let diff = unified(old.as_bytes(), new.as_bytes(), 100_000).expect("short");
            let diff = String::from_utf8(diff).expect("text");
            prop_assert_eq!(applied(&old, &diff), new);
        }
    }
}
