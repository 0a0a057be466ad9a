//! Streams as servers really send them.

use chatmesh_proto::common::v1::{ErrorKind, FinishReason};
use serde_json::json;

use super::*;
use crate::codec::testing::{context, fold_unary};
use crate::codec::{Codec, ResponseContext};

fn call(index: impl Into<Value>, id: &str, name: &str, args: &str) -> Value {
    calls(json!([{"index": index.into(), "id": id, "function": function(name, args)}]))
}

fn no_index(id: Option<&str>, name: Option<&str>, args: &str) -> Value {
    calls(json!([{"id": id, "function": {"name": name, "arguments": args}}]))
}

#[test]
fn another_identifier_on_the_same_number_is_another_call() {
    let chunks = [call(0, "a", "f", "{\"x\":1}"), call(0, "b", "f", "{\"x\":2}")];
    assert_eq!(lines(&chunks, "tool_calls"), ["call a f {\"x\":1}", "call b f {\"x\":2}"]);
    let pieces = [call(0, "a", "f", "{"), args(0, "}"), call(0, "b", "g", "{"), args(0, "}")];
    assert_eq!(lines(&pieces, "tool_calls"), ["call a f {}", "call b g {}"]);
}

#[test]
fn without_numbers_the_identifier_tells_calls_apart() {
    let chunks = [
        no_index(Some("a"), Some("f"), "{\"x\""),
        no_index(Some("b"), Some("f"), "{\"y\""),
        no_index(Some("a"), None, ":1}"),
        no_index(Some("b"), None, ":2}"),
    ];
    assert_eq!(lines(&chunks, "tool_calls"), ["call a f {\"x\":1}", "call b f {\"y\":2}"]);
}

#[test]
fn without_numbers_and_identifiers_a_piece_goes_on_with_the_last_call() {
    let chunks = [no_index(Some("a"), Some("f"), ""), no_index(None, None, "{\"x\""), no_index(None, None, ":1}")];
    assert_eq!(lines(&chunks, "tool_calls"), ["call a f {\"x\":1}"]);
    let nulls = [no_index(Some("a"), Some("f"), "{\"x\""), no_index(Some(""), Some(""), ":1}")];
    assert_eq!(lines(&nulls, "tool_calls"), ["call a f {\"x\":1}"]);
}

#[test]
fn whole_calls_without_anything_are_calls_of_their_own() {
    let chunks = [no_index(None, Some("f"), "{\"x\":1}"), no_index(None, Some("f"), "{\"x\":2}")];
    assert_eq!(lines(&chunks, "stop"), ["call tool-call-0 f {\"x\":1}", "call tool-call-1 f {\"x\":2}"]);
    let numbered = [call(0, "", "f", "{\"x\":1}"), call(0, "", "g", "{\"x\":2}")];
    assert_eq!(lines(&numbered, "stop"), ["call tool-call-0 f {\"x\":1}", "call tool-call-1 g {\"x\":2}"]);
}

#[test]
fn calls_are_ordered_by_their_first_appearance() {
    let chunks = [call(1, "b", "g", "{}"), call(0, "a", "f", "{}")];
    assert_eq!(lines(&chunks, "tool_calls"), ["call b g {}", "call a f {}"]);
}

#[test]
fn pieces_of_two_calls_may_alternate() {
    let chunks = [
        call(0, "a", "f", ""),
        call(1, "b", "g", ""),
        args(0, "{\"x\""),
        args(1, "{\"y\""),
        args(0, ":1}"),
        args(1, ":2}"),
    ];
    assert_eq!(lines(&chunks, "tool_calls"), ["call a f {\"x\":1}", "call b g {\"y\":2}"]);
}

#[test]
fn a_second_use_of_an_identifier_is_renamed_and_remembered() {
    let folded = fold(&frames(&[call(0, "a", "f", "{}"), call(1, "a", "g", "{}"), finish("tool_calls")]));
    assert_eq!(folded.lines(), ["call a f {}", "call a-2 g {}"]);
    assert_eq!(folded.metadata(1), [("call_id".to_owned(), json!("a"))]);
}

