//! What a server's tool answered: texts for the model to read, and the first of what is no text as a file for the chat.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::agent::v1::{CallMcpToolResponse, McpContent, McpContentKind};
use serde_json::{Map, Value, json};

use crate::outcome::{Attachment, Outcome};

/// How much data that is no text is shown as such.
const MAX_SHOWN_BYTES: usize = 48 * 1024;
/// The longest name of a file in bytes.
const MAX_NAME_BYTES: usize = 255;
/// How many pieces that are left out are named.
const MAX_NAMED: usize = 20;
/// What is said of a piece that the chat is given: whether it takes it is its business.
const GIVEN: &str =
    "it is given to the people of the chat: see `attachment`, or `attachment_error` where it is not taken";
const LEFT_OUT: &str = "the data is too long to be shown: have the tool write it to a file";

/// The outcome of a call that was made. A tool that says that it failed has a structured failure. Of images and other
/// data the first is given to the chat: people see it, which is what most of it is for.
pub(crate) fn outcome(answer: &CallMcpToolResponse) -> Outcome {
    let file = file(&answer.content);
    let result = result(answer, file);
    match file.and_then(|at| answer.content.get(at)) {
        Some(piece) => Outcome::Attachment(result, attachment(piece)),
        None => Outcome::Result(result),
    }
}

/// Which piece is given to the chat. Sounds and films, which chats do not take, do not stand in the way of a picture.
fn file(pieces: &[McpContent]) -> Option<usize> {
    let has_data = |piece: &McpContent| !piece.data.is_empty() && !piece.truncated;
    let is_played = |piece: &McpContent| {
        piece.kind() == McpContentKind::Audio || ["audio/", "video/"].iter().any(|of| piece.media_type.starts_with(of))
    };
    let first = pieces.iter().position(|piece| has_data(piece) && !is_played(piece));
    first.or_else(|| pieces.iter().position(has_data))
}

/// What the model reads; the piece with the number `file` is given to the chat.
fn result(answer: &CallMcpToolResponse, file: Option<usize>) -> String {
    let texts: Vec<String> = answer.content.iter().filter_map(text).collect();
    let mut fields = Map::new();
    fields.insert("success".to_owned(), (!answer.is_error).into());
    let said = texts.join("\n");
    let structured = structured(answer).filter(|structured| !says(&said, structured));
    if answer.is_error {
        let error = if said.is_empty() { "the tool failed and does not say why".to_owned() } else { said };
        fields.insert("error".to_owned(), error.into());
    } else if !said.is_empty() {
        fields.insert("output".to_owned(), said.into());
    } else if !answer.content.is_empty() && structured.is_none() {
        fields.insert("content".to_owned(), described(&answer.content, file).collect());
    }
    if let Some(structured) = structured {
        // Where there is nothing else, it is what the tool says.
        let field = if answer.is_error || fields.contains_key("output") { "structured_output" } else { "output" };
        fields.insert(field.to_owned(), structured);
    }
    if !fields.contains_key("content")
        && let Some(left_out) = left_out(&answer.content, file)
    {
        fields.insert("left_out".to_owned(), left_out);
    }
    if answer.truncated {
        fields.insert("truncated".to_owned(), true.into());
    }
    Value::Object(fields).to_string()
}

/// A piece as a file. What it is called is the server's affair only as far as it can be shown.
fn attachment(piece: &McpContent) -> Attachment {
    let path = piece.uri.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_name = name.len() <= MAX_NAME_BYTES && !name.chars().any(char::is_control);
    Attachment {
        name: if is_name { name.to_owned() } else { String::new() },
        media_type: piece.media_type.clone(),
        data: piece.data.clone(),
        best_effort: true,
    }
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

/// True where the text is the structured content and nothing else, as servers send it for clients that know text only.
fn says(text: &str, structured: &Value) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|said| said == *structured)
}

/// Pieces that are no text: what they are, and the data where that is short and not given to the chat.
fn described(pieces: &[McpContent], file: Option<usize>) -> impl Iterator<Item = Value> {
    pieces.iter().enumerate().map(move |(at, piece)| {
        let mut described = describe(piece);
        if file == Some(at) {
            described["note"] = GIVEN.into();
        } else if piece.truncated || piece.data.len() > MAX_SHOWN_BYTES {
            described["note"] = LEFT_OUT.into();
        } else {
            described["data_base64"] = STANDARD.encode(&piece.data).into();
        }
        described
    })
}

