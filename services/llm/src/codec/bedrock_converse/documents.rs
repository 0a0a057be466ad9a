//! Images and documents: their formats, and what the service demands of documents.

use std::borrow::Cow;
use std::collections::HashSet;

use chatmesh_proto::common::v1::File;

use super::types::{Block, Document, Media, Source};
use crate::codec::attachment::{Attachment, Base64, essence, inline_text, note};

/// The most documents of one message.
const MAX_DOCUMENTS: usize = 5;
/// The longest document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 4_500_000;
/// The longest name of a document, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Makes blocks of the files of a conversation.
#[derive(Debug, Default)]
pub(super) struct Documents {
    names: HashSet<String>,
}

/// A file as a block, and what to say where the model does not get it.
#[derive(Debug)]
pub(super) struct Attached<'a> {
    pub(super) block: Block<'a>,
    pub(super) note: Option<String>,
}

impl Documents {
    /// A file as a block of a message that holds `before` already.
    pub(super) fn attach<'a>(&mut self, file: &'a File, before: &[Block<'_>]) -> Attached<'a> {
        let media = |format| Media { format, source: Source::Bytes(Base64::plain(&file.data)) };
        let fits = before.iter().filter(|block| matches!(block, Block::Document(_))).count() < MAX_DOCUMENTS
            && file.data.len() <= MAX_DOCUMENT_BYTES;
        let block = match Attachment::of(file) {
            Attachment::Image => Block::Image(media(image_format(file))),
            Attachment::Pdf if fits => Block::Document(Document { name: self.name(&file.name), media: media("pdf") }),
            Attachment::Pdf => return noted(note(file, "the provider takes 5 documents of 4.5 MB in a message")),
            Attachment::Text(text) if !fits || text.trim().is_empty() => Block::text(inline_text(file, text)),
            Attachment::Text(_) => {
                Block::Document(Document { name: self.name(&file.name), media: media(text_format(file)) })
            }
            Attachment::Note(note) => return noted(note),
        };
        Attached { block, note: None }
    }

    /// A name that the service takes and no other document has.
    fn name(&mut self, name: &str) -> String {
        let wanted = harmless(name);
        let mut name = wanted.clone().into_owned();
        let mut number = 2_usize;
        while !self.names.insert(name.clone()) {
            name = format!("{wanted} ({number})");
            number += 1;
        }
        name
    }
}

fn noted<'a>(note: String) -> Attached<'a> {
    Attached { block: Block::text(note.clone()), note: Some(note) }
}

/// Letters, digits, single blanks, `-`, brackets.
fn harmless(name: &str) -> Cow<'static, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '(' | ')' | '[' | ']');
    let plain: String = name.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(MAX_NAME_CHARS).collect();
    let words: Vec<_> = plain.split_whitespace().collect();
    match words.is_empty() {
        true => Cow::Borrowed("Document"),
        false => Cow::Owned(words.join(" ")),
    }
}

fn image_format(file: &File) -> &'static str {
    match essence(&file.media_type) {
        "image/jpeg" => "jpeg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => "png",
    }
}

fn text_format(file: &File) -> &'static str {
    match essence(&file.media_type) {
        "text/csv" => "csv",
        "text/html" => "html",
        "text/markdown" => "md",
        _ => "txt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_harmless_and_unique() {
        let mut documents = Documents::default();
        let names = ["report.pdf", "report.pdf", "Report  (2)\t[x]", "", " ", "été", "a/b"];
        let found: Vec<_> = names.into_iter().map(|name| documents.name(name)).collect();
        assert_eq!(found, ["report-pdf", "report-pdf (2)", "Report (2)-[x]", "Document", "Document (2)", "-t-", "a-b"]);
        assert_eq!(documents.name(&"x".repeat(500)).len(), 200);
    }
}
