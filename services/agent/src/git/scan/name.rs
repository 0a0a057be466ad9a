//! Names of files, as Git writes them.

use std::fmt::Write as _;

use gix::bstr::BStr;

/// Writes a path after `prefix`; in quotes where it has something that a line can not hold.
pub(super) fn quoted(prefix: &str, path: &BStr) -> String {
    let mut text = String::from(prefix);
    let mut is_quoted = false;
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => text.extend(['\\', character]),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                '\0'..=' ' if character != ' ' => octal(&mut text, character as u8),
                '\x7f' => octal(&mut text, 0x7f),
                _ => {
                    text.push(character);
                    continue;
                }
            }
            is_quoted = true;
        }
        for byte in chunk.invalid() {
            octal(&mut text, *byte);
            is_quoted = true;
        }
    }
    if is_quoted { format!("\"{text}\"") } else { text }
}

fn octal(text: &mut String, byte: u8) {
    // Writing to a text does not fail.
    let _ = write!(text, "\\{byte:03o}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_they_must_be() {
        for (name, expected) in [
            (&b"a b.rs"[..], "a/a b.rs"),
            ("日本 é".as_bytes(), "a/日本 é"),
            (b"two\nlines\t\"\\", r#""a/two\nlines\t\"\\""#),
            (b"\x01\x7f\xff", r#""a/\001\177\377""#),
            (b"it's #1 & 100%", "a/it's #1 & 100%"),
        ] {
            assert_eq!(quoted("a/", name.into()), expected);
        }
    }
}
