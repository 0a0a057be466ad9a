//! What a file is: found out from its content. What the client says decides only between kinds of text.

/// Markup that a browser would run: such files are not taken.
const ACTIVE_TYPES: [&str; 3] = ["text/html", "application/xhtml+xml", "image/svg+xml"];
/// Types with a signature.
const SIGNED_TYPES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"];
const ACCEPTED: &str = "accepted are PNG, JPEG, GIF, WebP, PDF, JSON, CSV, Markdown and plain text in UTF-8";

/// Finds out what a file is. `declared` is what the client believes, `name` what it is called; both may be empty.
pub(crate) fn media_type_of(data: &[u8], declared: &str, name: &str) -> Result<&'static str, String> {
    let declared = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if data.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if ACTIVE_TYPES.contains(&declared.as_str()) {
        return Err(format!("is said to be {declared}, which is not taken: {ACCEPTED}"));
    }
    let found = infer::get(data).map(|kind| kind.mime_type());
    let signed = SIGNED_TYPES.into_iter().find(|known| found == Some(known));
    match (signed, as_text(data)) {
        (Some(signed), None) => Ok(signed),
        // A text may begin with the letters of a signature, but not with that of a PDF, which is text itself.
        (Some(signed), Some(_)) if signed == "application/pdf" || signed == declared => Ok(signed),
        (_, Some(text)) => text_type(text, &declared, name),
        (None, None) => {
            let found = found.map_or_else(String::new, |found| format!(" ({found})"));
            Err(format!("is of a type that is not taken{found}: {ACCEPTED}"))
        }
    }
}

/// The text, where all of it is text.
fn as_text(data: &[u8]) -> Option<&str> {
    let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    std::str::from_utf8(data).ok().filter(|text| text.chars().all(allowed))
}

fn text_type(text: &str, declared: &str, name: &str) -> Result<&'static str, String> {
    if SIGNED_TYPES.contains(&declared) {
        return Err(format!("is said to be {declared}, but is text: {ACCEPTED}"));
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if is_active(text) {
        return Err(format!("is an HTML or SVG document, which is not taken: {ACCEPTED}"));
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    Ok(match (declared, extension.as_str()) {
        ("text/markdown", _) | (_, "md" | "markdown") => "text/markdown",
        ("text/csv", _) | (_, "csv") => "text/csv",
        _ if is_json(text) => "application/json",
        _ => "text/plain",
    })
}

/// True for a whole document that a browser would run. Markup within another text is text.
fn is_active(text: &str) -> bool {
    let begins = |text: &str, word: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if begins(text, "<?xml") {
        return text.get(..1024).unwrap_or(text).contains("<svg");
    }
    ["<!doctype html", "<html", "<svg", "<!doctype svg"].into_iter().any(|word| begins(text, word))
}

/// True for a JSON object or array: a lone number or word is a text like any other.
fn is_json(text: &str) -> bool {
    text.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n";

    #[test]
    fn the_content_decides_whatever_the_client_says() {
        let table: [(&[u8], &str, &str, &str); 17] = [
            (PNG, "", "", "image/png"),
            (PNG, "image/jpeg", "a.jpg", "image/png"),
            (PNG, "text/plain", "a.txt", "image/png"),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "", "", "image/jpeg"),
            (b"GIF89a\x01\0\x01\0", "", "", "image/gif"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "", "", "image/webp"),
            (PDF, "application/octet-stream", "", "application/pdf"),
            (b"GIFs are nice", "", "", "text/plain"),
            (b"BM is a word", "", "bm.txt", "text/plain"),
            ("hé\tllo\r\n".as_bytes(), "application/x-www-form-urlencoded", "", "text/plain"),
            (b"\xef\xbb\xbf{\"a\":1}", "", "", "application/json"),
            (b"{\"a\":1", "application/json", "a.json", "text/plain"),
            (b"a,b\n1,2\n", "text/csv; charset=utf-8", "", "text/csv"),
            (b"a,b\n1,2\n", "", "A.CSV", "text/csv"),
            (b"# Title", "", "README.md", "text/markdown"),
            (b"<h1 align=\"center\">Title</h1>", "text/markdown", "README.md", "text/markdown"),
            (b"fn main() {}", "text/x-rust", "main.rs", "text/plain"),
        ];
        for (data, declared, name, expected) in table {
            let found = media_type_of(data, declared, name);
            assert_eq!(found, Ok(expected), "{declared} {name} {}", String::from_utf8_lossy(data));
        }
    }

    #[test]
    fn what_is_not_taken_is_named() {
        let table: [(&[u8], &str, &str); 10] = [
            (b"", "image/png", "must not be empty"),
            (b"PK\x03\x04\x14\0\0\0\x08\0", "", "not taken (application/zip): accepted are PNG"),
            (b"\0\x01\x02\x03", "text/plain", "of a type that is not taken: accepted"),
            (b"\xff\xfeh\0i\0", "text/plain", "plain text in UTF-8"),
            (b"no image", "image/png", "is said to be image/png, but is text"),
            (b"no document", "application/pdf", "is said to be application/pdf, but is text"),
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "", "is an HTML or SVG document"),
            (b"<?xml version=\"1.0\"?>\n<svg/>", "text/plain", "is an HTML or SVG document"),
            (b" <!DOCTYPE HTML><p>hi", "text/plain", "is an HTML or SVG document"),
            (PNG, "image/svg+xml", "is said to be image/svg+xml, which is not taken"),
        ];
        for (data, declared, expected) in table {
            let said = media_type_of(data, declared, "").expect_err(expected);
            assert!(said.contains(expected), "{said}");
        }
    }
}
