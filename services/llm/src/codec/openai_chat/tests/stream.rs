use chatmesh_proto::common::v1::{FinishReason, Usage};
use serde_json::json;

use super::*;
use crate::codec::Event;
use crate::codec::openai_chat::{OPENAI, OPENROUTER, VERCEL};
use crate::codec::testing::{fold as fold_with, fold_unary, normalized};

#[test]
fn an_ordinary_answer_is_read_in_order() {
    let folded = fold(&frames(&[
        delta(json!({"role": "assistant", "content": "", "refusal": null})),
        content("Hello"),
        content(", 😀"),
        calls(json!([{"index": 0, "id": "call_1", "type": "function", "function": function("add", "")}])),
        args(0, "{\"a\""),
        args(0, ":1}"),
        calls(json!([{"index": 1, "id": "call_2", "type": "function", "function": function("now", "")}])),
        finish("tool_calls"),
        json!({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 9,
            "total_tokens": 109, "prompt_tokens_details": {"cached_tokens": 64},
            "completion_tokens_details": {"reasoning_tokens": 4}}}),
    ]));
    assert_eq!(folded.lines(), ["text Hello, 😀", r#"call call_1 add {"a":1}"#, "call call_2 now {}"]);
    assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (FinishReason::ToolCalls, "tool_calls"));
    assert_eq!(
        folded.usage(),
        Usage {
            input_tokens: Some(36),
            output_tokens: Some(9),
            reasoning_tokens: Some(4),
            cache_read_tokens: Some(64),
            cache_write_tokens: None,
            total_tokens: Some(109),
        }
    );
    assert_eq!(folded.warnings, []);
    let started = folded.started.as_ref().unwrap();
    assert_eq!((started.response_id.as_str(), started.model.as_str()), ("chatcmpl-1", "acme-1"));
}

#[test]
fn reasoning_is_read_under_both_of_its_names() {
    for field in ["reasoning_content", "reasoning"] {
        let folded = fold(&frames(&[
            delta(json!({field: "hm", "content": ""})),
            delta(json!({field: "m", "role": "assistant"})),
            content("yes"),
            finish("stop"),
        ]));
        assert_eq!(folded.lines(), ["thought hmm", "text yes"], "{field}");
        assert_eq!(folded.metadata(0), []);
    }
}

#[test]
fn a_thought_after_a_text_is_a_part_of_its_own() {
    let chunks = [
        delta(json!({"reasoning": "a"})),
        content("b"),
        delta(json!({"reasoning": "c"})),
        content("d"),
        calls(json!([{"index": 0, "id": "x", "function": function("f", "{}")}])),
        content("e"),
        args(0, ""),
        content("f"),
    ];
    assert_eq!(lines(&chunks, "stop"), ["thought a", "text b", "thought c", "text d", "call x f {}", "text ef"]);
}

#[test]
fn details_of_reasoning_are_kept_where_they_say_more() {
    let signed = [
        delta(json!({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a", "index": 0}]})),
        delta(json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]})),
        content("b"),
        finish("stop"),
    ];
    let folded = fold(&frames(&signed));
    assert_eq!(folded.lines(), ["thought a", "text b"]);
    let details = json!([{"type": "reasoning.text", "text": "a", "signature": "s", "index": 0}]);
    assert_eq!(folded.metadata(0), [("reasoning_details".to_owned(), details)]);

    let unsigned = frames(&[signed[0].clone(), content("b"), finish("stop")]);
    assert_eq!(fold(&unsigned).metadata(0), []);
    for codec in [OPENROUTER, VERCEL] {
        assert_eq!(fold_with(&codec, &unsigned).metadata(0).len(), 1);
    }
}

#[test]
fn a_late_signature_is_a_hidden_thought() {
    let folded = fold_with(
        &OPENROUTER,
        &frames(&[
            delta(
                json!({"reasoning": "a", "reasoning_details": [{"type": "reasoning.text", "text": "a", "index": 0}]}),
            ),
            content("b"),
            calls(json!([{"index": 0, "id": "x", "function": function("f", "{}")}])),
            delta(json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]})),
            finish("tool_calls"),
        ]),
    );
    assert_eq!(folded.lines(), ["thought a", "text b", "call x f {}", "hidden "]);
    assert_eq!(folded.metadata(3)[0].1[0]["signature"], "s");
}

