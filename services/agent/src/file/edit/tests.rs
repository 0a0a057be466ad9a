mod cascade;
mod diagnostics;
mod endings;
mod indentation;
mod properties;
mod splice;

use super::{Applied, Edit, Pass, Problem, apply};

fn edit(content: &str, search: &str, replace: &str, replace_all: bool) -> Result<Applied, Problem> {
    apply(content.as_bytes(), &Edit { search: search.as_bytes(), replace: replace.as_bytes(), replace_all })
}

/// The content after an edit of one place.
fn one(content: &str, search: &str, replace: &str) -> String {
    text(edit(content, search, replace, false))
}

/// The content after an edit of all places.
fn all(content: &str, search: &str, replace: &str) -> String {
    text(edit(content, search, replace, true))
}

fn text(applied: Result<Applied, Problem>) -> String {
    String::from_utf8(applied.expect("applied").content).expect("text")
}

fn problem(content: &str, search: &str, replace: &str) -> Problem {
    edit(content, search, replace, false).expect_err("a problem")
}
