//! What lines that look alike differ in.

use std::collections::BTreeMap;

/// The longest part of a line that an error shows, in characters.
const MAX_QUOTED: usize = 120;
/// The most differences that are told.
const MAX_HINTS: usize = 3;

/// A line without what the eye takes lightly: white space, how long a row of signs is, and which of
/// several similar signs is used.
pub(super) fn loose(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut key = String::with_capacity(text.len());
    for letter in text.chars().filter(|letter| !is_invisible(*letter)).map(plain) {
        if letter.is_alphanumeric() || !key.ends_with(letter) {
            key.push(letter);
        }
    }
    key
}

fn is_invisible(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}')
}

/// The sign on the keyboard that a typographic one stands for.
fn plain(letter: char) -> char {
    match letter {
        '\u{2018}' | '\u{2019}' | '\u{2032}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{2033}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        other => other,
    }
}

/// Which characters two lines that look alike have in different numbers.
pub(super) fn code_points(search: &[u8], file: &[u8]) -> Option<String> {
    if loose(search) != loose(file) {
        return None;
    }
    let mut counts: BTreeMap<char, (usize, usize)> = BTreeMap::new();
    for letter in String::from_utf8_lossy(search).chars() {
        counts.entry(letter).or_default().0 += 1;
    }
    for letter in String::from_utf8_lossy(file).chars() {
        counts.entry(letter).or_default().1 += 1;
    }
    let mut different: Vec<_> = counts.into_iter().filter(|(_, (search, file))| search != file).collect();
    different.sort_by_key(|(_, (search, file))| std::cmp::Reverse(search.abs_diff(*file)));
    let hints = different.into_iter().take(MAX_HINTS).map(|(letter, (search, file))| {
        let sign = if letter.is_control() || is_invisible(letter) { String::new() } else { format!(" {letter}") };
        format!("`search` has {search} of U+{:04X}{sign}, the file {file}", u32::from(letter))
    });
    Some(hints.collect::<Vec<_>>().join("; ")).filter(|hint| !hint.is_empty())
}

/// A line as an error shows it.
pub(super) fn quoted(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    match text.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("`{}`...", &text[..end]),
        None => format!("`{text}`"),
    }
}