#[test]
fn details_alone_are_read_as_text() {
    let chunks = [
        delta(json!({"reasoning_details": [{"type": "reasoning.summary", "summary": "short", "index": 0}]})),
        delta(json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 1}]})),
    ];
    assert_eq!(lines(&chunks, "stop"), ["thought short"]);
    assert_eq!(lines(&chunks[1..], "stop"), ["hidden "]);
}

#[test]
fn a_refusal_is_a_text_that_knows_it() {
    let folded = fold_with(
        &OPENAI,
        &frames(&[delta(json!({"refusal": "I "})), delta(json!({"refusal": "won't"})), finish("stop")]),
    );
    assert_eq!(folded.lines(), ["text I won't"]);
    assert_eq!(folded.metadata(0), [("refusal".to_owned(), json!(true))]);
}

#[test]
fn citations_become_sources_once() {
    let cite = |url: &str| json!([{"type": "url_citation", "url_citation": {"url": url, "title": "T"}}]);
    let chunks = [
        delta(json!({"content": "a", "annotations": cite("https://a")})),
        delta(json!({"content": "b", "annotations": cite("https://a")})),
        delta(json!({"annotations": cite("https://b")})),
        delta(json!({"annotations": "odd"})),
    ];
    assert_eq!(lines(&chunks, "stop"), ["text ab", "source https://a T", "source https://b T"]);
}

#[test]
fn an_identifier_with_odd_characters_is_replaced_and_remembered() {
    let folded = fold(&frames(&[
        calls(json!([{"index": 0, "id": "functions.add:0", "function": function("add", "{}")}])),
        finish("tool_calls"),
    ]));
    assert_eq!(folded.lines(), ["call functions_add_0 add {}"]);
    assert_eq!(folded.metadata(0), [("call_id".to_owned(), json!("functions.add:0"))]);
}

#[test]
fn a_whole_answer_folds_to_the_same() {
    let stream = fold(&frames(&[
        delta(json!({"reasoning_content": "h"})),
        delta(json!({"reasoning_content": "m"})),
        content("a"),
        content("b"),
        calls(json!([{"index": 0, "id": "x", "function": function("f", "{\"a\"")}])),
        args(0, ":1}"),
        calls(json!([{"index": 1, "id": "y", "function": function("f", "")}])),
        finish("tool_calls"),
        usage(5, 6),
    ]));
    let unary = json!({"id": "chatcmpl-1", "model": "acme-1", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "reasoning_content": "hm", "content": "ab", "tool_calls": [
            {"id": "x", "type": "function", "function": function("f", "{\"a\":1}")},
            {"id": "y", "type": "function", "function": function("f", "")},
        ]}}], "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}});
    let unary = fold_unary(&super::COMPATIBLE, &unary.to_string());
    assert_eq!(normalized(&unary.parts), normalized(&stream.parts));
    assert_eq!((unary.outcome, unary.started), (stream.outcome, stream.started));
}

#[test]
fn reasons_to_stop_are_mapped() {
    let cases = [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
        ("error", FinishReason::Error),
        ("insufficient_system_resource", FinishReason::Other),
    ];
    for (raw, expected) in cases {
        let folded = fold(&frames(&[content("a"), finish(raw)]));
        assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (expected, raw));
    }
}

#[test]
fn the_first_chunk_of_azure_starts_nothing() {
    let filter = json!({"id": "", "model": "", "choices": [], "prompt_filter_results": []});
    let folded = fold(&frames(&[filter, content("a"), finish("stop")]));
    assert_eq!(folded.started.unwrap().response_id, "chatcmpl-1");
}

#[test]
fn a_comment_is_a_sign_of_life() {
    let stream = format!(": OPENROUTER PROCESSING\n\n{}", frames(&[content("a"), finish("stop")]));
    let events = testing::events(&super::COMPATIBLE, &[stream.as_bytes()]);
    assert!(matches!(events[..2], [Event::Heartbeat(_), Event::ResponseStarted(_)]));
}
