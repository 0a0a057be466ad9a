//! What the model is told of files that were edited.

use chatmesh_proto::agent::v1::{EditFilesResponse, EditedFile};
use serde::Serialize;

/// The most bytes of differences that are shown, as of the output of a command.
const MAX_DIFFS: usize = 32 * 1024;

/// The result.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Report {
    ok: bool,
    files: Vec<Edited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Edited {
    path: String,
    replacements: u32,
    /// How many of them were found without regard to white space.
    #[serde(skip_serializing_if = "is_zero")]
    inexact_replacements: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    diff: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff_truncated: Option<bool>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The result of a call that was carried out.
pub(super) fn of(response: EditFilesResponse) -> Report {
    let note = response.repeated.then_some(
        "an earlier attempt of this call made these edits; they were not made again, and their diffs are not kept",
    );
    let mut room = MAX_DIFFS;
    let files = response.files.into_iter().map(|file| edited(file, &mut room)).collect();
    Report { ok: true, files, note }
}

fn edited(file: EditedFile, room: &mut usize) -> Edited {
    let EditedFile { path, replacements, inexact_replacements, diff: whole, diff_truncated, .. } = file;
    let diff = beginning(&whole, *room);
    *room -= diff.len();
    let is_cut = diff_truncated || diff.len() < whole.len();
    Edited { path, replacements, inexact_replacements, diff: diff.to_owned(), diff_truncated: is_cut.then_some(true) }
}

/// The first lines of a text that have `room` bytes at most together.
fn beginning(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let cut = &text[..text.floor_char_boundary(room)];
    cut.rfind('\n').map_or("", |end| &cut[..=end])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(path: &str, diff: &str) -> EditedFile {
        EditedFile { path: path.to_owned(), diff: diff.to_owned(), replacements: 1, ..EditedFile::default() }
    }

    #[test]
    fn differences_are_shown_within_bounds() {
        let long = "+ä line\n".repeat(MAX_DIFFS / 10);
        let files = vec![file("/a", "+x\n"), file("/b", &long), file("/c", &long)];
        let report = of(EditFilesResponse { files, repeated: false });
        let sizes: Vec<usize> = report.files.iter().map(|file| file.diff.len()).collect();
        assert_eq!((sizes[0], sizes[1]), (3, long.len()));
        assert!(sizes.iter().sum::<usize>() <= MAX_DIFFS && sizes[2] > 0, "{sizes:?}");
        assert!(report.files[2].diff.ends_with("+ä line\n"), "lines are whole");
        let cut: Vec<Option<bool>> = report.files.iter().map(|file| file.diff_truncated).collect();
        assert_eq!(cut, [None, None, Some(true)]);
    }

    #[test]
    fn what_was_done_before_is_said_to_be() {
        let inexact = EditedFile { inexact_replacements: 1, ..file("/a", "") };
        let report = of(EditFilesResponse { files: vec![inexact], repeated: true });
        assert!(report.note.is_some_and(|note| note.contains("earlier attempt")));
        assert_eq!(json!(report.files), json!([{"path": "/a", "replacements": 1, "inexact_replacements": 1}]));
    }
}
