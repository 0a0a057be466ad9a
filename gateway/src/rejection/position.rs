//! From a position in a JSON text to the path of the field there.

use std::fmt;

/// A line and a column, both from 1, as the decoder counts them: the column is in bytes and that
/// of the last byte which was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    line: usize,
    column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

impl Position {
    /// Takes the position off the end of what the decoder said.
    pub(super) fn split(said: &str) -> (&str, Option<Self>) {
        let parse = |position: &str| {
            let (line, column) = position.split_once(" column ")?;
            Some(Self { line: line.parse().ok()?, column: column.parse().ok()? })
        };
        match said.rsplit_once(" at line ") {
            Some((text, position)) => parse(position).map_or((said, None), |position| (text, Some(position))),
            None => (said, None),
        }
    }

    /// The text up to here.
    fn prefix(self, text: &[u8]) -> &[u8] {
        let skipped: usize = text.split_inclusive(|byte| *byte == b'\n').take(self.line - 1).map(<[u8]>::len).sum();
        &text[..text.len().min(skipped + self.column)]
    }
}

/// A step from a value to one inside of it.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// A member of an object. `named` is false until its name was read.
    Member { name: String, named: bool },
    /// An element of an array.
    Element(usize),
}

/// The path of the field at `position` of a JSON text, like `content[0].text`; `None` where it
/// is the whole text.
pub(super) fn field_at(text: &[u8], position: Position) -> Option<String> {
    if position.line == 0 {
        return None;
    }
    let prefix = position.prefix(text).trim_ascii_end();
    // A bracket that closes comes after what is meant: the decoder leaves an object at the member
    // that it does not take. One that opens is the beginning of it.
    let prefix = without_last(without_last(prefix, b"]}"), b"[{");
    let mut steps: Vec<Step> = Vec::new();
    let mut rest = prefix;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, steps.last_mut()) {
            (b'{', _) => steps.push(Step::Member { name: String::new(), named: false }),
            (b'[', _) => steps.push(Step::Element(0)),
            (b'}' | b']', _) => drop(steps.pop()),
            (b',', Some(Step::Element(index))) => *index += 1,
            (b',', Some(Step::Member { named, .. })) => *named = false,
            (b'"', last) => {
                let (content, after) = string(rest);
                rest = after;
                if let Some(Step::Member { name, named: named @ false }) = last {
                    *name = String::from_utf8_lossy(content).into_owned();
                    *named = true;
                }
            }
            _ => {}
        }
    }
    let path = steps.iter().fold(String::new(), |path, step| match step {
        Step::Element(index) => format!("{path}[{index}]"),
        Step::Member { named: false, .. } => path,
        Step::Member { name, .. } if path.is_empty() => name.clone(),
        Step::Member { name, .. } => format!("{path}.{name}"),
    });
    Some(path).filter(|path| !path.is_empty())
}

fn without_last<'a>(text: &'a [u8], brackets: &[u8]) -> &'a [u8] {
    text.split_last().filter(|(last, _)| brackets.contains(last)).map_or(text, |(_, before)| before)
}

/// The content of a string after its first quotation mark, and what comes after the last.
fn string(text: &[u8]) -> (&[u8], &[u8]) {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'"' if !escaped => return (&text[..index], &text[index + 1..]),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (text, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, column: usize) -> Option<String> {
        field_at(text.as_bytes(), Position { line: 1, column })
    }

    #[test]
    fn a_position_is_taken_off_the_end() {
        let position = Position { line: 3, column: 14 };
        assert_eq!(Position::split("wrong at line 3 column 14"), ("wrong", Some(position)));
        assert_eq!(Position::split("wrong at line three"), ("wrong at line three", None));
    }

    #[test]
    fn the_path_leads_to_the_value_that_was_read_last() {
        let text = r#"{"a":{"b,\"[":[1,{"c":2}]},"d":[true]}"#;
        let end = |part: &str| text.find(part).expect("a part") + part.len();
        assert_eq!(at(text, end(r#"{"c":2"#)).as_deref(), Some(r#"a.b,\"[[1].c"#));
        assert_eq!(at(text, end(r#""d""#)).as_deref(), Some("d"));
        assert_eq!(at(text, end("[true")).as_deref(), Some("d[0]"));
        assert_eq!(at(text, end(r#"{"c":2}"#)).as_deref(), Some(r#"a.b,\"[[1].c"#));
        assert_eq!(at(text, 1), None);
    }

    #[test]
    fn a_position_beyond_the_text_or_in_nonsense_does_no_harm() {
        for text in ["", "{", "]]]", "\"", "{\"a\":\"\\", "[[[[", "null"] {
            for column in 0..9 {
                let _ = at(text, column);
                let _ = field_at(text.as_bytes(), Position { line: 7, column });
            }
        }
        assert_eq!(at("[]", usize::MAX / 2), None);
    }
}
