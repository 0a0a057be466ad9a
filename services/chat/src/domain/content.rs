//! What users may say.

use chatmesh_core::Violations;
use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, FileReference, Part};

use crate::files::{FileId, MAX_FILES};

/// The most bytes of text in a message.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most parts of a message.
const MAX_PARTS: usize = 100;
/// The longest path of a file that a range of lines is from, in bytes.
const MAX_PATH_BYTES: usize = 4096;
/// The longest title that is taken from a message, in characters.
const MAX_DERIVED_TITLE: usize = 80;
/// The title of a chat whose first message gives none.
const UNTITLED: &str = "New chat";

/// Checks the content of a user's message: texts, files and ranges of lines, with something said among them.
pub(crate) fn check_user_content(content: &[Part], violations: &mut Violations) {
    if content.is_empty() {
        return violations.add("content", "must have at least one part, like [{\"text\": \"...\"}]");
    }
    violations.require(content.len() <= MAX_PARTS, "content", format!("must have at most {MAX_PARTS} parts"));
    let before = violations.iter().count();
    let (mut bytes, mut files, mut said) = (0, 0, false);
    for (index, part) in content.iter().enumerate().take(MAX_PARTS) {
        let at = format!("content[{index}]");
        let internal = !part.provider_metadata.is_empty();
        violations.require(!internal, format!("{at}.provider_metadata"), "must not be set by clients");
        match &part.body {
            Some(Body::Text(text)) => {
                bytes += text.len();
                said |= !text.trim().is_empty();
            }
            Some(Body::File(file)) => {
                files += 1;
                said = true;
                check_file(file, &at, violations);
            }
            Some(Body::FileReference(reference)) => {
                bytes += reference.content.len();
                said = true;
                check_reference(reference, &at, violations);
            }
            Some(_) => {
                violations.add(at, "must be `text`, `file` or `file_reference`: the other parts are not a user's");
            }
            None => violations.add(at, "must set `text`, `file` or `file_reference`"),
        }
    }
    violations.require(files <= MAX_FILES, "content", format!("must have at most {MAX_FILES} files"));
    violations.require(
        bytes <= MAX_TEXT_BYTES,
        "content",
        format!("is too long: {bytes} bytes of text, {MAX_TEXT_BYTES} at most"),
    );
    let nothing_else = violations.iter().count() == before;
    violations.require(said || !nothing_else, "content", "must not be blank: say something");
}

fn check_file(file: &File, at: &str, violations: &mut Violations) {
    let at = |field: &str| format!("{at}.file.{field}");
    violations.require(file.data.is_empty(), at("data"), "must not be set: upload the file and name it by `file_id`");
    if file.file_id.is_empty() {
        violations.add(at("file_id"), "must name an uploaded file");
    } else {
        violations.check(at("file_id"), file.file_id.parse::<FileId>());
    }
}

fn check_reference(reference: &FileReference, at: &str, violations: &mut Violations) {
    let at = |field: &str| format!("{at}.file_reference.{field}");
    let FileReference { file_name, start_line, end_line, .. } = reference;
    let named = !file_name.trim().is_empty() && file_name.len() <= MAX_PATH_BYTES;
    let fits = named && !file_name.chars().any(char::is_control);
    violations.require(fits, at("file_name"), format!("must be a path of 1 to {MAX_PATH_BYTES} bytes in one line"));
    violations.require(*start_line >= 1, at("start_line"), "must be at least 1: lines are counted from 1");
    violations.require(end_line >= start_line, at("end_line"), "must not be before start_line: it is the last line");
}

/// The files that a content names, each with the number of its part.
pub(crate) fn files_in(content: &[Part]) -> impl Iterator<Item = (usize, FileId)> {
    content.iter().enumerate().filter_map(|(index, part)| match &part.body {
        Some(Body::File(file)) => Some((index, file.file_id.parse().ok()?)),
        _ => None,
    })
}

