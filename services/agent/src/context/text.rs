//! Reads text files that somebody else wrote.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// What of a file was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Capped {
    pub(super) bytes: Vec<u8>,
    /// There is more.
    pub(super) truncated: bool,
}

/// Text that is fit for a model.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) text: String,
    /// The file has more.
    pub(super) truncated: bool,
}

/// Reads `cap` bytes at most of a regular file. Blocks.
///
/// # Errors
/// There is no such file, it is none of the workspace's, or it can not be read.
pub(super) fn read_capped(path: &Path, cap: usize) -> io::Result<Capped> {
    // The kernel's files are no files of the workspace: through a link to `/proc/self/environ` a
    // repository could have the agent hand out its own token.
    let path = path.canonicalize()?;
    if ["/proc", "/sys", "/dev"].iter().any(|system| path.starts_with(system)) {
        return Err(io::Error::other("it leads to a file of the system"));
    }
    // Looked at before it is opened: to open a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(&path)?.take(cap as u64 + 1).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > cap;
    bytes.truncate(cap);
    Ok(Capped { bytes, truncated })
}

/// Makes text of bytes: line ends are newlines, a byte order mark is gone, what is no UTF-8 is
/// replaced, and there are `cap` bytes at most.
pub(super) fn clean(capped: &Capped, cap: usize) -> Text {
    let bytes = match capped.truncated {
        true => whole_characters(&capped.bytes),
        false => &capped.bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    // What replaces a byte is longer than it.
    let truncated = capped.truncated || text.len() > cap;
    if text.len() > cap {
        text.truncate(text.floor_char_boundary(cap));
    }
    Text { text, truncated }
}

/// Without a character that the cap cut into two.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let tail = bytes.len().saturating_sub(4);
    let start = bytes[tail..].iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000).map(|at| tail + at);
    match start.map(|start| (start, std::str::from_utf8(&bytes[start..]))) {
        Some((start, Err(error))) if error.error_len().is_none() => &bytes[..start],
        _ => bytes,
    }
}

/// Leaves out HTML comments: they are for people, and a model should see no more than people do.
/// One that is not closed is text, unless the text was cut, which may have cut off its end.
pub(super) fn without_comments(text: &Text) -> String {
    const OPEN: &[u8] = b"<!--";
    const CLOSE: &[u8] = b"-->";
    let mut kept: Vec<u8> = Vec::with_capacity(text.text.len());
    let mut open = None;
    for &byte in text.text.as_bytes() {
        kept.push(byte);
        match open {
            // What is left over on both sides of a comment may make up a further one.
            None if kept.ends_with(OPEN) => open = Some(kept.len() - OPEN.len()),
            Some(at) if kept.len() >= at + OPEN.len() + CLOSE.len() && kept.ends_with(CLOSE) => {
                kept.truncate(at);
                open = None;
            }
            _ => {}
        }
    }
    if let Some(at) = open.filter(|_| text.truncated) {
        kept.truncate(at);
    }
    // Only whole characters were left out.
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Text {
        Text { text: text.to_owned(), truncated: false }
    }

    fn cleaned(bytes: &[u8], truncated: bool, cap: usize) -> Text {
        clean(&Capped { bytes: bytes.to_vec(), truncated }, cap)
    }

    #[test]
    fn line_ends_are_newlines_and_every_byte_is_a_character() {
        for (bytes, expected) in [
            (&b"a\r\nb\rc\n"[..], "a\nb\nc\n"),
            (b"\r\r\n\n", "\n\n\n"),
            (b"caf\xe9!", "caf\u{FFFD}!"),
            (b"\xef\xbb\xbftext", "text"),
            (b"", ""),
        ] {
            assert_eq!(cleaned(bytes, false, 100), text(expected));
        }
    }

    #[test]
    fn a_cut_never_leaves_half_a_character() {
        let whole = "日本é🦀".as_bytes();
        for end in 0..=whole.len() {
            let cut = cleaned(&whole[..end], true, 100);
            assert!(cut.truncated && "日本é🦀".starts_with(&cut.text), "{cut:?}");
        }
        assert_eq!(cleaned(b"\xff\xff\xff", false, 6).text, "\u{FFFD}\u{FFFD}");
        assert!(cleaned(b"\xff\xff\xff", false, 6).truncated);
    }

    #[test]
    fn comments_are_left_out() {
        for (given, expected) in [
            ("a<!-- b -->c", "ac"),
            ("<!-- a\nb -->\nc<!---->", "\nc"),
            ("a <!-- b <!-- c --> d --> e", "a  d --> e"),
            ("<!<!-- a -->-- b -->c", "c"),
            ("<!-->c", "<!-->c"),
            ("a <!-- never closed", "a <!-- never closed"),
            ("a --> b", "a --> b"),
            ("日<!-- 本 -->é", "日é"),
        ] {
            assert_eq!(without_comments(&text(given)), expected, "{given}");
        }
        let cut = Text { text: "a <!-- the end is cut off".to_owned(), truncated: true };
        assert_eq!(without_comments(&cut), "a ");
    }

    #[test]
    fn files_of_the_system_are_none_of_the_workspace() {
        let dir = tempfile::tempdir().expect("dir");
        let link = dir.path().join("AGENTS.md");
        for target in ["/proc/self/environ", "/proc/self/status", "/sys/kernel/mm", "/dev/null"] {
            std::os::unix::fs::symlink(target, &link).expect("link");
            assert!(read_capped(&link, 100).is_err(), "{target}");
            std::fs::remove_file(&link).expect("removed");
        }
        assert!(read_capped(dir.path(), 100).is_err(), "a directory");
    }

    proptest! {
        #[test]
        fn no_comment_is_left(pieces in prop::collection::vec(
            prop::sample::select(vec!["<", "!", "-", "--", "<!--", "-->", ">", "a", "é", "\n"]), 0..60)
        ) {
            let clean = without_comments(&text(&pieces.concat()));
            if let Some(open) = clean.find("<!--") {
                prop_assert!(!clean[open + 4..].contains("-->"), "{clean}");
            }
        }

        #[test]
        fn any_bytes_become_bounded_text(bytes in prop::collection::vec(any::<u8>(), 0..200), truncated: bool) {
            let text = cleaned(&bytes, truncated, 64);
            prop_assert!(text.text.len() <= 64 && !text.text.contains('\r'));
            prop_assert!(text.truncated || !truncated);
        }
    }
}
