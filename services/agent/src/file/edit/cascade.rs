//! The order in which ways to find a text are tried.

use std::ops::Range;

use super::endings::Tally;
use super::lines::Lines;
use super::splice::Splicer;
use super::{Edit, Pass, Problem, diagnostics, exact, rows};

/// Where a text was found, and what takes its place.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Range<usize>, &[u8]) -> Result<(), Problem>;

/// Finds what an edit replaces, and visits the places in their order; they do not overlap. Nothing
/// is visited where the text occurs more often than the edit allows.
///
/// # Errors
/// The text is not there, or there too often; or what `visit` returns.
pub(crate) fn each(content: &[u8], edit: &Edit<'_>, visit: Visit<'_>) -> Result<Pass, Problem> {
    if edit.search.is_empty() {
        return Err(Problem::EmptySearch);
    }
    if exact::each(content, edit, visit)? {
        return Ok(Pass::Exact);
    }
    let (file, search) = (Lines::of(content), Lines::of(edit.search));
    // White space alone would be found everywhere.
    if search.iter().all(|line| line.core().is_empty()) {
        return Err(Problem::NotFound(diagnostics::BLANK.to_owned()));
    }
    let passes: [(Pass, rows::Key); 2] =
        [(Pass::TrailingBlanks, |line| line.without_trailing_blanks()), (Pass::Whitespace, |line| line.core())];
    for (pass, key) in passes {
        let found = rows::find(&file, &search, key);
        if !found.is_empty() {
            return by_lines(&file, &search, edit, &found, visit).map(|()| pass);
        }
    }
    Err(Problem::NotFound(diagnostics::explain(&file, &search)))
}

fn by_lines(
    file: &Lines<'_>,
    search: &Lines<'_>,
    edit: &Edit<'_>,
    found: &[usize],
    visit: Visit<'_>,
) -> Result<(), Problem> {
    if found.len() > 1 && !edit.replace_all {
        let lines = found.iter().take(Problem::MAX_LINES).map(|row| row + 1).collect();
        return Err(Problem::Ambiguous { count: found.len(), lines, is_exact: false });
    }
    // Who asks for other line ends means just these bytes.
    let (old, new) = (Tally::of(edit.search).consistent(), Tally::of(edit.replace).consistent());
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        return Err(Problem::LineEnds);
    }
    let replace = Lines::of(edit.replace);
    let splicer = Splicer::new(file, search, &replace);
    let mut free = 0;
    for &row in found {
        // Of occurrences that overlap, the first is replaced.
        if row >= free {
            free = row + search.len();
            visit(file.bytes(row..free), &splicer.text(row))?;
        }
    }
    Ok(())
}
