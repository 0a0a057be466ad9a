//! What a model gets to see of files and of ranges of lines.

use std::borrow::Cow;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::{ContextFile, File, FileReference, Skill};
use serde::{Serialize, Serializer};

/// A file by what a protocol can do with it.
#[derive(Debug)]
pub(super) enum Attachment<'a> {
    /// An image of a type that every provider with eyes reads.
    Image,
    /// A PDF.
    Pdf,
    /// A file of text.
    Text(&'a str),
    /// Nothing that can be sent; the note says so to the model.
    Note(String),
}

const IMAGES: &[&str] = &["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Types that are text though their name does not say so.
const TEXTS: &[&str] = &[
    "application/json",
    "application/xml",
    "application/yaml",
    "application/toml",
    "application/javascript",
    "application/sql",
];

impl<'a> Attachment<'a> {
    pub(super) fn of(file: &'a File) -> Self {
        let media_type = essence(&file.media_type);
        if file.data.is_empty() {
            let why = if file.url.is_empty() { "its content is not available" } else { "the provider cannot fetch it" };
            return Self::Note(note(file, why));
        }
        if IMAGES.contains(&media_type) {
            return Self::Image;
        }
        if media_type == "application/pdf" {
            return Self::Pdf;
        }
        if (media_type.starts_with("text/") || TEXTS.contains(&media_type))
            && let Ok(text) = std::str::from_utf8(&file.data)
        {
            return Self::Text(text);
        }
        Self::Note(note(file, "the model cannot read its type"))
    }
}

/// A file that the provider fetches itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remote<'a> {
    /// The address of an image.
    Image(&'a str),
    /// The address of a PDF.
    Pdf(&'a str),
}

impl<'a> Remote<'a> {
    /// `None` where the bytes are there, and where the address is none that a provider would ask.
    pub(super) fn of(file: &'a File) -> Option<Self> {
        let url = file.url.as_str();
        let is_reachable = url.starts_with("https://") || url.starts_with("http://");
        if !file.data.is_empty() || !is_reachable {
            return None;
        }
        let path = url.split(['?', '#']).next().unwrap_or_default();
        match essence(&file.media_type) {
            "application/pdf" => Some(Self::Pdf(url)),
            "" if path.ends_with(".pdf") => Some(Self::Pdf(url)),
            "" => Some(Self::Image(url)),
            media_type if media_type.starts_with("image/") => Some(Self::Image(url)),
            _ => None,
        }
    }
}

/// Introduces the files of a tool's result where they cannot stand in it.
pub(super) fn result_files_text(tool: &str) -> String {
    format!("Files of the result of `{tool}`:")
}

/// The media type without parameters.
pub(super) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Tells the model about a file that it does not get.
pub(super) fn note(file: &File, why: &str) -> String {
    format!("[The attachment `{}` ({}) was left out: {why}.]", file.name, essence(&file.media_type))
}

/// A text file for protocols that have no documents.
pub(super) fn inline_text(file: &File, text: &str) -> String {
    format!("Attached file `{}`:\n\n{text}", file.name)
}

/// A range of lines, as a model reads it.
pub(super) fn reference_text(reference: &FileReference) -> String {
    let FileReference { file_name, start_line, end_line, content } = reference;
    if content.trim().is_empty() {
        return format!("[See `{file_name}`, lines {start_line} to {end_line}.]");
    }
    format!("`{file_name}`, lines {start_line} to {end_line}:\n\n{content}")
}

/// An instruction file, as a model reads it; `None` where its text is not there.
pub(super) fn context_file_text(file: &ContextFile) -> Option<String> {
    let is_empty = file.content.trim().is_empty();
    (!is_empty).then(|| format!("Instructions from `{}`:\n\n{}", file.path, file.content))
}

/// A skill, as a model is told of it.
pub(super) fn skill_text(skill: &Skill) -> String {
    format!("[The skill `{}` is available: {}]", skill.name, skill.description)
}

/// A title that Anthropic accepts for documents: letters, digits, spaces, `-`, brackets.
pub(super) fn document_title(name: &str) -> Cow<'_, str> {
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || matches!(c, '-' | '(' | ')' | '[' | ']');
    match name.trim() {
        title if !title.is_empty() && title.chars().all(is_allowed) => Cow::Borrowed(title),
        _ => Cow::Borrowed("Document"),
    }
}

/// Where a provider finds content: in the request, or at an address.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Address<'a> {
    Data(Base64<'a>),
    Url(&'a str),
}

/// Bytes that serialise as base64, with a prefix, without a string in between.
#[derive(Debug)]
pub(super) struct Base64<'a> {
    pub(super) prefix: String,
    pub(super) data: &'a [u8],
}

impl<'a> Base64<'a> {
    pub(super) fn plain(data: &'a [u8]) -> Self {
        Self { prefix: String::new(), data }
    }

    /// A `data:` URL (RFC 2397).
    pub(super) fn url(media_type: &str, data: &'a [u8]) -> Self {
        Self { prefix: format!("data:{};base64,", essence(media_type)), data }
    }
}

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", self.prefix, Base64Display::new(self.data, &STANDARD)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(media_type: &str, data: &'static [u8]) -> File {
        File {
            media_type: media_type.to_owned(),
            name: "a.bin".to_owned(),
            data: data.into(),
            file_id: String::new(),
            ..File::default()
        }
    }

    #[test]
    fn a_file_is_what_its_type_says() {
        assert!(matches!(Attachment::of(&file("image/png", b"x")), Attachment::Image));
        assert!(matches!(Attachment::of(&file("application/pdf", b"x")), Attachment::Pdf));
        assert!(matches!(Attachment::of(&file("text/plain; charset=utf-8", b"x")), Attachment::Text("x")));
        assert!(matches!(Attachment::of(&file("text/plain", b"\xFF")), Attachment::Note(_)));
        assert!(matches!(Attachment::of(&file("image/tiff", b"x")), Attachment::Note(_)));
        assert!(matches!(Attachment::of(&file("image/png", b"")), Attachment::Note(_)));
    }

    #[test]
    fn a_file_elsewhere_is_fetched_where_somebody_can() {
        let at = |media_type: &str, url: &str| File { url: url.to_owned(), ..file(media_type, b"") };
        let image = at("image/png", "https://h/a");
        assert_eq!(Remote::of(&image), Some(Remote::Image("https://h/a")));
        assert_eq!(Remote::of(&at("", "http://h/a.pdf?x=1")), Some(Remote::Pdf("http://h/a.pdf?x=1")));
        assert_eq!(Remote::of(&at("", "https://h/a")), Some(Remote::Image("https://h/a")));
        assert_eq!(Remote::of(&at("application/pdf", "https://h/a")), Some(Remote::Pdf("https://h/a")));
        for (media_type, url) in [("image/png", ""), ("image/png", "file:///etc/passwd"), ("text/plain", "https://h/a")]
        {
            assert_eq!(Remote::of(&at(media_type, url)), None, "{media_type} {url}");
        }
        assert_eq!(Remote::of(&File { url: "https://h/a".to_owned(), ..file("image/png", b"x") }), None, "it is here");
        assert!(matches!(Attachment::of(&image), Attachment::Note(note) if note.contains("cannot fetch")));
    }

    #[test]
    fn a_title_with_other_characters_falls_back() {
        assert_eq!(document_title("Report (2)"), "Report (2)");
        assert_eq!(document_title("report.pdf"), "Document");
        assert_eq!(document_title(""), "Document");
    }

    #[test]
    fn bytes_serialise_as_base64() {
        let json = serde_json::to_string(&Base64::url("image/png;x=y", b"\x00\x01\x02")).unwrap();
        assert_eq!(json, r#""data:image/png;base64,AAEC""#);
    }
}
