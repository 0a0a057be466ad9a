//! Streams as they should not be.

use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Role};
use serde_json::json;

use super::*;
use crate::codec::Event;
use crate::codec::testing::{context, events, fold_unary, message as prompt, text};
use crate::codec::{Codec, ResponseContext};

#[test]
fn thinking_with_only_a_signature_is_kept() {
    let folded = fold(&message(
        &[
            block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
            delta(0, json!({"type": "signature_delta", "signature": "s"})),
            stop(0),
        ],
        "end_turn",
    ));
    assert_eq!(folded.lines(), ["thought "]);
    assert_eq!(folded.metadata(0), [("thinking_signature".to_owned(), json!("s"))]);
}

#[test]
fn hidden_thinking_between_open_thinking_keeps_its_place() {
    let thinking = |index| {
        [
            block(index, json!({"type": "thinking", "thinking": ""})),
            delta(index, json!({"type": "thinking_delta", "thinking": index.to_string()})),
            delta(index, json!({"type": "signature_delta", "signature": "s"})),
            stop(index),
        ]
    };
    let mut content = thinking(0).to_vec();
    content.extend([block(1, json!({"type": "redacted_thinking", "data": "x"})), stop(1)]);
    content.extend(thinking(2));
    assert_eq!(fold(&message(&content, "end_turn")).lines(), ["thought 0", "hidden ", "thought 2"]);
}

#[test]
fn a_block_without_an_end_ends_at_the_next() {
    let mut content = vec![block(0, json!({"type": "text", "text": ""})), text_delta(0, "a")];
    content.extend(text_block(1, "b"));
    content.push(stop(0));
    let folded = fold(&message(&content, "end_turn"));
    assert_eq!(folded.lines(), ["text a", "text b"]);
    let last = message(&content[..2], "end_turn");
    assert_eq!(fold(&last).lines(), ["text a"]);
}

#[test]
fn a_piece_of_no_block_is_an_error_and_one_of_an_old_block_is_not() {
    let folded = fold(&message(&[text_delta(3, "x")], "end_turn"));
    assert_eq!(folded.error_kind(), (ErrorKind::Generic, true));
    assert!(!folded.error().partial_output);

    let mut content = vec![block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}}))];
    content.extend([json_delta(0, "{\"a\":1}"), stop(0), json_delta(0, "garbage")]);
    let folded = fold(&message(&content, "tool_use"));
    assert_eq!(folded.lines(), ["call t f {\"a\":1}"]);
    assert_eq!(folded.warning_codes(), ["odd_stream"]);
}

#[test]
fn an_answer_without_a_reason_or_an_end_is_incomplete() {
    let mut all = vec![start()];
    all.extend(text_block(0, "a"));
    let without_end = [&all[..], &[message_delta("end_turn")]].concat();
    let without_reason = [&all[..], &[message_stop()]].concat();
    for cut in [without_end, without_reason, all, vec![]] {
        let folded = fold(&frames(&cut));
        assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true), "{cut:?}");
        assert_eq!(folded.error().partial_output, !folded.parts.is_empty());
    }
}

#[test]
fn two_beginnings_are_an_error_and_none_is_too() {
    assert_eq!(fold(&frames(&[start(), start()])).error_kind(), (ErrorKind::Generic, true));
    assert_eq!(fold(&frames(&text_block(0, "a"))).error_kind(), (ErrorKind::Generic, true));
}

#[test]
fn a_citation_may_come_before_any_text() {
    let citation = json!({"type": "char_location", "cited_text": "x", "document_index": 0});
    let folded = fold(&message(
        &[
            block(0, json!({"type": "text", "text": ""})),
            delta(0, json!({"type": "citations_delta", "citation": citation})),
            text_delta(0, "a"),
            stop(0),
        ],
        "end_turn",
    ));
    assert_eq!(folded.lines(), ["text a"]);
    assert_eq!(folded.metadata(0), [("citation".to_owned(), citation)]);
}

#[test]
fn an_input_that_is_there_from_the_start_counts_when_no_pieces_come() {
    let input = json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}});
    let whole = fold(&message(&[block(0, input.clone()), stop(0)], "tool_use"));
    assert_eq!(whole.lines(), ["call t f {\"a\":1}"]);
    let pieces = fold(&message(&[block(0, input), json_delta(0, "{\"b\":2}"), stop(0)], "tool_use"));
    assert_eq!(pieces.lines(), ["call t f {\"b\":2}"]);
}

#[test]
fn usage_may_be_missing_at_the_start() {
    let start = json!({"type": "message_start", "message": {"id": "m", "model": "x"}});
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 9, "output_tokens": 2}});
    let usage = fold(&frames(&[start.clone(), end, message_stop()])).usage();
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(9), Some(2)));
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}});
    assert_eq!(fold(&frames(&[start, end, message_stop()])).finish().usage, None);
}

