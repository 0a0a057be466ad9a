//! Files in requests: inline as base64, or at an address.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use chatmesh_proto::common::v1::File;

use super::BadRequest;
use super::node::Node;

/// Types of files that clients name by their endings only.
const ENDINGS: [(&str, &str); 7] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".gif", "image/gif"),
    (".webp", "image/webp"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
];

pub(super) const ANY_IMAGE: &str = "image/jpeg";
pub(super) const PDF: &str = "application/pdf";

/// Decodes base64, with or without its padding.
pub(super) fn base64(node: &Node<'_>) -> Result<Bytes, BadRequest> {
    decode(&node.string()?).ok_or_else(|| node.wrong("this is not valid base64"))
}

fn decode(text: &str) -> Option<Bytes> {
    let text = text.trim();
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok().map(Bytes::from)
}

/// A file behind a `data:` URL (RFC 2397) or an address. `media_type` stands in where an address
/// does not show what is there.
pub(super) fn at_url(node: &Node<'_>, media_type: &str) -> Result<File, BadRequest> {
    let url = node.string()?;
    if let Some(data) = url.strip_prefix("data:") {
        return inline(data).ok_or_else(|| {
            node.wrong("this is not a data URL with base64, such as `data:image/png;base64,iVBORw0KGgo=`")
        });
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(node.wrong("must be a `data:` URL or an `https:` address"));
    }
    let media_type = by_ending(&url).unwrap_or(media_type).to_owned();
    Ok(File { media_type, url: url.into_owned(), ..File::default() })
}

fn inline(data: &str) -> Option<File> {
    let (head, data) = data.split_once(',')?;
    let media_type = head.strip_suffix(";base64")?;
    let media_type = if media_type.is_empty() { "text/plain" } else { media_type };
    Some(File { media_type: media_type.to_owned(), data: decode(data)?, ..File::default() })
}

/// A file that is a `data:` URL or base64 alone, which then is what its name says.
pub(super) fn file_data(node: &Node<'_>, name: &str) -> Result<File, BadRequest> {
    let is_url = node.string()?.starts_with("data:");
    let file = match is_url {
        true => at_url(node, PDF)?,
        false => File { media_type: by_ending(name).unwrap_or(PDF).to_owned(), data: base64(node)?, ..File::default() },
    };
    Ok(File { name: name.to_owned(), ..file })
}

/// What a name says about a file's type.
fn by_ending(name: &str) -> Option<&'static str> {
    let name = name.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    ENDINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, media_type)| *media_type)
}