#[test]
fn a_missing_identifier_is_invented_and_new_in_the_conversation() {
    let stream = frames(&[call(0, "", "f", "{}"), call(1, "", "g", "{}"), finish("tool_calls")]);
    assert_eq!(fold(&stream).lines(), ["call tool-call-0 f {}", "call tool-call-1 g {}"]);
    let used = ["tool-call-0".to_owned(), "tool-call-1".to_owned()].into();
    let mut events = Vec::new();
    let context = ResponseContext { used_call_ids: used, ..context() };
    super::COMPATIBLE.decoder(context).push(stream.as_bytes(), &mut events);
    assert_eq!(Folded::of(events).unwrap().lines(), ["call tool-call-2 f {}", "call tool-call-3 g {}"]);
}

#[test]
fn a_repeated_name_is_no_longer_name() {
    let chunks = [call(0, "a", "add", "{\"x\""), call(0, "a", "add", ":1}"), call(0, "a", "add", "")];
    assert_eq!(lines(&chunks, "tool_calls"), ["call a add {\"x\":1}"]);
}

#[test]
fn a_name_may_come_late_or_never() {
    let late = [
        calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{\"x\""}}])),
        calls(json!([{"index": 0, "function": function("f", ":1}")}])),
    ];
    assert_eq!(lines(&late, "tool_calls"), ["call a f {\"x\":1}"]);
    let never = fold(&frames(&[
        calls(json!([{"index": 0, "id": "a", "function": {"arguments": "{}"}}])),
        finish("tool_calls"),
    ]));
    assert_eq!(never.lines(), [""; 0]);
    assert_eq!(never.reason(), FinishReason::Stop);
    assert_eq!(never.warning_codes(), ["odd_stream", "odd_stream"]);
}

#[test]
fn arguments_have_many_shapes() {
    let with = |args: Value| {
        let call = calls(json!([{"index": 0, "id": "a", "function": {"name": "f", "arguments": args}}]));
        fold(&frames(&[call, finish("tool_calls")]))
    };
    assert_eq!(with(json!("")).lines(), ["call a f {}"]);
    assert_eq!(with(json!(" \n")).lines(), ["call a f {}"]);
    assert_eq!(with(json!(null)).lines(), ["call a f {}"]);
    assert_eq!(with(json!(7)).lines(), ["call a f {}"]);
    let object = with(json!({"x": [1]}));
    assert_eq!(object.lines(), ["call a f {\"x\":[1]}"]);
    assert_eq!(object.warning_codes(), ["invalid_tool_args"]);
    let broken = with(json!("{\"x\": "));
    assert_eq!(broken.lines(), ["call a f {\"x\": "]);
    assert_eq!(broken.warning_codes(), ["invalid_tool_args"]);
}

#[test]
fn a_call_that_the_limit_cut_is_named() {
    let folded = fold(&frames(&[call(0, "a", "f", "{\"x\": \"ab"), finish("length")]));
    assert_eq!(folded.lines(), ["call a f {\"x\": \"ab"]);
    assert_eq!((folded.reason(), folded.warning_codes()), (FinishReason::Length, vec!["truncated_tool_call"]));
}

#[test]
fn the_first_reason_to_stop_counts_and_what_comes_after_is_kept() {
    let folded = fold(&frames(&[content("a"), finish("length"), finish("stop"), content("b"), content("c")]));
    assert_eq!((folded.reason(), folded.lines()), (FinishReason::Length, vec!["text abc".to_owned()]));
    assert_eq!(folded.warning_codes(), ["odd_stream"]);
}

#[test]
fn the_reason_fits_to_the_calls() {
    let reason = |chunks: &[Value]| fold(&frames(chunks)).reason();
    assert_eq!(reason(&[call(0, "a", "f", "{}"), finish("stop")]), FinishReason::ToolCalls);
    assert_eq!(reason(&[content("a"), finish("tool_calls")]), FinishReason::Stop);
    assert_eq!(reason(&[content("a"), finish("function_call")]), FinishReason::Stop);
    let none = fold(&frames(&[content("a"), finish("tool_calls")]));
    assert_eq!(none.warning_codes(), ["odd_stream"], "calls were announced and none came");
    let legacy = [
        delta(json!({"function_call": function("f", "{\"a\"")})),
        delta(json!({"function_call": {"arguments": ":1}"}})),
        finish("function_call"),
    ];
    assert_eq!(fold(&frames(&legacy)).lines(), ["call tool-call-0 f {\"a\":1}"]);
    assert_eq!(reason(&legacy), FinishReason::ToolCalls);
}

