use chatmesh_proto::common::v1::{FinishReason, Usage};
use chatmesh_proto::llm::v1::PartDelta;
use serde_json::json;

use super::*;
use crate::codec::Event;
use crate::codec::testing::{events, fold_unary, normalized};

/// Thinking, a tool of the provider's with its result, cited text and two calls.
fn rich() -> String {
    message(
        &[
            block(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
            json!({"type": "ping"}),
            delta(0, json!({"type": "thinking_delta", "thinking": "Let me "})),
            delta(0, json!({"type": "thinking_delta", "thinking": "look."})),
            delta(0, json!({"type": "signature_delta", "signature": "sig+/="})),
            stop(0),
            block(1, json!({"type": "redacted_thinking", "data": "opaque"})),
            stop(1),
            block(2, json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}})),
            json_delta(2, ""),
            json_delta(2, "{\"query\":"),
            json_delta(2, "\"tokyo\"}"),
            stop(2),
            block(
                3,
                json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                    {"type": "web_search_result", "url": "https://a", "title": "A", "encrypted_content": "enc", "page_age": null},
                ]}),
            ),
            stop(3),
            block(4, json!({"type": "text", "text": "", "citations": []})),
            delta(
                4,
                json!({"type": "citations_delta", "citation": {
                    "type": "web_search_result_location", "url": "https://a", "title": "A", "encrypted_index": "idx",
                }}),
            ),
            text_delta(4, "Many people."),
            stop(4),
            block(
                5,
                json!({"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}, "caller": {"type": "direct"}}),
            ),
            json_delta(5, "{\"a\": 1,"),
            json_delta(5, " \"b\": 2}"),
            stop(5),
            block(6, json!({"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}, "toolset_name": "clock"})),
            json_delta(6, ""),
            stop(6),
        ],
        "tool_use",
    )
}

const RICH_UNARY: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","content":[
    {"type":"thinking","thinking":"Let me look.","signature":"sig+/="},
    {"type":"redacted_thinking","data":"opaque"},
    {"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"tokyo"}},
    {"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[
        {"type":"web_search_result","url":"https://a","title":"A","encrypted_content":"enc","page_age":null}]},
    {"type":"text","text":"Many people.","citations":[
        {"type":"web_search_result_location","url":"https://a","title":"A","encrypted_index":"idx"}]},
    {"type":"tool_use","id":"toolu_1","name":"add","input":{"a": 1, "b": 2},"caller":{"type":"direct"}},
    {"type":"tool_use","id":"toolu_2","name":"now","input":{},"toolset_name":"clock"}
  ],"stop_reason":"tool_use","stop_sequence":null,
  "usage":{"input_tokens":10,"cache_read_input_tokens":3,"cache_creation_input_tokens":4,"output_tokens":20}}"#;

#[test]
fn a_rich_message_is_read_in_order() {
    let folded = fold(&rich());
    assert_eq!(
        folded.lines(),
        [
            "thought Let me look.",
            "hidden ",
            r#"provider-call srvtoolu_1 web_search {"query":"tokyo"}"#,
            r#"result srvtoolu_1 web_search {"content":[{"page_age":null,"title":"A","type":"web_search_result","url":"https://a"}]}"#,
            "text Many people.",
            "source https://a A",
            r#"call toolu_1 add {"a": 1, "b": 2}"#,
            "call toolu_2 now {}",
        ]
    );
    assert_eq!(folded.reason(), FinishReason::ToolCalls);
    assert_eq!(folded.finish().raw_reason, "tool_use");
    assert_eq!(folded.warnings, []);
    assert_eq!(
        folded.usage(),
        Usage {
            input_tokens: Some(10),
            output_tokens: Some(20),
            cache_read_tokens: Some(3),
            cache_write_tokens: Some(4),
            ..Usage::default()
        }
    );
    let started = folded.started.as_ref().unwrap();
    assert_eq!((started.response_id.as_str(), started.model.as_str()), ("msg_1", "claude-x"));
    assert_eq!((started.model_name.as_str(), started.provider.as_str()), ("fast", "Acme"));
    assert_eq!(started.context_limit, 1000);
}

#[test]
fn what_must_return_is_kept_on_its_part() {
    let folded = fold(&rich());
    let only = |part, kind: &str, value| assert_eq!(folded.metadata(part), [(kind.to_owned(), value)]);
    only(0, "thinking_signature", json!("sig+/="));
    only(1, "redacted_thinking", json!({"type": "redacted_thinking", "data": "opaque"}));
    only(
        2,
        "server_tool",
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tokyo"}}),
    );
    assert_eq!(folded.metadata(3)[0].1["content"][0]["encrypted_content"], "enc");
    assert_eq!(folded.metadata(4)[0].1["encrypted_index"], "idx");
    assert_eq!(folded.metadata(6), []);
    only(7, "tool_use", json!({"toolset_name": "clock"}));
}

#[test]
fn a_whole_message_folds_to_the_same() {
    let (stream, unary) = (fold(&rich()), fold_unary(&super::Anthropic, RICH_UNARY));
    assert_eq!(normalized(&unary.parts), normalized(&stream.parts));
    assert_eq!(unary.outcome, stream.outcome);
    assert_eq!(unary.started, stream.started);
}

#[test]
fn pieces_come_as_they_are_read() {
    let stream = message(&text_block(0, "Hello 😀"), "end_turn");
    let events = events(&super::Anthropic, &[stream.as_bytes()]);
    assert!(events.contains(&Event::PartDelta(PartDelta { index: 0, text: "Hello 😀".to_owned() })));
    assert!(matches!(events[0], Event::ResponseStarted(_)));
    assert!(matches!(events[1], Event::PartStarted(_)));
    assert!(matches!(events[3], Event::PartFinished(_)));
    assert!(matches!(events[4], Event::Finish(_)));
    assert_eq!(events.len(), 5);
}

#[test]
fn later_usage_replaces_and_does_not_erase() {
    let usage = |later: serde_json::Value| {
        let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": later});
        fold(&frames(&[start(), end, message_stop()])).usage()
    };
    let search = usage(json!({"input_tokens": 13520, "output_tokens": 486, "cache_read_input_tokens": null}));
    assert_eq!(
        (search.input_tokens, search.output_tokens, search.cache_read_tokens),
        (Some(13520), Some(486), Some(3))
    );
    let bedrock = usage(json!({"output_tokens": 7}));
    assert_eq!((bedrock.input_tokens, bedrock.output_tokens, bedrock.cache_write_tokens), (Some(10), Some(7), Some(4)));
    let details = usage(json!({"output_tokens": 7, "output_tokens_details": {"thinking_tokens": 5}}));
    assert_eq!(details.reasoning_tokens, Some(5));
}

#[test]
fn reasons_to_stop_are_mapped() {
    let cases = [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("pause_turn", FinishReason::Pause),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("something_new", FinishReason::Other),
    ];
    for (raw, expected) in cases {
        let folded = fold(&message(&[], raw));
        assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (expected, raw));
    }
}

#[test]
fn a_container_is_kept_for_the_next_call() {
    let end =
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": {"id": "c1"}}, "usage": {}});
    let folded = fold(&frames(&[start(), end, message_stop()]));
    let kept = &folded.finish().provider_metadata[0];
    assert_eq!((kept.kind.as_str(), &kept.json[..]), ("container", &br#"{"id":"c1"}"#[..]));
}
