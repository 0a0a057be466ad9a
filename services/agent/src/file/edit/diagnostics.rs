//! Says of a text that was not found what comes closest to it.

use std::collections::HashMap;

use super::hints::{code_points, loose, quoted};
use super::lines::Lines;

/// What is said of a search for white space alone.
pub(super) const BLANK: &str =
    "`search` is not in the file; white space alone is only found as it is, so add a line next to it";
/// Longer searches are not compared with the file.
const MAX_SEARCH_LINES: usize = 200;
/// How many pairs of equal lines are looked at: in texts of equal lines there are many.
const MAX_PAIRS: usize = 20_000_000;

/// Rows of the search by what their lines look like.
#[derive(Debug, Default)]
struct Rows<K>(HashMap<K, Vec<usize>>);

/// Says why a search was not found.
pub(super) fn explain(file: &Lines<'_>, search: &Lines<'_>) -> String {
    let closest = if search.len() > MAX_SEARCH_LINES { None } else { closest(file, search) };
    match closest {
        Some(text) => format!("`search` is not in the file; {text}"),
        None if search.len() > MAX_SEARCH_LINES => {
            format!("`search` is not in the file; its {} lines are too many to say what differs", search.len())
        }
        None if search.len() == 1 => "`search` is not in the file, and no line resembles it; read the file".to_owned(),
        None => format!("`search` is not in the file, and neither is one of its {} lines; read the file", search.len()),
    }
}

/// Describes the place that has most lines in common with the search, and the first line that differs.
fn closest(file: &Lines<'_>, search: &Lines<'_>) -> Option<String> {
    let start = start_of_closest(file, search)?;
    let row_in_file = |row: usize| (start + row).checked_sub(search.len() - 1).filter(|row| *row < file.len());
    let is_same = |row: &usize| row_in_file(*row).is_some_and(|at| file.line(at).core() == search.line(*row).core());
    let same = (0..search.len()).filter(is_same).count();
    let differing = (0..search.len()).find(|row| !is_same(row))?;
    let first = row_in_file(0).unwrap_or(0) + 1;
    let last = row_in_file(search.len() - 1).map_or(file.len(), |row| row + 1);
    let place = if first == last { format!("line {first}") } else { format!("lines {first} to {last}") };

    let expected = search.line(differing).core();
    let difference = match row_in_file(differing) {
        None => format!("line {} of `search` would be outside of the file", differing + 1),
        Some(row) => {
            let actual = file.line(row).core();
            let hint = code_points(expected, actual).map_or_else(String::new, |hint| format!(" ({hint})"));
            let (expected, actual) = (quoted(expected), quoted(actual));
            format!("line {} of `search` is {expected} where line {} is {actual}{hint}", differing + 1, row + 1)
        }
    };
    Some(format!("closest is {place}, where {same} of {} lines match: {difference}", search.len()))
}

/// Where the search would begin in the file, moved by the length of the search less one so that it
/// is not negative.
fn start_of_closest(file: &Lines<'_>, search: &Lines<'_>) -> Option<usize> {
    let (mut strict, mut similar) = (Rows::default(), Rows::default());
    for (row, line) in search.iter().enumerate().filter(|(_, line)| !line.core().is_empty()) {
        strict.add(line.core(), row);
        similar.add(loose(line.core()), row);
    }
    // A line that is the same counts twice, since it is also similar.
    let mut scores = vec![0u16; file.len() + search.len()];
    let mut pairs = 0;
    for (at, line) in file.iter().enumerate() {
        let core = line.core();
        if core.is_empty() {
            continue;
        }
        for row in strict.of(core).iter().chain(similar.of(loose(core).as_str())) {
            scores[at + search.len() - 1 - row] += 1;
            pairs += 1;
        }
        if pairs > MAX_PAIRS {
            break;
        }
    }
    let best = scores.iter().copied().max().filter(|score| *score > 0)?;
    scores.iter().position(|score| *score == best)
}

impl<K: std::hash::Hash + Eq> Rows<K> {
    fn add(&mut self, key: K, row: usize) {
        self.0.entry(key).or_default().push(row);
    }

    fn of<Q: std::hash::Hash + Eq + ?Sized>(&self, key: &Q) -> &[usize]
    where
        K: std::borrow::Borrow<Q>,
    {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}
