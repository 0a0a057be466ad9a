//! What tools of servers answer, within bounds and without what the servers were told in confidence.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chatmesh_proto::agent::v1 as pb;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::Redactor;

/// How much text an answer holds.
const MAX_TEXT_BYTES: usize = 256 * 1024;
/// How much structured content an answer holds.
const MAX_STRUCTURED_BYTES: usize = 256 * 1024;
/// How many pieces an answer has.
const MAX_PIECES: usize = 256;
/// The longest address or type in bytes.
const MAX_LABEL_BYTES: usize = 2048;

/// Makes an answer of what a server sent, with so many bytes of data that are no text. What is over a limit is marked:
/// text is cut, data and structured content are left out, because a part of them is worth nothing. `redactor` hides the
/// secrets of the server: one that passes requests on may repeat its headers, with an error or without.
#[must_use]
pub fn answer(result: CallToolResult, max_data_bytes: usize, redactor: &Redactor) -> pb::CallMcpToolResponse {
    let mut room = Room { text: MAX_TEXT_BYTES, data: max_data_bytes, redactor };
    let mut truncated = result.content.len() > MAX_PIECES;
    let blocks = result.content.into_iter().take(MAX_PIECES);
    let content: Vec<_> = blocks.filter_map(|block| room.piece(block)).collect();
    let structured = result.structured_content.map(|value| redactor.hide_in(value).to_string());
    truncated |= structured.as_ref().is_some_and(|json| json.len() > MAX_STRUCTURED_BYTES);
    truncated |= content.iter().any(|piece| piece.truncated);
    pb::CallMcpToolResponse {
        content,
        is_error: result.is_error.unwrap_or(false),
        structured_content_json: structured.filter(|json| json.len() <= MAX_STRUCTURED_BYTES),
        truncated,
    }
}

/// The room that is left, and what does not get into it.
struct Room<'a> {
    text: usize,
    data: usize,
    redactor: &'a Redactor,
}

impl Room<'_> {
    fn piece(&mut self, block: ContentBlock) -> Option<pb::McpContent> {
        Some(match block {
            ContentBlock::Text(text) => self.text(pb::McpContentKind::Text, text.text),
            ContentBlock::Image(image) => {
                self.data(pb::McpContentKind::Image, &image.data, Some(image.mime_type), String::new())
            }
            ContentBlock::Audio(audio) => {
                self.data(pb::McpContentKind::Audio, &audio.data, Some(audio.mime_type), String::new())
            }
            ContentBlock::Resource(resource) => match resource.resource {
                ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                    let piece = self.text(pb::McpContentKind::Resource, text);
                    pb::McpContent {
                        media_type: self.label(mime_type.unwrap_or_default()),
                        uri: self.label(uri),
                        ..piece
                    }
                }
                ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                    self.data(pb::McpContentKind::Resource, &blob, mime_type, uri)
                }
                _ => return None,
            },
            ContentBlock::ResourceLink(link) => {
                let piece = self.text(pb::McpContentKind::ResourceLink, link.title.unwrap_or(link.name));
                let media_type = self.label(link.mime_type.unwrap_or_default());
                pb::McpContent { media_type, uri: self.label(link.uri), ..piece }
            }
            // A kind that the protocol got later.
            _ => return None,
        })
    }

    fn text(&mut self, kind: pb::McpContentKind, text: String) -> pb::McpContent {
        // Before it is cut, which may leave a part of a secret.
        let mut text = self.redactor.hide(text);
        let truncated = text.len() > self.text;
        if truncated {
            text.truncate(text.floor_char_boundary(self.text));
            // What follows would look like the continuation.
            self.text = 0;
        }
        self.text = self.text.saturating_sub(text.len());
        pb::McpContent { kind: kind.into(), text, truncated, ..Default::default() }
    }

    fn data(
        &mut self,
        kind: pb::McpContentKind,
        base64: &str,
        media_type: Option<String>,
        uri: String,
    ) -> pb::McpContent {
        // Decoding what does not fit would only take memory.
        let fits = base64.len() / 4 * 3 <= self.data + 2;
        let decoded = if fits { BASE64_STANDARD.decode(base64).ok() } else { None };
        let is_data = !fits || decoded.is_some();
        let size_bytes = if is_data { decoded_len(base64) } else { 0 };
        let data = decoded.filter(|data| data.len() <= self.data);
        let truncated = data.is_none();
        let data = data.unwrap_or_default();
        self.data -= data.len();
        let (media_type, uri) = (self.label(media_type.unwrap_or_default()), self.label(uri));
        let kind = kind.into();
        pb::McpContent { kind, data: data.into(), media_type, uri, truncated, size_bytes, ..Default::default() }
    }

    fn label(&self, text: String) -> String {
        let mut text = self.redactor.hide(text);
        text.truncate(text.floor_char_boundary(MAX_LABEL_BYTES));
        text
    }
}