/// Takes a title from the first line that says something.
pub(crate) fn title_from(content: &[Part]) -> String {
    let texts = content.iter().filter_map(|part| match &part.body {
        Some(Body::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let paths = content.iter().filter_map(|part| match &part.body {
        Some(Body::FileReference(reference)) => Some(reference.file_name.as_str()),
        _ => None,
    });
    let lines = texts.flat_map(str::lines).chain(paths).map(str::trim);
    let line = lines.into_iter().find(|line| !line.is_empty()).unwrap_or(UNTITLED);
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() <= MAX_DERIVED_TITLE {
        return clean;
    }
    let mut title: String = clean.chars().take(MAX_DERIVED_TITLE - 1).collect();
    title.truncate(title.trim_end().len());
    title.push('…');
    title
}

#[cfg(test)]
mod tests {
    use chatmesh_core::{IdSource as _, SystemIds};

    use super::*;

    fn text(text: &str) -> Part {
        Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
    }

    fn file(file_id: &str) -> Part {
        let body = File { file_id: file_id.to_owned(), ..File::default() };
        Part { body: Some(Body::File(body)), ..Part::default() }
    }

    fn lines(file_name: &str, start_line: u32, end_line: u32) -> Part {
        let body = FileReference { file_name: file_name.to_owned(), start_line, end_line, content: "x".to_owned() };
        Part { body: Some(Body::FileReference(body)), ..Part::default() }
    }

    fn check(content: &[Part]) -> String {
        let mut violations = Violations::new();
        check_user_content(content, &mut violations);
        violations.to_string()
    }

    #[test]
    fn a_title_is_the_first_line_that_says_something() {
        assert_eq!(title_from(&[text("\n\n  Fix the build \nand more")]), "Fix the build");
        assert_eq!(title_from(&[text("  ")]), UNTITLED);
        let long = title_from(&[text(&"word ".repeat(50))]);
        assert!(long.chars().count() <= MAX_DERIVED_TITLE && long.ends_with("word…"), "{long}");
        assert_eq!(title_from(&[text("a\u{0}b")]), "ab");
        assert_eq!(title_from(&[lines("src/a.rs", 1, 2), text("explain")]), "explain", "texts come first");
        assert_eq!(title_from(&[lines("src/a.rs", 1, 2)]), "src/a.rs");
    }

    #[test]
    fn what_a_user_may_not_say_is_named_by_its_part() {
        let id = SystemIds.next().to_string();
        let with_data = File { file_id: id.clone(), data: b"x".as_slice().into(), ..File::default() };
        let with_data = Part { body: Some(Body::File(with_data)), ..Part::default() };
        let table: [(&[Part], &str); 15] = [
            (&[], "must have at least one part"),
            (&[text("   ")], "must not be blank"),
            (&[text(""), text(" \n")], "must not be blank"),
            (&[Part::default()], "`content[0]` must set `text`, `file` or `file_reference`"),
            (&[text(&"x".repeat(MAX_TEXT_BYTES + 1))], "is too long: 262145 bytes"),
            (&[text(&"x".repeat(MAX_TEXT_BYTES)), lines("a", 1, 1)], "is too long: 262145 bytes"),
            (&[text("a"), file("")], "`content[1].file.file_id` must name an uploaded file"),
            (&[file("mine")], "`content[0].file.file_id` must be a UUID like"),
            (&[with_data], "`content[0].file.data` must not be set"),
            (&[lines(" ", 1, 1)], "`content[0].file_reference.file_name` must be a path"),
            (&[lines("a\nb", 1, 1)], "in one line"),
            (&[lines("a", 0, 1)], "`content[0].file_reference.start_line` must be at least 1"),
            (&[lines("a", 3, 2)], "`content[0].file_reference.end_line` must not be before start_line"),
            (&vec![file(&id); MAX_FILES + 1], "must have at most 50 files"),
            (&vec![text("a"); MAX_PARTS + 1], "must have at most 100 parts"),
        ];
        for (content, expected) in table {
            let said = check(content);
            assert!(said.contains(expected), "{said} does not say {expected}");
        }
    }

    #[test]
    fn texts_files_and_lines_may_be_mixed_and_stand_alone() {
        let id = SystemIds.next().to_string();
        for content in
            [vec![text(""), text("hello")], vec![file(&id)], vec![lines("a", 1, 1)], vec![text("  "), file(&id)]]
        {
            assert_eq!(check(&content), "", "{content:?}");
        }
        let named: Vec<(usize, String)> =
            files_in(&[text("a"), file(&id), file("nonsense")]).map(|(at, id)| (at, id.to_string())).collect();
        assert_eq!(named, [(1, id)]);
    }
}