#[test]
fn the_last_usage_counts_wherever_it_stands() {
    let tokens = |chunks: &[Value]| fold(&frames(chunks)).usage().output_tokens;
    assert_eq!(tokens(&[usage(1, 2), content("a"), finish("stop"), usage(1, 7)]), Some(7));
    let mut first = content("a");
    first["usage"] = json!({"completion_tokens": 3});
    assert_eq!(tokens(&[first, content("b"), finish("stop")]), Some(3));
    let mut groq = finish("stop");
    groq["x_groq"] = json!({"id": "req", "usage": {"completion_tokens": 4}});
    assert_eq!(tokens(&[content("a"), groq]), Some(4));
    let mut in_choice = finish("stop");
    in_choice["choices"][0]["usage"] = json!({"completion_tokens": 5});
    assert_eq!(tokens(&[content("a"), in_choice]), Some(5));
    assert_eq!(fold(&frames(&[content("a"), finish("stop")])).finish().usage, None);
    let mut odd = finish("stop");
    odd["usage"] = json!({"prompt_tokens": -1, "completion_tokens": null, "prompt_tokens_details": null});
    assert_eq!(fold(&frames(&[content("a"), odd])).finish().usage, None);
}

#[test]
fn a_context_limit_beside_the_usage_is_found() {
    let mut counted = usage(1, 2);
    counted["provider_metadata"] = json!({"gateway": {"maxInputTokens": "32768"}});
    assert_eq!(fold(&frames(&[content("a"), finish("stop"), counted])).finish().context_limit, 32_768);
    assert_eq!(fold(&frames(&[content("a"), finish("stop"), usage(1, 2)])).finish().context_limit, 0);
}

#[test]
fn what_is_missing_or_null_is_skipped() {
    let odd = [
        json!({"id": "x"}),
        json!({"choices": null}),
        json!({"choices": [{}]}),
        json!({"choices": [{"index": 0, "delta": null}]}),
        json!({"choices": [{"index": null, "delta": {"content": null, "tool_calls": null, "reasoning": {"a": 1}}}]}),
        json!({"choices": [{"delta": {"tool_calls": [{}]}}], "error": null}),
        json!({"choices": [{"delta": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]}),
    ];
    assert_eq!(lines(&odd, "stop"), ["text a"]);
}

#[test]
fn the_same_thought_under_two_names_is_one() {
    let chunks = [delta(json!({"reasoning": "hm", "reasoning_content": "hm"})), content("a")];
    assert_eq!(lines(&chunks, "stop"), ["thought hm", "text a"]);
}

#[test]
fn tags_in_a_text_are_text() {
    assert_eq!(lines(&[content("<think>x</think>y")], "stop"), ["text <think>x</think>y"]);
}

#[test]
fn the_end_may_come_without_its_mark() {
    let folded = fold(&open_frames(&[content("a"), finish("stop")]));
    assert_eq!(folded.reason(), FinishReason::Stop);
    let cut = frames(&[content("a"), finish("stop")]);
    assert_eq!(fold(cut.trim_end()).reason(), FinishReason::Stop);
}

#[test]
fn an_answer_without_a_reason_is_incomplete_unless_its_calls_are_whole() {
    for stream in [frames(&[]), frames(&[content("a")]), open_frames(&[content("a")]), String::new()] {
        assert_eq!(fold(&stream).error_kind(), (ErrorKind::Timeout, true), "{stream}");
    }
    let whole = fold(&open_frames(&[call(0, "a", "f", "{}")]));
    assert_eq!((whole.reason(), whole.finish().raw_reason.as_str()), (FinishReason::ToolCalls, ""));
    let torn = format!("{}data: {{\"choices\"", open_frames(&[call(0, "a", "f", "{}")]));
    assert_eq!(fold(&torn).error_kind(), (ErrorKind::Timeout, true), "a second call may have been on its way");
    let cut = fold(&open_frames(&[call(0, "a", "f", "{\"x\"")]));
    assert_eq!(cut.error_kind(), (ErrorKind::Timeout, true));
}

#[test]
fn an_error_ends_the_stream() {
    let limit = json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}});
    let folded = fold(&frames(&[content("a"), limit.clone()]));
    assert_eq!(folded.error_kind(), (ErrorKind::RateLimit, true));
    assert!(folded.error().partial_output);
    assert_eq!(folded.error().detail, "Rate limit reached");
    let named = format!("event: error\ndata: {limit}\n\n");
    assert_eq!(fold(&named).error_kind(), (ErrorKind::RateLimit, true));
    assert!(!fold(&named).error().partial_output);
    let text = frames(&[json!({"error": "the server had an internal error"})]);
    assert_eq!(fold(&text).error_kind(), (ErrorKind::Generic, true));
}

