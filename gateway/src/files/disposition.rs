//! `Content-Disposition` (RFC 6266): whether a browser shows a file, and what it saves it as.

use std::fmt::Write as _;

/// Types that a browser shows without running anything of them.
const SHOWN: [&str; 6] = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"];

/// The header for a file: everything that is not known to be harmless is saved and not shown.
pub(super) fn disposition(name: &str, media_type: &str) -> String {
    let kind = if SHOWN.contains(&media_type) { "inline" } else { "attachment" };
    let plain = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", encoded(name))
}

/// The name in the encoding of RFC 8187.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => {
                text.push(char::from(byte));
            }
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_and_cannot_break_out_of_the_header() {
        let table = [
            ("a.png", "image/png", "inline; filename=\"a.png\"; filename*=UTF-8''a.png"),
            ("é \"x\".txt", "text/plain", "inline; filename=\"_ _x_.txt\"; filename*=UTF-8''%C3%A9%20%22x%22.txt"),
            ("a\r\nb%41", "text/plain", "inline; filename=\"a__b_41\"; filename*=UTF-8''a%0D%0Ab%2541"),
        ];
        for (name, media_type, expected) in table {
            assert_eq!(disposition(name, media_type), expected);
        }
    }

    #[test]
    fn what_a_browser_might_run_is_never_shown() {
        for media_type in ["image/svg+xml", "text/html", "application/json", "text/markdown", "text/csv", ""] {
            assert!(disposition("a", media_type).starts_with("attachment; "), "{media_type}");
        }
    }
}
