//! Finds a text byte by byte.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::cascade::Visit;
use super::endings::{Tally, converted};
use super::{Edit, Problem};

/// Visits the places where the text stands exactly; false where there is none.
pub(super) fn each(content: &[u8], edit: &Edit<'_>, visit: Visit<'_>) -> Result<bool, Problem> {
    let finder = Finder::new(edit.search);
    let mut starts = finder.find_iter(content);
    let Some(first) = starts.next() else { return Ok(false) };
    if !edit.replace_all {
        let mut count = 1 + starts.count();
        // Occurrences that overlap are as good as each other, too.
        if count == 1 && finder.find(&content[first + 1..]).is_some() {
            count = 2;
        }
        if count > 1 {
            let lines = finder.find_iter(content).take(Problem::MAX_LINES);
            let lines = lines.map(|start| 1 + memchr::memchr_iter(b'\n', &content[..start]).count()).collect();
            return Err(Problem::Ambiguous { count, lines, is_exact: true });
        }
    }
    let text = replacement(content, edit);
    for start in finder.find_iter(content).take(if edit.replace_all { usize::MAX } else { 1 }) {
        visit(start..start + edit.search.len(), &text)?;
    }
    Ok(true)
}

/// The replacement. Where the search does not say which line ends the caller has in mind, they
/// become those of the file: who was shown a file by lines can not know them.
fn replacement<'a>(content: &[u8], edit: &Edit<'a>) -> Cow<'a, [u8]> {
    let own = Tally::of(edit.replace).consistent();
    let (Some(own), false) = (own, edit.search.iter().any(|byte| matches!(byte, b'\r' | b'\n'))) else {
        return Cow::Borrowed(edit.replace);
    };
    match Tally::of(content).dominant() {
        Some(dominant) if dominant != own => Cow::Owned(converted(edit.replace, dominant)),
        _ => Cow::Borrowed(edit.replace),
    }
}
