//! What a skill says about itself, in YAML before its text.

use saphyr_parser::{Event, Parser, ScanError};

/// The marker before and after the frontmatter.
const FENCE: &str = "---";

/// The frontmatter of a skill.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frontmatter {
    /// What it is called, where that is said.
    pub name: Option<String>,
    /// What it is good for, where that is said.
    pub description: Option<String>,
}

/// Why there is no frontmatter: words that follow the name of what has none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The first line is no marker.
    #[error("has no frontmatter: its first line must be `---`")]
    Missing,
    /// There is no second marker.
    #[error("has a frontmatter without an end: a line `---` must follow it")]
    Open,
    /// It is no YAML.
    #[error("has a frontmatter that is not valid YAML: line {line}, column {column}")]
    Syntax {
        /// The line of the text, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is YAML of another shape.
    #[error("has a frontmatter that is not a list of keys and values")]
    Shape,
}

impl From<ScanError> for Problem {
    fn from(error: ScanError) -> Self {
        // The file's own text is not repeated; lines are those of the file.
        Self::Syntax { line: error.marker().line() + 1, column: error.marker().col() + 1 }
    }
}

/// Takes the frontmatter off a text. Returns it and what follows.
///
/// # Errors
/// There is none, or it is not valid.
pub fn split(text: &str) -> Result<(Frontmatter, &str), Problem> {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().filter(|line| line.trim_end() == FENCE).ok_or(Problem::Missing)?;
    let mut end = first.len();
    for line in lines {
        if line.trim_end() == FENCE {
            return Ok((parse(&text[first.len()..end])?, &text[end + line.len()..]));
        }
        end += line.len();
    }
    Err(Problem::Open)
}

/// Reads the two values that count. Events are enough for that: no tree is built and no alias
/// followed, so nothing that a file says can grow in memory.
fn parse(yaml: &str) -> Result<Frontmatter, Problem> {
    let mut found = Frontmatter::default();
    let mut depth = 0_usize;
    let mut key: Option<String> = None;
    for event in Parser::new_from_str(yaml) {
        let is_value = depth == 1 && key.is_some();
        match event?.0 {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    key = None;
                }
            }
            Event::Scalar(value, ..) if is_value => {
                let slot = match key.take().as_deref() {
                    Some("name") => &mut found.name,
                    Some("description") => &mut found.description,
                    _ => continue,
                };
                slot.get_or_insert(value.trim().to_owned());
            }
            Event::Scalar(text, ..) if depth == 1 => key = Some(text.into_owned()),
            Event::Scalar(..) | Event::Alias(_) if depth == 0 => return Err(Problem::Shape),
            Event::Alias(_) if is_value => key = None,
            Event::Alias(_) if depth == 1 => key = Some(String::new()),
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn front(name: &str, description: &str) -> Frontmatter {
        let value = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Frontmatter { name: value(name), description: value(description) }
    }

    #[test]
    fn name_and_description_are_found_in_every_way_to_write_them() {
        for (yaml, expected) in [
            ("name: deploy\ndescription: Deploys it.\n", front("deploy", "Deploys it.")),
            ("description: 'it''s: \"this\"'\nname: \"deploy\"\n", front("deploy", "it's: \"this\"")),
            ("name: deploy\ndescription: >-\n  two\n  lines\n", front("deploy", "two lines")),
            ("name: deploy\ndescription: |\n  two\n  lines\n", front("deploy", "two\nlines")),
            ("metadata:\n  name: inner\n  description: inner\nname: outer\n", front("outer", "")),
            ("tools: [name, description]\nname: deploy\n", front("deploy", "")),
            ("tools:\n- name: inner\nname: deploy\n", front("deploy", "")),
            ("name: [deploy]\ndescription: {a: b}\n", front("", "")),
            ("base: &a deploy\nname: *a\ndescription: d\n", front("", "d")),
            ("# only a comment\n", front("", "")),
            ("{name: deploy, description: d}\n", front("deploy", "d")),
            ("name: 日本\n", front("日本", "")),
        ] {
            assert_eq!(parse(yaml), Ok(expected), "{yaml}");
        }
    }

    #[test]
    fn what_is_no_frontmatter_is_told_apart() {
        for (text, expected) in [
            ("", Problem::Missing),
            ("# Title\n---\n", Problem::Missing),
            ("---\nname: x\n", Problem::Open),
            ("---\nname: a: b\n---\n", Problem::Syntax { line: 2, column: 8 }),
            ("---\njust text\n---\n", Problem::Shape),
        ] {
            match (split(text), expected) {
                (Err(Problem::Syntax { line, .. }), Problem::Syntax { line: expected, .. }) => {
                    assert_eq!(line, expected, "{text}");
                }
                (result, expected) => assert_eq!(result, Err(expected), "{text}"),
            }
        }
    }

    #[test]
    fn what_follows_is_the_body_to_the_letter() {
        for (text, body) in [
            ("---\nname: x\n---\n\n# Body\n---\nmore\n", "\n# Body\n---\nmore\n"),
            ("---  \nname: x\n---\t\nbody", "body"),
            ("---\nname: x\n---", ""),
            ("---\n---\nbody", "body"),
        ] {
            assert_eq!(split(text).expect("frontmatter").1, body, "{text}");
        }
    }

    #[test]
    fn aliases_and_depth_do_not_grow() {
        let bomb = (0..60).map(|n| format!("k{n}: &k{n} [*k{m}, *k{m}]\n", m = n - 1)).skip(1).collect::<String>();
        assert_eq!(parse(&format!("k0: &k0 x\n{bomb}name: deploy\n")), Ok(front("deploy", "")));
        let deep = format!("deep: {}{}\nname: x\n", "[".repeat(200), "]".repeat(200));
        assert_eq!(parse(&deep), Ok(front("x", "")));
        // Deeper than the parser goes: an error, no stack that ends.
        let deeper = format!("deep: {}\nname: x\n", "[".repeat(60_000));
        assert!(parse(&deeper).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_makes_it_fall(yaml in "[-a-z:{}\\[\\]&*!|>'\"#%@` \n\t]{0,80}") {
            let _ = parse(&yaml);
            let _ = split(&format!("---\n{yaml}\n---\nbody"));
        }

        #[test]
        fn quoted_values_come_back(name in "[a-z-]{1,20}", description in "[ -~]{1,60}") {
            let quoted = description.replace('\'', "''");
            let text = format!("---\nname: {name:?}\ndescription: '{quoted}'\n---\nbody\n");
            let (found, body) = split(&text).expect("frontmatter");
            prop_assert_eq!(body, "body\n");
            prop_assert_eq!(found.name, Some(name));
            prop_assert_eq!(found.description.as_deref(), Some(description.trim()));
        }
    }
}
