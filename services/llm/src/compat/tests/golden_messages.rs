//! Streams of Messages, written by hand from their grammar.

use chatmesh_proto::common::v1::FinishReason;
use serde_json::{Value, json};

use crate::compat::Dialect;
use crate::compat::kinds::datum;
use crate::compat::testing::{call, events, finish, search, source, stream, text, thought};

fn start(index: u32, block: Value) -> String {
    frame("content_block_start", json!({"index": index, "content_block": block}))
}

fn delta(index: u32, delta: Value) -> String {
    frame("content_block_delta", json!({"index": index, "delta": delta}))
}

fn stop(index: u32) -> String {
    frame("content_block_stop", json!({"index": index}))
}

fn frame(name: &str, mut data: Value) -> String {
    data["type"] = json!(name);
    format!("{name} {data}")
}

/// A stream with its first and last events around these.
fn message(content: Vec<String>, reason: &str) -> Vec<String> {
    let mut frames = vec![frame(
        "message_start",
        json!({"message": {"id": "msg_1a2b", "type": "message", "role": "assistant", "model": "fast", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 0, "output_tokens": 0}}}),
    )];
    frames.extend(content);
    frames.push(frame(
        "message_delta",
        json!({"delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"input_tokens": 30,
            "cache_creation_input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5}}}),
    ));
    frames.push(frame("message_stop", json!({})));
    frames
}

/// The frames of a stream, their data in one order of fields.
fn frames(stream: &str) -> Vec<String> {
    let value = |data: &str| serde_json::from_str::<Value>(data).unwrap();
    crate::compat::testing::frames(stream).iter().map(|(name, data)| format!("{name} {}", value(data))).collect()
}

#[test]
fn blocks_follow_each_other() {
    let signature = vec![datum("anthropic", "thinking_signature", r#""sig""#)];
    let parts = [thought("why", signature), text("abc"), source("https://a.example", "A"), call("toolu_1", "f", "{}")];
    let empty = json!({"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}});
    let citation = json!({"type": "web_search_result_location", "cited_text": "", "url": "https://a.example",
        "title": "A", "encrypted_index": ""});
    let expected = vec![
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "wh"})),
        delta(0, json!({"type": "thinking_delta", "thinking": "y"})),
        delta(0, json!({"type": "signature_delta", "signature": "sig"})),
        stop(0),
        start(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "ab"})),
        delta(1, json!({"type": "text_delta", "text": "c"})),
        delta(1, json!({"type": "citations_delta", "citation": citation})),
        stop(1),
        start(2, empty),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{}"})),
        stop(2),
    ];
    let events = events(&parts, 2, false, finish(FinishReason::ToolCalls));
    assert_eq!(frames(&stream(Dialect::Messages, events)), message(expected, "tool_use"));
}

#[test]
fn calls_that_were_made_together_wait_for_each_other() {
    let parts = [call("a", "f", r#"{"x":1}"#), call("b", "g", r#"{"y":2}"#)];
    let block = |id: &str, name: &str| json!({"type": "tool_use", "id": id, "name": name, "input": {}});
    let piece = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
    let expected = vec![
        start(0, block("a", "f")),
        delta(0, piece(r#"{"x""#)),
        delta(0, piece(":1}")),
        stop(0),
        start(1, block("b", "g")),
        delta(1, piece(r#"{"y":2}"#)),
        stop(1),
    ];
    let events = events(&parts, 4, true, finish(FinishReason::ToolCalls));
    assert_eq!(frames(&stream(Dialect::Messages, events)), message(expected, "tool_use"));
}

#[test]
fn a_search_of_another_provider_is_shown_as_one() {
    let parts = search("ws_1", "q", [vec![], vec![]]);
    let frames = frames(&stream(Dialect::Messages, events(&parts, 4, false, finish(FinishReason::Stop))));
    let call = json!({"type": "server_tool_use", "id": "ws_1", "name": "web_search", "input": {}});
    assert_eq!(frames[1], start(0, call));
    assert_eq!(frames[2], delta(0, json!({"type": "input_json_delta", "partial_json": r#"{"query":"q"}"#})));
    let page = json!({"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "",
        "page_age": null});
    let result = json!({"type": "web_search_tool_result", "tool_use_id": "ws_1", "content": [page]});
    assert!(frames.contains(&start(2, result)), "{frames:#?}");
}

#[test]
fn every_end_has_its_word() {
    let cases = [
        (FinishReason::Stop, "", "end_turn"),
        (FinishReason::Stop, "stop_sequence", "stop_sequence"),
        (FinishReason::Length, "length", "max_tokens"),
        (FinishReason::ContentFilter, "", "refusal"),
        (FinishReason::Pause, "", "pause_turn"),
        (FinishReason::Other, "", "end_turn"),
    ];
    for (reason, raw, expected) in cases {
        let mut finish = finish(reason);
        finish.raw_reason = raw.to_owned();
        let frames = frames(&stream(Dialect::Messages, events(&[], 1, false, finish)));
        assert_eq!(frames, message(vec![], expected));
    }
}
