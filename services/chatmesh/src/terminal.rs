//! Writing to the terminal. A reader that went away ends the program's output, not its work.

use std::io::{IsTerminal as _, Write as _};

/// Writes a line to standard output.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Writes a piece of text to standard output at once.
pub(crate) fn piece(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes a line to standard error.
pub(crate) fn complain(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// Dims a text where standard output is a terminal.
pub(crate) fn dim(text: &str) -> String {
    if std::io::stdout().is_terminal() { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_owned() }
}