#[test]
fn openrouter_says_what_the_provider_said() {
    let error = json!({"id": "gen-1", "error": {"code": 502, "message": "Provider returned error",
        "metadata": {"provider_name": "Acme", "raw": "{\"error\":{\"message\":\"upstream is down\",\"type\":\"x\"}}"}},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]});
    let folded = fold(&frames(&[content("a"), error]));
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
    assert_eq!(folded.error().status_code, Some(502));
    assert_eq!(folded.error().detail, "Provider returned error: upstream is down");
    let in_choice = json!({"choices": [{"index": 0, "delta": {}, "error": {"code": 429, "message": "slow down"}}]});
    assert_eq!(fold(&frames(&[in_choice])).error_kind(), (ErrorKind::RateLimit, true));
}

#[test]
fn a_second_answer_is_left_out() {
    let mut second = content("b");
    second["choices"][0]["index"] = json!(1);
    let folded = fold(&frames(&[content("a"), second.clone(), second, finish("stop")]));
    assert_eq!((folded.lines(), folded.warning_codes()), (vec!["text a".to_owned()], vec!["odd_stream"]));
}

#[test]
fn lines_may_be_written_in_every_way() {
    let stream = format!("\u{feff}data:{}\r\n\r\ndata:\ndata: {}\r\rdata:[DONE]\n\n", content("a"), finish("stop"));
    assert_eq!(fold(&stream).lines(), ["text a"]);
    let long = "x".repeat(1 << 20);
    assert_eq!(lines(&[content(&long)], "stop"), [format!("text {long}")]);
}

#[test]
fn garbage_is_an_error() {
    assert_eq!(fold("data: {oops\n\n").error_kind(), (ErrorKind::Generic, true));
    let torn = format!("{}data: {{\"choices\": [{{\"del", open_frames(&[content("a")]));
    assert_eq!(fold(&torn).error_kind(), (ErrorKind::Timeout, true));
}

#[test]
fn whole_answers_are_odd_too() {
    let answer = |message: Value, reason: Value| {
        let body = json!({"choices": [{"message": message, "finish_reason": reason}]});
        fold_unary(&super::COMPATIBLE, &body.to_string())
    };
    let same = json!({"tool_calls": [
        {"id": "", "function": {"name": "f", "arguments": ""}},
        {"id": "", "function": {"name": "f", "arguments": ""}},
    ]});
    assert_eq!(answer(same, json!("stop")).lines(), ["call tool-call-0 f {}", "call tool-call-1 f {}"]);
    assert_eq!(answer(json!({"content": "a"}), json!(null)).reason(), FinishReason::Stop);
    let error = r#"{"error":{"code":402,"message":"Insufficient credits"}}"#;
    assert_eq!(fold_unary(&super::COMPATIBLE, error).error_kind(), (ErrorKind::UsageLimit, false));
    for body in ["{}", "[]", "{\"choices\":[]}", "nonsense"] {
        assert_eq!(fold_unary(&super::COMPATIBLE, body).error_kind(), (ErrorKind::Generic, true), "{body}");
    }
}
