//! What users may say.

use chatmesh_core::Violations;
use chatmesh_proto::common::v1::Part;
use chatmesh_proto::common::v1::part::Body;

/// The most bytes of text in a message.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// The most parts of a message.
const MAX_PARTS: usize = 100;
/// The longest title that is taken from a message, in characters.
const MAX_DERIVED_TITLE: usize = 80;
/// The title of a chat whose first message gives none.
const UNTITLED: &str = "New chat";

/// Checks the content of a user's message: text parts, at least one of them not blank.
pub(crate) fn check_user_content(content: &[Part], violations: &mut Violations) {
    violations.require(!content.is_empty(), "content", "must have at least one part, like [{\"text\": \"...\"}]");
    violations.require(content.len() <= MAX_PARTS, "content", format!("must have at most {MAX_PARTS} parts"));
    let mut bytes = 0;
    let mut said = false;
    for (index, part) in content.iter().enumerate().take(MAX_PARTS) {
        match &part.body {
            Some(Body::Text(text)) => {
                bytes += text.len();
                said |= !text.trim().is_empty();
            }
            Some(_) => violations.add(format!("content[{index}]"), "must be a text part: users send text"),
            None => violations.add(format!("content[{index}]"), "must set `text`"),
        }
        let internal = !part.provider_metadata.is_empty();
        violations.require(!internal, format!("content[{index}].provider_metadata"), "must not be set by clients");
    }
    violations.require(
        bytes <= MAX_TEXT_BYTES,
        "content",
        format!("is too long: {bytes} bytes of text, {MAX_TEXT_BYTES} at most"),
    );
    violations.require(said || content.is_empty() || bytes == 0, "content", "must not be blank: say something");
    violations.require(
        content.is_empty() || bytes > 0 || has_other_parts(content),
        "content",
        "must not be blank: say something",
    );
}

fn has_other_parts(content: &[Part]) -> bool {
    content.iter().any(|part| !matches!(part.body, Some(Body::Text(_))))
}

/// Takes a title from the first line that says something.
pub(crate) fn title_from(content: &[Part]) -> String {
    let texts = content.iter().filter_map(|part| match &part.body {
        Some(Body::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    let line = texts.flat_map(str::lines).map(str::trim).find(|line| !line.is_empty()).unwrap_or(UNTITLED);
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
    use super::*;

    fn text(text: &str) -> Part {
        Part { body: Some(Body::Text(text.to_owned())), ..Part::default() }
    }

    #[test]
    fn a_title_is_the_first_line_that_says_something() {
        assert_eq!(title_from(&[text("\n\n  Fix the build \nand more")]), "Fix the build");
        assert_eq!(title_from(&[text("  ")]), UNTITLED);
        let long = title_from(&[text(&"word ".repeat(50))]);
        assert!(long.chars().count() <= MAX_DERIVED_TITLE && long.ends_with("word…"), "{long}");
        assert_eq!(title_from(&[text("a\u{0}b")]), "ab");
    }

    #[test]
    fn content_says_something_in_text() {
        let table: [(&[Part], &str); 5] = [
            (&[], "must have at least one part"),
            (&[text("   ")], "must not be blank"),
            (&[text("")], "must not be blank"),
            (&[Part::default()], "must set `text`"),
            (&[text(&"x".repeat(MAX_TEXT_BYTES + 1))], "is too long: 262145 bytes"),
        ];
        for (content, expected) in table {
            let mut violations = Violations::new();
            check_user_content(content, &mut violations);
            assert!(violations.to_string().contains(expected), "{violations}");
        }
        let mut violations = Violations::new();
        check_user_content(&[text(""), text("hello")], &mut violations);
        assert!(violations.is_empty(), "{violations}");
    }
}