/// Pieces that stand beside a text, are none, and are not given to the chat: what they are. `None` where there are none.
fn left_out(pieces: &[McpContent], file: Option<usize>) -> Option<Value> {
    let is_left_out = |(at, piece): &(usize, &McpContent)| file != Some(*at) && is_data(piece);
    let left_out: Vec<&McpContent> = pieces.iter().enumerate().filter(is_left_out).map(|(_, piece)| piece).collect();
    let mut named: Vec<Value> = left_out.iter().take(MAX_NAMED).map(|piece| describe(piece)).collect();
    let more = left_out.len() - named.len();
    if more > 0 {
        named.push(json!({ "note": format!("and {more} more") }));
    }
    (!named.is_empty()).then(|| named.into())
}

/// True for what is no text, also where nothing is left of it.
fn is_data(piece: &McpContent) -> bool {
    let is_of_kind = matches!(piece.kind(), McpContentKind::Image | McpContentKind::Audio);
    is_of_kind || !piece.data.is_empty() || piece.size_bytes > 0
}

/// What a piece is and how long.
fn describe(piece: &McpContent) -> Value {
    let kind = match piece.kind() {
        McpContentKind::Image => "image",
        McpContentKind::Audio => "audio",
        McpContentKind::Unspecified
        | McpContentKind::Text
        | McpContentKind::Resource
        | McpContentKind::ResourceLink => "data",
    };
    let mut described = json!({ "type": kind, "media_type": piece.media_type });
    let size = u64::try_from(piece.data.len()).unwrap_or(u64::MAX).max(piece.size_bytes);
    // Of what is left out not everybody says how long it was.
    if size > 0 || !piece.truncated {
        described["size_bytes"] = size.into();
    }
    if !piece.uri.is_empty() {
        described["uri"] = piece.uri.as_str().into();
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
            Outcome::Result(result) | Outcome::Attachment(result, _) => serde_json::from_str(&result).expect("JSON"),
            failure @ Outcome::Failure(_) => panic!("{failure:?}"),
        }
    }

    fn file(answer: &CallMcpToolResponse) -> Option<Attachment> {
        match outcome(answer) {
            Outcome::Attachment(_, file) => Some(file),
            Outcome::Result(_) | Outcome::Failure(_) => None,
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

        let images = answer(vec![piece(Image, "", &[9]), piece(Image, "", &[0, 1, 2])]);
        let given = json!({"type": "image", "media_type": "image/png", "size_bytes": 1, "note": GIVEN});
        let shown = json!({"type": "image", "media_type": "image/png", "size_bytes": 3, "data_base64": "AAEC"});
        assert_eq!(result(&images), json!({"success": true, "content": [given, shown]}));

        let large = result(&answer(vec![piece(Image, "", &[9]), piece(Image, "", &[0; MAX_SHOWN_BYTES + 1])]));
        assert!(large["content"][1]["note"].is_string() && large["content"][1]["data_base64"].is_null(), "{large}");
        assert_eq!(result(&answer(vec![])), json!({"success": true}));
    }

    #[test]
    fn the_first_of_what_is_no_text_is_given_to_the_chat() {
        use McpContentKind::{Image, Resource, Text};
        let left_out = McpContent { truncated: true, ..piece(Image, "", b"") };
        let report = McpContent { uri: "https://h/out/Q3.png?a=/b#/c".to_owned(), ..piece(Resource, "", b"12") };
        let all = answer(vec![piece(Text, "see", b""), left_out.clone(), report.clone(), piece(Image, "", b"3")]);
        let also = json!([
            {"type": "image", "media_type": "image/png"},
            {"type": "image", "media_type": "image/png", "size_bytes": 1},
        ]);
        let expected = Attachment {
            name: "Q3.png".to_owned(),
            media_type: "image/png".to_owned(),
            data: b"12".as_slice().into(),
            best_effort: true,
        };
        assert_eq!(file(&all), Some(expected.clone()));
        assert_eq!(result(&all), json!({"success": true, "output": "see", "left_out": also}));
        let failed = CallMcpToolResponse { is_error: true, ..all };
        assert_eq!(file(&failed), Some(expected), "what it looked like when it failed");
        for uri in ["", "https://h/", "ui://a\nb", &format!("ui:/{}", "x".repeat(MAX_NAME_BYTES + 1))] {
            let unnamed = McpContent { uri: uri.to_owned(), ..report.clone() };
            assert_eq!(file(&answer(vec![unnamed])).map(|file| file.name).as_deref(), Some(""), "{uri}");
        }
        assert_eq!(file(&answer(vec![piece(Text, "see", b""), left_out])), None);
    }

    /// What nobody gets to see is named, with its size.
    #[test]
    fn what_is_neither_shown_nor_given_to_the_chat_is_named() {
        use McpContentKind::{Audio, Image, Resource, Text};
        let long = |kind, size_bytes| McpContent { truncated: true, size_bytes, ..piece(kind, "", b"") };
        let archive = McpContent {
            media_type: "application/zip".to_owned(),
            uri: "https://h/all.zip".to_owned(),
            ..long(Resource, 20_000_000)
        };
        let song = McpContent { media_type: "audio/wav".to_owned(), ..piece(Audio, "", b"RIFF") };
        let pieces = vec![song.clone(), archive, piece(Image, "", b"1"), long(Text, 0)];
        let named = json!([
            {"type": "audio", "media_type": "audio/wav", "size_bytes": 4},
            {"type": "data", "media_type": "application/zip", "size_bytes": 20_000_000, "uri": "https://h/all.zip"},
        ]);
        let text = answer([vec![piece(Text, "see", b"")], pieces.clone()].concat());
        assert_eq!(result(&text), json!({"success": true, "output": "see", "left_out": named}));
        assert_eq!(file(&text).map(|file| file.data).as_deref(), Some(&b"1"[..]), "the picture, not the song");
        assert_eq!(file(&answer(vec![song])).map(|file| file.media_type).as_deref(), Some("audio/wav"));
        let failed = result(&CallMcpToolResponse { is_error: true, ..answer(pieces.clone()) });
        assert_eq!(failed["left_out"], named, "{failed}");
        let alone = result(&answer(pieces));
        assert_eq!(
            (&alone["content"][1]["size_bytes"], &alone["content"][1]["note"]),
            (&json!(20_000_000), &json!(LEFT_OUT))
        );
        assert!(alone.get("left_out").is_none() && alone["content"][1]["data_base64"].is_null(), "{alone}");

        let many = answer([vec![piece(Text, "see", b"")], vec![long(Image, 9); 25]].concat());
        let many = result(&many);
        assert_eq!(many["left_out"].as_array().map(Vec::len), Some(MAX_NAMED + 1));
        assert_eq!(many["left_out"][MAX_NAMED], json!({"note": "and 5 more"}));
    }

    #[test]
    fn structured_content_stands_beside_text_and_in_for_it() {
        let structured = Some(r#"{"a":[1]}"#.to_owned());
        let only = CallMcpToolResponse { structured_content_json: structured.clone(), ..answer(vec![]) };
        assert_eq!(result(&only), json!({"success": true, "output": {"a": [1]}}));
        let both = CallMcpToolResponse {
            structured_content_json: structured.clone(),
            truncated: true,
            ..answer(vec![piece(McpContentKind::Text, "a is 1", b"")])
        };
        let expected = json!({"success": true, "output": "a is 1", "structured_output": {"a": [1]}, "truncated": true});
        assert_eq!(result(&both), expected);
        let failed = CallMcpToolResponse { is_error: true, truncated: false, ..both };
        let expected = json!({"success": false, "error": "a is 1", "structured_output": {"a": [1]}});
        assert_eq!(result(&failed), expected);
        let twice = CallMcpToolResponse {
            structured_content_json: structured,
            ..answer(vec![piece(McpContentKind::Text, "{ \"a\": [1] }", b"")])
        };
        assert_eq!(result(&twice), json!({"success": true, "output": "{ \"a\": [1] }"}), "it is said once");
    }

    #[test]
    fn a_tool_that_failed_has_a_structured_failure() {
        let failed = |content| result(&CallMcpToolResponse { is_error: true, ..answer(content) });
        let said = failed(vec![piece(McpContentKind::Text, "no such row", b"")]);
        assert_eq!(said, json!({"success": false, "error": "no such row"}));
        assert!(failed(vec![])["error"].as_str().is_some_and(|error| error.contains("does not say why")));
    }
}
