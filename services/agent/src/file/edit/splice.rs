//! What takes the place of lines that were found without regard to white space.

use super::endings::{Ending, Tally};
use super::indentation::Indentation;
use super::lines::{Line, Lines};

/// Where a line of the replacement comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It stands for this line of the search.
    Paired(usize),
    /// It is new, and this line of the search says where it stands.
    New(usize),
}

/// Makes replacements for all places where a search was found.
///
/// What search and replacement have in common stays as the file has it, line by line: white space
/// before and after the line, and its end. Where they differ, the replacement counts. That it does
/// so in the caller's own indentation would tear the line from its surroundings where the caller
/// took the file for indented otherwise; there, and for new lines, the level is translated.
#[derive(Debug)]
pub(super) struct Splicer<'a> {
    file: &'a Lines<'a>,
    search: &'a Lines<'a>,
    replace: &'a Lines<'a>,
    origins: Vec<Origin>,
    indentation: Indentation,
    /// The file's line end, for replacements that use one alone.
    common_ending: Option<Ending>,
}

impl<'a> Splicer<'a> {
    pub(super) fn new(file: &'a Lines<'a>, search: &'a Lines<'a>, replace: &'a Lines<'a>) -> Self {
        let consistent = Tally::of(replace.text()).consistent();
        let common_ending = consistent.map(|own| Tally::of(file.text()).dominant().unwrap_or(own));
        let indentation = Indentation::of(file, search, replace);
        Self { file, search, replace, origins: origins(search, replace), indentation, common_ending }
    }

    /// The text for the lines of the file from `row` on.
    pub(super) fn text(&self, row: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for (at, (line, origin)) in self.replace.iter().zip(&self.origins).enumerate() {
            self.push_body(&mut text, line, *origin, row);
            let is_last = at + 1 == self.replace.len();
            let ending = if is_last { self.last_ending(row) } else { self.inner_ending(line, *origin, row) };
            text.extend_from_slice(ending.bytes());
        }
        // A search that does not take the line end with it leaves a line, if an empty one.
        if self.replace.len() == 0 && self.search.last().is_some_and(|line| line.ending == Ending::None) {
            text.extend_from_slice(self.last_ending(row).bytes());
        }
        text
    }

    fn push_body(&self, text: &mut Vec<u8>, line: Line<'_>, origin: Origin, row: usize) {
        if line.core().is_empty() {
            text.extend_from_slice(line.body);
            return;
        }
        let (Origin::Paired(at) | Origin::New(at)) = origin;
        let (old, found) = (self.search.line(at), self.file.line(row + at));
        let (lead, trail) = match origin {
            Origin::Paired(_) => {
                let lead = if line.lead() == old.lead() {
                    found.lead().to_vec()
                } else if old.lead() == found.lead() {
                    line.lead().to_vec()
                } else {
                    self.translated(found, old, line).unwrap_or_else(|| line.lead().to_vec())
                };
                (lead, if line.trail() == old.trail() { found.trail() } else { line.trail() })
            }
            Origin::New(_) => {
                (self.translated(found, old, line).unwrap_or_else(|| found.lead().to_vec()), line.trail())
            }
        };
        text.extend_from_slice(&lead);
        text.extend_from_slice(line.core());
        text.extend_from_slice(trail);
    }

    fn translated(&self, found: Line<'_>, old: Line<'_>, new: Line<'_>) -> Option<Vec<u8>> {
        self.indentation.translate(found.lead(), old.lead(), new.lead())
    }

    fn inner_ending(&self, line: Line<'_>, origin: Origin, row: usize) -> Ending {
        if let Origin::Paired(at) = origin
            && self.search.line(at).ending == line.ending
            && self.file.line(row + at).ending != Ending::None
        {
            return self.file.line(row + at).ending;
        }
        self.common_ending.unwrap_or(line.ending)
    }

    /// The end of the last line. Where text follows, there is one; a file that ends without one
    /// gets none, unless the replacement asks for it and the search has none.
    fn last_ending(&self, row: usize) -> Ending {
        let found = self.file.line(row + self.search.len() - 1).ending;
        let old = self.search.last().map_or(Ending::None, |line| line.ending);
        let new = self.replace.last().map_or(Ending::None, |line| line.ending);
        match (found, old, new) {
            (Ending::None, Ending::None, Ending::Lf | Ending::CrLf) => self.common_ending.unwrap_or(new),
            _ => found,
        }
    }
}

/// Pairs the lines of the replacement with those of the search: the same ones at the beginning and
/// at the end, and those between in their order. What is left over is new.
fn origins(search: &Lines<'_>, replace: &Lines<'_>) -> Vec<Origin> {
    let is_same = |(old, new): &(Line<'_>, Line<'_>)| old.core() == new.core();
    let shorter = search.len().min(replace.len());
    let before = search.iter().zip(replace.iter()).take_while(is_same).count();
    let after = search.iter().rev().zip(replace.iter().rev()).take(shorter - before).take_while(is_same).count();
    let between = before..search.len() - after;
    (0..replace.len())
        .map(|at| {
            if at >= replace.len() - after {
                Origin::Paired(at + search.len() - replace.len())
            } else if at < between.end {
                Origin::Paired(at)
            } else {
                Origin::New(reference(search, between.end))
            }
        })
        .collect()
}

/// The line of the search next to which new lines stand: the last before them that is not empty,
/// or the first after.
fn reference(search: &Lines<'_>, end: usize) -> usize {
    let has_core = |row: &usize| !search.line(*row).core().is_empty();
    let before = (0..end).rev().find(has_core);
    before.or_else(|| (end..search.len()).find(has_core)).unwrap_or_default()
}