#[test]
fn a_ping_may_come_first() {
    let stream = format!("event: ping\ndata: {{\"type\": \"ping\"}}\n\n: comment\n\n{}", message(&[], "end_turn"));
    let events = events(&super::Anthropic, &[stream.as_bytes()]);
    assert!(matches!(events[..2], [Event::Heartbeat(_), Event::Heartbeat(_)]));
    fold(&stream).finish();
}

#[test]
fn an_error_ends_the_stream_wherever_it_comes() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let first = fold(&frames(std::slice::from_ref(&overloaded)));
    assert_eq!(first.error_kind(), (ErrorKind::Overloaded, true));
    assert_eq!((first.error().partial_output, first.error().status_code), (false, None));
    let mut all = vec![start()];
    all.extend(text_block(0, "a"));
    all.extend([overloaded, message_delta("end_turn"), message_stop()]);
    let later = fold(&frames(&all));
    assert_eq!(later.error_kind(), (ErrorKind::Overloaded, true));
    assert!(later.error().partial_output);
    assert_eq!(later.lines(), ["text a"]);
}

#[test]
fn garbage_is_an_error_and_what_is_new_is_not() {
    let garbage = format!("{}data: {{not json\n\n", frames(&[start()]));
    assert_eq!(fold(&garbage).error_kind(), (ErrorKind::Generic, true));
    let torn = format!("{}data: {{\"type\":\"content_bl", frames(&[start()]));
    assert_eq!(fold(&torn).error_kind(), (ErrorKind::Timeout, true));
    let news = [
        json!({"type": "something_new", "delta": {"type": "x", "y": [1]}}),
        block(0, json!({"type": "holo_block", "x": 1})),
        stop(0),
        block(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "new_delta", "z": 1})),
        text_delta(1, "a"),
        stop(1),
    ];
    let folded = fold(&message(&news, "end_turn"));
    assert_eq!(folded.lines(), ["text ", "text a"]);
    assert_eq!(folded.metadata(0), [("raw".to_owned(), json!({"type": "holo_block", "x": 1}))]);
}

#[test]
fn cut_arguments_stay_as_they_are() {
    let folded = fold(&message(
        &[
            block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
            json_delta(0, "{\"a\": \"x"),
            stop(0),
        ],
        "max_tokens",
    ));
    assert_eq!(folded.lines(), ["call t f {\"a\": \"x"]);
    assert_eq!(folded.warning_codes(), ["invalid_tool_args"]);
}

#[test]
fn a_failed_search_is_a_result_and_not_an_error() {
    let folded = fold(&message(
        &[
            block(0, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
            json_delta(0, "{\"query\":\"x\"}"),
            stop(0),
            block(
                1,
                json!({"type": "web_search_tool_result", "tool_use_id": "s",
                "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}}),
            ),
            stop(1),
        ],
        "end_turn",
    ));
    assert_eq!(folded.lines()[1], r#"result s web_search {"error":"max_uses_exceeded"}"#);
}

#[test]
fn an_identifier_of_the_conversation_is_not_used_again() {
    let stream =
        message(&[block(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})), stop(0)], "tool_use");
    let context = ResponseContext { used_call_ids: ["t".to_owned()].into(), ..context() };
    let mut events = Vec::new();
    super::Anthropic.decoder(context).push(stream.as_bytes(), &mut events);
    assert_eq!(Folded::of(events).unwrap().lines(), ["call t-2 f {}"]);
}

#[test]
fn a_document_that_is_no_message_is_an_error() {
    let error = r#"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#;
    assert_eq!(fold_unary(&super::Anthropic, error).error_kind(), (ErrorKind::Config, false));
    for body in ["", "nonsense", "{\"content\": 1}"] {
        assert_eq!(fold_unary(&super::Anthropic, body).error_kind(), (ErrorKind::Generic, true), "{body}");
    }
    assert_eq!(fold_unary(&super::Anthropic, "{}").error_kind(), (ErrorKind::Timeout, true));
}

#[test]
fn a_paused_answer_and_the_one_that_goes_on_are_one_message() {
    let search = json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srv", "content":
        [{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e"}]});
    let first = fold(&message(&[block(0, search.clone()), stop(0)], "pause_turn"));
    assert_eq!(first.reason(), FinishReason::Pause);
    let mut rest = vec![block(0, found.clone()), stop(0)];
    rest.extend(text_block(1, "found"));
    let second = fold(&message(&rest, "end_turn"));
    assert_eq!(second.lines()[0].split(' ').take(3).collect::<Vec<_>>(), ["result", "srv", "web_search"]);
    let (messages, warnings) = super::request::messages(vec![
        prompt(Role::User, vec![text("go")]),
        prompt(Role::Assistant, first.parts),
        prompt(Role::Assistant, second.parts),
        prompt(Role::User, vec![text("and?")]),
    ]);
    assert_eq!(messages[1]["content"], json!([search, found, {"type": "text", "text": "found"}]));
    assert_eq!(warnings, [""; 0]);
}
