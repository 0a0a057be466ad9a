//! How one file differs.

use gix::bstr::BStr;

use super::name::quoted;
use super::side::{Content, Kind, MAX_FILE, Side};
use crate::hunks::{TooMuch, unified};

/// The most bytes of diff of one file.
const MAX_DIFF: usize = 256 * 1024;
/// A file with a zero byte among the first bytes is no text.
const LOOKED_AT: usize = 8000;

/// The diff of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileDiff {
    pub(super) text: String,
    /// A line stands in place of what differs.
    pub(super) is_omitted: bool,
}

/// Compares the two sides of a file. Returns `None` where they are the same, or neither is there.
pub(super) fn diff(path: &BStr, old: Option<&Side>, new: Option<&Side>) -> Option<FileDiff> {
    match (old, new) {
        // Git stores links and files in different ways, and so a change between them is two changes.
        (Some(old), Some(new)) if (old.kind == Kind::Link) != (new.kind == Kind::Link) => {
            let (gone, made) = (one(path, Some(old), None)?, one(path, None, Some(new))?);
            Some(FileDiff { text: gone.text + &made.text, is_omitted: gone.is_omitted || made.is_omitted })
        }
        (old, new) => one(path, old, new),
    }
}

fn one(path: &BStr, old: Option<&Side>, new: Option<&Side>) -> Option<FileDiff> {
    let header = header(path, old, new);
    let side = |side: Option<&Side>, prefix| match side {
        Some(_) => quoted(prefix, path),
        None => "/dev/null".to_owned(),
    };
    let (old_name, new_name) = (side(old, "a/"), side(new, "b/"));
    let omitted = |line: String| Some(FileDiff { text: format!("{header}{line}\n"), is_omitted: true });
    let (before, after) = match (bytes(old), bytes(new)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(reason), _) | (_, Err(reason)) => return omitted(format!("File not shown: {reason}")),
    };
    if before == after {
        let is_same = old.map(|side| side.kind) == new.map(|side| side.kind);
        return (!is_same).then_some(FileDiff { text: header, is_omitted: false });
    }
    if is_binary(before) || is_binary(after) {
        return omitted(format!("Binary files {old_name} and {new_name} differ"));
    }
    let hunks = unified(before, after, MAX_DIFF).map(|hunks| String::from_utf8_lossy(&hunks).into_owned());
    let hunks = match hunks {
        Ok(hunks) if hunks.len() <= MAX_DIFF => hunks,
        Ok(_) => return omitted(format!("Diff not shown: {}", TooMuch::Bytes(MAX_DIFF))),
        Err(error) => return omitted(format!("Diff not shown: {error}")),
    };
    // A tab ends a name that could be taken for a name and a date.
    let end = |name: &str| if name.contains(' ') && !name.starts_with('"') { "\t\n" } else { "\n" };
    let names = format!("--- {old_name}{}+++ {new_name}{}", end(&old_name), end(&new_name));
    Some(FileDiff { text: format!("{header}{names}{hunks}"), is_omitted: false })
}

fn header(path: &BStr, old: Option<&Side>, new: Option<&Side>) -> String {
    let names = format!("diff --git {} {}\n", quoted("a/", path), quoted("b/", path));
    match (old.map(|side| side.kind), new.map(|side| side.kind)) {
        (None, Some(new)) => format!("{names}new file mode {}\n", new.mode()),
        (Some(old), None) => format!("{names}deleted file mode {}\n", old.mode()),
        (Some(old), Some(new)) if old != new => {
            format!("{names}old mode {}\nnew mode {}\n", old.mode(), new.mode())
        }
        _ => names,
    }
}

/// What is in a side; nothing where there is none; or why that is not known.
fn bytes(side: Option<&Side>) -> Result<&[u8], String> {
    match side.map(|side| &side.content) {
        None => Ok(&[]),
        Some(Content::Bytes(bytes)) => Ok(bytes),
        Some(Content::TooLarge(size)) => Err(format!("it has {size} bytes, more than {MAX_FILE}")),
        Some(Content::Unreadable(reason)) => Err(reason.clone()),
    }
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(LOOKED_AT).any(|byte| *byte == 0)
}
