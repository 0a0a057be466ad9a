//! What a server's tool answered, for the model to read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::agent::v1::{CallMcpToolResponse, McpContent, McpContentKind};
use serde_json::{Map, Value, json};

use crate::outcome::Outcome;

/// How much data that is no text is shown as such.
const MAX_SHOWN_BYTES: usize = 48 * 1024;

/// The outcome of a call that was made. A tool that says that it failed has a structured failure.
pub(super) fn outcome(answer: &CallMcpToolResponse) -> Outcome {
    let texts: Vec<String> = answer.content.iter().filter_map(text).collect();
    let mut fields = Map::new();
    fields.insert("success".to_owned(), (!answer.is_error).into());
    let said = texts.join("\n");
    if answer.is_error {
        let error = if said.is_empty() { "the tool failed and does not say why".to_owned() } else { said };
        fields.insert("error".to_owned(), error.into());
    } else if !said.is_empty() {
        fields.insert("output".to_owned(), said.into());
    } else if let Some(structured) = structured(answer) {
        fields.insert("output".to_owned(), structured);
    } else if !answer.content.is_empty() {
        fields.insert("content".to_owned(), answer.content.iter().map(described).collect());
    }
    if answer.truncated {
        fields.insert("truncated".to_owned(), true.into());
    }
    Outcome::Result(Value::Object(fields).to_string())
}

/// The text of a piece; `None` where it has none.
fn text(piece: &McpContent) -> Option<String> {
    let text = match piece.kind() {
        McpContentKind::ResourceLink if !piece.text.is_empty() => format!("{} ({})", piece.text, piece.uri),
        McpContentKind::ResourceLink => piece.uri.clone(),
        _ => piece.text.clone(),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn structured(answer: &CallMcpToolResponse) -> Option<Value> {
    answer.structured_content_json.as_deref().and_then(|json| serde_json::from_str(json).ok())
}

/// A piece that is no text: what it is, and the data where that is short.
fn described(piece: &McpContent) -> Value {
    let kind = match piece.kind() {
        McpContentKind::Image => "image",
        McpContentKind::Audio => "audio",
        McpContentKind::Unspecified
        | McpContentKind::Text
        | McpContentKind::Resource
        | McpContentKind::ResourceLink => "data",
    };
    let mut described = json!({ "type": kind, "media_type": piece.media_type, "size_bytes": piece.data.len() });
    if !piece.uri.is_empty() {
        described["uri"] = piece.uri.as_str().into();
    }
    if piece.truncated || piece.data.len() > MAX_SHOWN_BYTES {
        described["note"] = "the data is too long to be shown: have the tool write it to a file".into();
    } else {
        described["data_base64"] = STANDARD.encode(&piece.data).into();
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(kind: McpContentKind, text: &str, data: &[u8]) -> McpContent {
        McpContent {
            kind: kind.into(),
            text: text.to_owned(),
            data: data.to_vec().into(),
            media_type: "image/png".to_owned(),
            ..McpContent::default()
        }
    }

    fn result(answer: &CallMcpToolResponse) -> Value {
        match outcome(answer) {
            Outcome::Result(result) => serde_json::from_str(&result).expect("JSON"),
            failure @ Outcome::Failure(_) => panic!("{failure:?}"),
        }
    }

    fn answer(content: Vec<McpContent>) -> CallMcpToolResponse {
        CallMcpToolResponse { content, ..CallMcpToolResponse::default() }
    }

    #[test]
    fn texts_are_joined_and_data_is_shown_only_where_there_is_no_text() {
        use McpContentKind::{Image, ResourceLink, Text};
        let link = McpContent { uri: "file:///a".to_owned(), ..piece(ResourceLink, "A", b"") };
        let mixed = answer(vec![piece(Text, "one", b""), piece(Image, "", b"123"), piece(Text, "two", b""), link]);
        assert_eq!(result(&mixed), json!({"success": true, "output": "one\ntwo\nA (file:///a)"}));

        let image = answer(vec![piece(Image, "", &[0, 1, 2])]);
        let shown = json!({"type": "image", "media_type": "image/png", "size_bytes": 3, "data_base64": "AAEC"});
        assert_eq!(result(&image), json!({"success": true, "content": [shown]}));

        let large = result(&answer(vec![piece(Image, "", &[0; MAX_SHOWN_BYTES + 1])]));
        assert!(large["content"][0]["note"].is_string() && large["content"][0]["data_base64"].is_null(), "{large}");
        assert_eq!(result(&answer(vec![])), json!({"success": true}));
    }

    #[test]
    fn structured_content_stands_in_for_text() {
        let structured = Some(r#"{"a":[1]}"#.to_owned());
        let only = CallMcpToolResponse { structured_content_json: structured.clone(), ..answer(vec![]) };
        assert_eq!(result(&only), json!({"success": true, "output": {"a": [1]}}));
        let both = CallMcpToolResponse {
            structured_content_json: structured,
            truncated: true,
            ..answer(vec![piece(McpContentKind::Text, "a is 1", b"")])
        };
        assert_eq!(result(&both), json!({"success": true, "output": "a is 1", "truncated": true}));
    }

    #[test]
    fn a_tool_that_failed_has_a_structured_failure() {
        let failed = |content| result(&CallMcpToolResponse { is_error: true, ..answer(content) });
        let said = failed(vec![piece(McpContentKind::Text, "no such row", b"")]);
        assert_eq!(said, json!({"success": false, "error": "no such row"}));
        assert!(failed(vec![])["error"].as_str().is_some_and(|error| error.contains("does not say why")));
    }
}
