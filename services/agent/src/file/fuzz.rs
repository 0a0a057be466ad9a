//! What `tests/fuzz` feeds with bytes. Nothing else uses it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::edit::{self, Edit, Pass};
use super::error::Error;
use super::path::{absolute, absolute_or_home, follow_links};

/// How an edit went.
#[derive(Debug, PartialEq, Eq)]
pub struct Edited {
    /// The places in the old content and what took their place.
    pub places: Vec<(Range<usize>, Vec<u8>)>,
    /// The new content.
    pub content: Vec<u8>,
    /// Whether the text was found byte by byte.
    pub is_exact: bool,
}

/// Makes one edit.
///
/// # Errors
/// The edit can not be made; the text says why.
pub fn edit(content: &[u8], search: &[u8], replace: &[u8], replace_all: bool) -> Result<Edited, String> {
    let edit = Edit { search, replace, replace_all };
    let mut places = Vec::new();
    let pass = edit::each(content, &edit, &mut |range, text| {
        places.push((range, text.to_vec()));
        Ok(())
    });
    let applied = edit::apply(content, &edit).map_err(|problem| problem.to_string())?;
    pass.map_err(|problem| problem.to_string())?;
    Ok(Edited { places, content: applied.content, is_exact: applied.pass == Pass::Exact })
}

/// The difference between two contents.
#[must_use]
pub fn diff(old: &[u8], new: &[u8], max_bytes: usize) -> String {
    edit::diff::unified("file", old, new, max_bytes).text
}

/// Takes a path by the rules of all calls; `home` stands for `~` where it is given.
///
/// # Errors
/// The path is refused; the text says why.
pub fn path(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let path = if home.is_some() { absolute_or_home(text, home) } else { absolute(text) };
    path.map_err(|error: Error| error.to_string())
}

/// Follows the links of a path.
///
/// # Errors
/// The system refused.
pub fn resolve(path: &Path) -> std::io::Result<PathBuf> {
    follow_links(path)
}
