//! Why an edit can not be made.

use super::MAX_CONTENT;

/// Why an edit can not be made. The texts tell a model what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// There is nothing to look for.
    #[error("`search` is empty; name the text to replace, or write the whole file")]
    EmptySearch,
    /// The text is not there; what is said is [`super::diagnostics`]'s.
    #[error("{0}")]
    NotFound(String),
    /// The text is there more than once.
    #[error(
        "`search` is in the file {count} times{}, in {}; take more of the text around the right one into it, or set \
         `replace_all`", if *.is_exact { "" } else { " apart from white space" }, places(lines, *count)
    )]
    Ambiguous {
        /// How often.
        count: usize,
        /// The first lines in which it begins, from 1.
        lines: Vec<usize>,
        /// Whether it was found byte by byte.
        is_exact: bool,
    },
    /// The edit changes line ends, and the text is there with others.
    #[error(
        "`search` and `replace` have different line ends, so `search` must be in the file exactly, and it is there \
         only apart from line ends or white space; use the same line ends in both to keep those of the file"
    )]
    LineEnds,
    /// The content would become too large.
    #[error("the file would have more than {MAX_CONTENT} bytes")]
    TooLarge,
}

impl Problem {
    /// How many lines an ambiguity names.
    pub(super) const MAX_LINES: usize = 5;
}

fn places(lines: &[usize], count: usize) -> String {
    let more = if count > lines.len() { " and others" } else { "" };
    let lines: Vec<_> = lines.iter().map(usize::to_string).collect();
    format!("line{} {}{more}", if lines.len() == 1 { "" } else { "s" }, lines.join(", "))
}
