use std::ops::Range;

use proptest::prelude::*;

use super::super::diff::{Diff, unified};
use super::super::each;
use super::*;

/// Where something was replaced, and by what.
type Place = (Range<usize>, Vec<u8>);

/// The places of an edit and what took their place.
fn places(content: &[u8], edit: &Edit<'_>) -> Result<(Pass, Vec<Place>), Problem> {
    let mut places = Vec::new();
    let pass = each(content, edit, &mut |range, text| {
        places.push((range, text.to_vec()));
        Ok(())
    })?;
    Ok((pass, places))
}

/// Lines of few kinds, so that searches find something.
fn lines(max: usize) -> impl Strategy<Value = String> {
    let line = ("[ \t]{0,3}", "[ab{}]{0,2}", "[ \t]{0,2}", prop_oneof![Just("\n"), Just("\r\n")]);
    let line = line.prop_map(|(lead, core, trail, end)| format!("{lead}{core}{trail}{end}"));
    (proptest::collection::vec(line, 1..max), any::<bool>()).prop_map(|(lines, ends)| {
        let text = lines.concat();
        if ends { text } else { text.trim_end_matches(['\r', '\n']).to_owned() }
    })
}

/// The lines of a text without white space around them.
fn cores(text: &[u8]) -> Vec<&[u8]> {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines
        .map(|line| {
            let start = line.iter().position(|byte| !space(byte)).unwrap_or(line.len());
            let end = line.iter().rposition(|byte| !space(byte)).map_or(start, |at| at + 1);
            &line[start..end]
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// F04: bytes outside of the places that were found are unchanged.
    #[test]
    fn f04_only_what_was_found_changes(
        content in lines(12), search in lines(4), replace in lines(5), replace_all in any::<bool>(),
    ) {
        let edit = Edit { search: search.as_bytes(), replace: replace.as_bytes(), replace_all };
        let content = content.as_bytes();
        let Ok((pass, places)) = places(content, &edit) else {
            prop_assert!(apply(content, &edit).is_err());
            return Ok(());
        };
        let applied = apply(content, &edit).expect("applied");
        prop_assert_eq!(applied.replacements as usize, places.len());
        prop_assert!(places.len() == 1 || (replace_all && !places.is_empty()));

        let mut rest = &applied.content[..];
        let mut end = 0;
        for (range, text) in &places {
            prop_assert!(range.start >= end && range.end > range.start && range.end <= content.len());
            let (untouched, after) = rest.split_at(range.start - end);
            prop_assert_eq!(untouched, &content[end..range.start]);
            rest = after.strip_prefix(&text[..]).expect("the replacement follows");
            end = range.end;

            let found = &content[range.clone()];
            match pass {
                Pass::Exact => prop_assert_eq!(found, search.as_bytes()),
                _ => {
                    prop_assert_eq!(cores(found), cores(search.as_bytes()));
                    prop_assert!(range.start == 0 || content[range.start - 1] == b'\n', "whole lines");
                    prop_assert!(range.end == content.len() || content[range.end - 1] == b'\n', "whole lines");
                    let is_glued = range.end < content.len() && text.last().is_some_and(|&last| last != b'\n');
                    prop_assert!(!is_glued, "what follows is not glued on");
                }
            }
        }
        prop_assert_eq!(rest, &content[end..]);
    }

    /// F04: a text is found wherever a plain search finds it, and nowhere else.
    #[test]
    fn f04_nothing_is_overlooked(content in lines(12), search in lines(3)) {
        prop_assume!(!search.is_empty());
        let edit = Edit { search: search.as_bytes(), replace: b"x", replace_all: false };
        let (file, wanted) = (cores(content.as_bytes()), cores(search.as_bytes()));
        let windows = file.windows(wanted.len()).filter(|window| **window == wanted[..]).count();
        let is_blank = wanted.iter().all(|line| line.is_empty());
        match apply(content.as_bytes(), &edit) {
            Ok(Applied { pass: Pass::Exact, .. }) => prop_assert!(content.contains(&search)),
            Ok(_) => prop_assert!(windows >= 1 && !is_blank),
            Err(Problem::Ambiguous { count, is_exact: true, .. }) => {
                prop_assert!(count >= content.matches(&search).count() && count > 1);
            }
            Err(Problem::Ambiguous { count, .. }) => prop_assert!(count > 1 && count <= windows),
            Err(Problem::NotFound(_)) => prop_assert!((windows == 0 || is_blank) && !content.contains(&search)),
            Err(other) => prop_assert!(matches!(other, Problem::LineEnds), "{}", other),
        }
    }

    /// F04: to replace a text by itself changes nothing, however it was found.
    #[test]
    fn f04_a_replacement_by_the_same_changes_nothing_but_empty_lines(content in lines(12), search in lines(4)) {
        let edit = Edit { search: search.as_bytes(), replace: search.as_bytes(), replace_all: true };
        if let Ok(applied) = apply(content.as_bytes(), &edit) {
            let full = |text: &[u8]| cores(text).into_iter().filter(|core| !core.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>();
            prop_assert_eq!(full(&applied.content), full(content.as_bytes()));
            if cores(search.as_bytes()).iter().all(|core| !core.is_empty()) && applied.pass != Pass::Exact {
                prop_assert_eq!(applied.content, content.into_bytes());
            }
        }
    }

    /// F04: any bytes at all.
    #[test]
    fn f04_any_bytes_can_be_edited(
        content in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(), length in 1usize..20,
        replace in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        prop_assume!(!content.is_empty());
        let start = at.index(content.len());
        let end = content.len().min(start + length);
        let edit = Edit { search: &content[start..end], replace: &replace, replace_all: true };
        let applied = apply(&content, &edit).expect("it is there");
        prop_assert_eq!(applied.pass, Pass::Exact);
        prop_assert!(unified("f", &content, &applied.content, 300).text.len() <= 300);
    }

    /// F03: the difference says what changed, in the format that everybody reads.
    #[test]
    fn f03_a_difference_makes_the_new_content_of_the_old(old in lines(12), new in lines(12)) {
        let diff = unified("f", old.as_bytes(), new.as_bytes(), usize::MAX).text;
        prop_assert_eq!(diff.is_empty(), old == new);
        if old == new {
            return Ok(());
        }
        prop_assert!(diff.starts_with("--- f\n+++ f\n@@ "));
        prop_assert_eq!(patched(&old, &diff), new);
    }
}

/// F03: what stands for bytes that are no text counts, too.
#[test]
fn f03_a_difference_that_is_shown_longer_than_it_is_keeps_its_bound() {
    let new = [0xFF; 100];
    let diff = unified("f", b"", &new, 1000);
    assert!(diff.text.ends_with("\u{FFFD}\n\\ No newline at end of file\n") && !diff.truncated, "{diff:?}");
    assert_eq!(unified("f", b"", &new, 300), Diff { text: String::new(), truncated: true });
}

/// F03: a carriage return alone ends no line.
#[test]
fn f03_a_last_line_that_ends_in_a_return_is_one_without_newline() {
    let diff = unified("a\nb", b"x\r", b"y\r", 1000).text;
    let end = "\\ No newline at end of file\n";
    assert_eq!(diff, format!("--- a?b\n+++ a?b\n@@ -1 +1 @@\n-x\r\n{end}+y\r\n{end}"));
}

/// Applies a difference, which knows where it belongs.
fn patched(old: &str, diff: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let (mut new, mut at) = (String::new(), 0);
    let mut is_new = false;
    for line in diff.split_inclusive('\n').skip(2) {
        let rest = &line[1..];
        match &line[..1] {
            "@" => {
                let start: usize =
                    line[4..].split([',', ' ']).next().and_then(|number| number.parse().ok()).expect("a number");
                let is_empty = line[4..].split(' ').next().is_some_and(|range| range.ends_with(",0"));
                let start = if is_empty { start } else { start - 1 };
                new.push_str(&old[at..start].concat());
                at = start;
            }
            "-" => at += 1,
            " " | "+" => {
                new.push_str(rest);
                at += usize::from(line.starts_with(' '));
            }
            // The line before has no newline; the format had to give it one.
            "\\" if is_new => drop(new.pop()),
            "\\" => {}
            other => panic!("{other:?}"),
        }
        is_new = line.starts_with([' ', '+']);
    }
    new.push_str(&old[at..].concat());
    new
}
