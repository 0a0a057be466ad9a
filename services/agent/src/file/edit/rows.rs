//! Finds lines among lines.

use std::collections::HashMap;

use super::lines::{Line, Lines};

/// What counts of a line.
pub(super) type Key = for<'a> fn(Line<'a>) -> &'a [u8];

/// No line of the search.
const OTHER: u32 = u32::MAX;

/// The rows in which all lines of `search` follow each other, also where these places overlap.
///
/// Lines become numbers, and those are searched for with the automaton of Knuth, Morris and Pratt:
/// lines that repeat themselves in both texts cost no more than others.
pub(super) fn find(file: &Lines<'_>, search: &Lines<'_>, key: Key) -> Vec<usize> {
    let mut numbers = HashMap::new();
    let mut pattern = Vec::with_capacity(search.len());
    for line in search.iter() {
        let next = u32::try_from(numbers.len()).unwrap_or(OTHER);
        pattern.push(*numbers.entry(key(line)).or_insert(next));
    }
    let borders = borders(&pattern);
    let mut found = Vec::new();
    let mut matched = 0;
    for (row, line) in file.iter().enumerate() {
        let number = numbers.get(key(line)).copied().unwrap_or(OTHER);
        while matched > 0 && (matched == pattern.len() || pattern[matched] != number) {
            matched = borders[matched - 1];
        }
        if pattern.get(matched) == Some(&number) {
            matched += 1;
        }
        if matched == pattern.len() {
            found.push(row + 1 - matched);
        }
    }
    found
}

/// For each beginning of the pattern, the length of its longest proper end that begins it, too.
fn borders(pattern: &[u32]) -> Vec<usize> {
    let mut borders = vec![0; pattern.len()];
    for at in 1..pattern.len() {
        let mut length: usize = borders[at - 1];
        while length > 0 && pattern[length] != pattern[at] {
            length = borders[length - 1];
        }
        borders[at] = if pattern[length] == pattern[at] { length + 1 } else { 0 };
    }
    borders
}
