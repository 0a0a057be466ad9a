//! Which files the models read, and how they come to them.

use chatmesh_proto::common::v1::File;
use chatmesh_proto::llm::v1::Warning;

use super::Host;
use super::types::{Data, FileData, InlineData, Part};
use crate::codec::attachment::{Attachment, Base64, essence, inline_text, note};
use crate::codec::warnings::{ATTACHMENT_DROPPED, warning};

/// Images that other providers read and this one does not.
const UNREADABLE: &[&str] = &["image/gif"];

/// Images that this provider reads and others do not.
const MORE_IMAGES: &[&str] = &["image/heic", "image/heif"];

/// Where the Gemini API keeps files that it was given before.
const KEPT_FILES: &str = "https://generativelanguage.googleapis.com/";
/// Videos that both hosts find.
const VIDEOS: &[&str] = &["https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/"];

/// A file, or a note to the model that it is not there.
pub(super) fn part<'a>(file: &'a File, host: Host, warnings: &mut Vec<Warning>) -> Part<'a> {
    if let Some(part) = whole(file).or_else(|| remote(file, host)) {
        return part;
    }
    let left_out = match Attachment::of(file) {
        Attachment::Text(text) => return Part::text(inline_text(file, text)),
        Attachment::Note(note) => note,
        Attachment::Image | Attachment::Pdf => note(file, "the model cannot read its type"),
    };
    warnings.push(warning(ATTACHMENT_DROPPED, left_out.clone()));
    Part::text(left_out)
}

/// A file whose bytes are here and that is no text.
pub(super) fn whole(file: &File) -> Option<Part<'_>> {
    let mime_type = essence(&file.media_type);
    let is_medium = ["audio/", "video/"].iter().any(|start| mime_type.starts_with(start));
    let is_readable = is_medium
        || MORE_IMAGES.contains(&mime_type)
        || matches!(Attachment::of(file), Attachment::Image | Attachment::Pdf);
    let is_here = !file.data.is_empty() && !UNREADABLE.contains(&mime_type);
    let data = || Data::InlineData(InlineData { mime_type, data: Base64::plain(&file.data) });
    (is_here && is_readable).then(|| data().into())
}

/// A file that may stand in a result: pictures and documents, nothing that takes time.
pub(super) fn within_result(file: &File) -> Option<Part<'_>> {
    whole(file).filter(|_| matches!(Attachment::of(file), Attachment::Image | Attachment::Pdf))
}

/// A file at an address that the host looks at: Vertex AI at all of them, the Gemini API at its own
/// files and at videos.
fn remote(file: &File, host: Host) -> Option<Part<'_>> {
    let file_uri = file.url.as_str();
    let starts = |start: &&str| file_uri.starts_with(*start);
    let is_video = VIDEOS.iter().any(starts);
    let is_known = match host {
        Host::GeminiApi => is_video || starts(&KEPT_FILES),
        Host::VertexAi => ["https://", "http://", "gs://"].iter().any(starts),
    };
    let mime_type = match essence(&file.media_type) {
        "" => type_of(file_uri, is_video),
        mime_type => mime_type,
    };
    (file.data.is_empty() && is_known).then(|| Data::FileData(FileData { mime_type, file_uri }).into())
}

/// What a name promises; Vertex AI wants to be told.
fn type_of(url: &str, is_video: bool) -> &'static str {
    if is_video {
        return "video/*";
    }
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "webp" => "image/webp",
        _ => "image/jpeg",
    }
}
