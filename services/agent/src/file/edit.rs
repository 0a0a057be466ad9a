//! Replaces texts in bytes: what `EditFiles` does, without files.
//!
//! A text is looked for exactly, then line by line without blanks at the ends of lines, then line by
//! line without white space around them; the first way that finds it decides ([`cascade`]). What is
//! outside of the places that were found stays as it is, byte by byte, whatever it is. All searches
//! take time in proportion to the bytes, also where somebody makes up the worst ones.

mod cascade;
mod diagnostics;
pub(super) mod diff;
mod endings;
mod exact;
mod hints;
mod indentation;
mod lines;
mod problem;
mod rows;
mod splice;
#[cfg(test)]
mod tests;

pub(super) use cascade::each;
pub(super) use problem::Problem;

/// The largest content, before an edit and after it.
pub(super) const MAX_CONTENT: usize = 8 * 1024 * 1024;

/// One text to replace by another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edit<'a> {
    /// What is looked for; not empty.
    pub(super) search: &'a [u8],
    /// What takes its place.
    pub(super) replace: &'a [u8],
    /// Whether every occurrence is replaced; otherwise there must be one only.
    pub(super) replace_all: bool,
}

/// How a text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Byte by byte.
    Exact,
    /// By lines, without blanks at their ends.
    TrailingBlanks,
    /// By lines, without white space around them.
    Whitespace,
}

/// Content after an edit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Applied {
    /// The new content.
    pub(super) content: Vec<u8>,
    /// How many places were replaced.
    pub(super) replacements: u32,
    /// How they were found.
    pub(super) pass: Pass,
}

/// Makes one edit.
///
/// # Errors
/// The text is not there, or there too often, or the content would become too large.
pub(super) fn apply(content: &[u8], edit: &Edit<'_>) -> Result<Applied, Problem> {
    let mut new = Vec::with_capacity(content.len());
    let (mut copied, mut replacements) = (0, 0);
    let pass = each(content, edit, &mut |range, text| {
        new.extend_from_slice(&content[copied..range.start]);
        new.extend_from_slice(text);
        (copied, replacements) = (range.end, replacements + 1);
        if new.len() > MAX_CONTENT { Err(Problem::TooLarge) } else { Ok(()) }
    })?;
    new.extend_from_slice(&content[copied..]);
    if new.len() > MAX_CONTENT {
        return Err(Problem::TooLarge);
    }
    Ok(Applied { content: new, replacements, pass })
}