/// How many bytes a text in base64 stands for.
fn decoded_len(base64: &str) -> u64 {
    let digits = base64.trim_end_matches('=').len();
    u64::try_from(digits).unwrap_or(u64::MAX).saturating_mul(3) / 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use serde_json::json;

    use super::*;

    const MAX_DATA_BYTES: usize = 64 * 1024;

    fn convert(content: Vec<ContentBlock>) -> pb::CallMcpToolResponse {
        answer(CallToolResult::success(content), MAX_DATA_BYTES, &Redactor::default())
    }

    #[test]
    fn every_kind_of_content_comes_through() {
        let link: ContentBlock = serde_json::from_value(
            json!({"type": "resource_link", "uri": "file:///a", "name": "a", "mimeType": "text/plain"}),
        )
        .expect("a link");
        let blob: ContentBlock = serde_json::from_value(
            json!({"type": "resource", "resource": {"uri": "file:///b", "blob": "AAEC", "mimeType": "x/y"}}),
        )
        .expect("a resource");
        let response = convert(vec![
            ContentBlock::text("hello"),
            ContentBlock::image("AAEC", "image/png"),
            ContentBlock::embedded_text("file:///t", "inside"),
            blob,
            link,
        ]);
        assert!(!response.truncated && !response.is_error);
        let kinds: Vec<_> = response.content.iter().map(pb::McpContent::kind).collect();
        let resource = pb::McpContentKind::Resource;
        let (text, image, link) =
            (pb::McpContentKind::Text, pb::McpContentKind::Image, pb::McpContentKind::ResourceLink);
        assert_eq!(kinds, [text, image, resource, resource, link]);
        assert_eq!(response.content[0].text, "hello");
        assert_eq!(
            (&response.content[1].data[..], response.content[1].media_type.as_str()),
            (&[0, 1, 2][..], "image/png")
        );
        assert_eq!((response.content[2].text.as_str(), response.content[2].uri.as_str()), ("inside", "file:///t"));
        assert_eq!((&response.content[3].data[..], response.content[3].uri.as_str()), (&[0, 1, 2][..], "file:///b"));
        assert_eq!((response.content[4].text.as_str(), response.content[4].uri.as_str()), ("a", "file:///a"));
    }

    #[test]
    fn text_is_cut_and_data_is_left_out() {
        let response = convert(vec![
            ContentBlock::text("é".repeat(MAX_TEXT_BYTES)),
            ContentBlock::text("more"),
            ContentBlock::image(BASE64_STANDARD.encode(vec![0; MAX_DATA_BYTES]), "image/png"),
            ContentBlock::image("AAEC", "image/png"),
            ContentBlock::image("no base64", "image/png"),
        ]);
        assert!(response.truncated);
        let truncated: Vec<_> = response.content.iter().map(|piece| piece.truncated).collect();
        assert_eq!(truncated, [true, true, false, true, true]);
        assert_eq!(response.content[0].text.len(), MAX_TEXT_BYTES);
        assert_eq!(response.content[1].text, "");
        assert_eq!(response.content[2].data.len(), MAX_DATA_BYTES);
        assert!(response.content[3].data.is_empty());
        let sizes: Vec<u64> = response.content.iter().map(|piece| piece.size_bytes).collect();
        assert_eq!(sizes, [0, 0, MAX_DATA_BYTES as u64, 3, 6], "what does not fit is not decoded");
        let garbled = convert(vec![ContentBlock::image("no base64", "image/png")]);
        assert_eq!((garbled.content[0].size_bytes, garbled.content[0].truncated), (0, true));
    }

    #[test]
    fn what_is_left_out_is_said_to_be_as_long_as_it_is() {
        for size in [0, 1, 2, 3, MAX_DATA_BYTES - 1, MAX_DATA_BYTES, MAX_DATA_BYTES + 1, 3 * MAX_DATA_BYTES + 1] {
            let response = convert(vec![ContentBlock::image(BASE64_STANDARD.encode(vec![7; size]), "image/png")]);
            let piece = &response.content[0];
            assert_eq!((piece.size_bytes, piece.truncated), (size as u64, size > MAX_DATA_BYTES), "{size}");
        }
    }

    #[test]
    fn structured_content_is_whole_or_missing() {
        let mut result = CallToolResult::success(Vec::new());
        result.structured_content = Some(json!({"a": [1, null]}));
        result.is_error = Some(true);
        let response = answer(result.clone(), MAX_DATA_BYTES, &Redactor::default());
        assert_eq!(response.structured_content_json.as_deref(), Some(r#"{"a":[1,null]}"#));
        assert!(response.is_error && !response.truncated);
        result.structured_content = Some(json!("x".repeat(MAX_STRUCTURED_BYTES)));
        let response = answer(result, MAX_DATA_BYTES, &Redactor::default());
        assert!(response.truncated && response.structured_content_json.is_none());
    }

    /// M15: a server that repeats what it was sent does not tell it to the model, with an error or without.
    #[test]
    fn m15_no_secret_of_a_server_is_in_an_answer() {
        let redactor = Redactor::new(["Bearer very-secret-token"], None);
        let link: ContentBlock = serde_json::from_value(
            json!({"type": "resource_link", "uri": "https://host/?t=very-secret-token", "name": "very-secret-token"}),
        )
        .expect("a link");
        // A token at the place where the text is cut.
        let long = format!("{}very-secret-token", "x".repeat(MAX_TEXT_BYTES - 10));
        for is_error in [None, Some(false), Some(true)] {
            let mut result = CallToolResult::success(vec![
                ContentBlock::text("401 for Authorization: Bearer very-secret-token"),
                ContentBlock::embedded_text("file:///very-secret-token", "very-secret-token"),
                link.clone(),
                ContentBlock::text(long.clone()),
            ]);
            result.structured_content = Some(json!({"sent": [{"authorization": "Bearer very-secret-token"}]}));
            result.is_error = is_error;
            let response = answer(result, MAX_DATA_BYTES, &redactor);
            assert_eq!(response.content[0].text, "401 for Authorization: [redacted]");
            let expected = r#"{"sent":[{"authorization":"[redacted]"}]}"#;
            assert_eq!(response.structured_content_json.as_deref(), Some(expected));
            let text = format!("{response:?}");
            assert!(!text.contains("very-sec"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_answer_always_fits_into_a_message(sizes in prop::collection::vec((any::<bool>(), 0..300_000_usize), 0..20)) {
            let block = |(is_text, size): (bool, usize)| match is_text {
                true => ContentBlock::text("日".repeat(size)),
                false => ContentBlock::image(BASE64_STANDARD.encode(vec![7; size]), "image/png"),
            };
            let content = sizes.iter().copied().map(block).collect();
            let response = answer(CallToolResult::success(content), 1024 * 1024, &Redactor::default());
            prop_assert!(response.encoded_len() < 4 * 1024 * 1024);
            prop_assert_eq!(response.content.len(), sizes.len());
        }
    }
}
