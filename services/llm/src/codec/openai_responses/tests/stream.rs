use chatmesh_proto::common::v1::{ErrorKind, FinishReason};
use serde_json::json;

use super::*;
use crate::codec::testing::context;
use crate::codec::{Codec, Event, Kept, ResponseContext};

/// A stream as the provider writes it: reasoning, a text and a call.
fn rich() -> Vec<Value> {
    let begun = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "provisional"});
    let begun_call = json!({"type": "function_call", "id": "fc_1", "status": "in_progress", "call_id": "call_1",
        "name": "f", "arguments": ""});
    let section = |kind: &str, index: u32| {
        json!({"type": format!("response.reasoning_summary_part.{kind}"), "output_index": 0, "summary_index": index,
            "item_id": "rs_1", "part": {"type": "summary_text", "text": ""}})
    };
    let mut second = delta("reasoning_summary_text", 0, "then");
    second["summary_index"] = json!(1);
    let part = json!({"type": "output_text", "text": "", "annotations": []});
    vec![
        created(),
        json!({"type": "response.in_progress", "response": response("in_progress", json!([]))}),
        added(0, begun),
        section("added", 0),
        delta("reasoning_summary_text", 0, "fi"),
        delta("reasoning_summary_text", 0, "rst"),
        section("done", 0),
        section("added", 1),
        second,
        done(0, reasoning("rs_1", "final", &["first", "then"])),
        added(1, begun_message("msg_1")),
        json!({"type": "response.content_part.added", "output_index": 1, "content_index": 0, "part": part}),
        text_delta(1, "Héllo"),
        text_delta(1, " world"),
        json!({"type": "response.output_text.done", "output_index": 1, "content_index": 0, "text": "Héllo world"}),
        done(1, message("msg_1", "Héllo world")),
        added(2, begun_call),
        delta("function_call_arguments", 2, "{\"a\""),
        delta("function_call_arguments", 2, ":1}"),
        json!({"type": "response.function_call_arguments.done", "output_index": 2, "arguments": "{\"a\":1}"}),
        done(2, function_call("fc_1", "call_1", "{\"a\":1}")),
        completed(json!([
            // The provider encrypts anew for every copy.
            reasoning("rs_1", "another", &["first", "then"]),
            message("msg_1", "Héllo world"),
            function_call("fc_1", "call_1", "{\"a\":1}"),
        ])),
    ]
}

#[test]
fn an_answer_has_its_parts_in_order_and_its_end() {
    let folded = fold(&frames(&rich()));
    assert_eq!(folded.lines(), ["thought first\n\nthen", "text Héllo world", "call call_1 f {\"a\":1}"]);
    assert_eq!((folded.reason(), folded.finish().raw_reason.as_str()), (FinishReason::ToolCalls, "completed"));
    let started = folded.started.as_ref().unwrap();
    assert_eq!((started.response_id.as_str(), started.model.as_str()), ("resp_1", "gpt-x-2026"));
    let usage = folded.usage();
    assert_eq!((usage.input_tokens, usage.cache_read_tokens), (Some(20), Some(10)));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens, usage.total_tokens), (Some(5), Some(2), Some(35)));
    assert!(folded.warnings.is_empty(), "{:?}", folded.warnings);
}

#[test]
fn what_returns_to_the_provider_is_what_the_items_were_at_their_end() {
    let folded = fold(&frames(&rich()));
    let item = reasoning("rs_1", "final", &["first", "then"]);
    assert_eq!(folded.metadata(0), [("reasoning".to_owned(), item)]);
    assert_eq!(folded.metadata(1), [("message".to_owned(), json!({"id": "msg_1", "status": "completed"}))]);
    assert_eq!(folded.metadata(2), [("function_call".to_owned(), json!({"id": "fc_1", "status": "completed"}))]);
}

#[test]
fn a_context_limit_in_the_accounting_is_found() {
    let mut end = completed(json!([message("msg_1", "a")]));
    end["response"]["usage"]["context_window"] = json!(8192);
    end["response"]["tools"] = json!([{"parameters": {"properties": {"context_window": 5}}}]);
    assert_eq!(fold(&frames(&[created(), end])).finish().context_limit, 8192);
    assert_eq!(fold(&frames(&rich())).finish().context_limit, 0);
}

#[test]
fn pieces_are_given_out_as_they_come() {
    let events = testing::events(&OpenAiResponses, &[frames(&rich()).as_bytes()]);
    let pieces: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::PartDelta(delta) => Some((delta.index, delta.text.as_str())),
            _ => None,
        })
        .collect();
    let expected =
        [(0, "fi"), (0, "rst"), (0, "\n\n"), (0, "then"), (1, "Héllo"), (1, " world"), (2, "{\"a\""), (2, ":1}")];
    assert_eq!(pieces, expected);
}

#[test]
fn a_document_is_read_like_a_stream() {
    let items = [
        reasoning("rs_1", "final", &["first", "then"]),
        message("msg_1", "Héllo world"),
        function_call("fc_1", "call_1", "{\"a\":1}"),
    ];
    let (whole, stream) = (fold_unary(&response("completed", json!(items))), fold(&frames(&rich())));
    assert_eq!(whole.parts, stream.parts);
    assert_eq!(whole.outcome, stream.outcome);
    let error = json!({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}});
    assert_eq!(fold_unary(&error).error_kind(), (ErrorKind::UsageLimit, false));
    for odd in [json!({}), json!([]), json!({"output": 5})] {
        assert_eq!(fold_unary(&odd).error_kind(), (ErrorKind::Generic, true), "{odd}");
    }
}

#[test]
fn the_end_says_why() {
    let end = |event: Value, item: Value| {
        let folded = fold(&frames(&[created(), added(0, item.clone()), done(0, item), event]));
        (folded.reason(), folded.finish().raw_reason.clone())
    };
    let said = || message("msg_1", "a");
    assert_eq!(end(completed(json!([])), said()), (FinishReason::Stop, "completed".to_owned()));
    let call = function_call("fc", "c", "{}");
    assert_eq!(end(completed(json!([])), call), (FinishReason::ToolCalls, "completed".to_owned()));
    let length = end(incomplete("max_output_tokens", json!([])), said());
    assert_eq!(length, (FinishReason::Length, "max_output_tokens".to_owned()));
    let filtered = end(incomplete("content_filter", json!([])), said());
    assert_eq!(filtered, (FinishReason::ContentFilter, "content_filter".to_owned()));
    assert_eq!(end(incomplete("new_reason", json!([])), said()).0, FinishReason::Other);
    let mut refused = message("msg_1", "");
    refused["content"] = json!([{"type": "refusal", "refusal": "No."}]);
    assert_eq!(end(completed(json!([])), refused).0, FinishReason::ContentFilter);
}

#[test]
fn failures_are_errors_wherever_they_stand() {
    let failed = |error: Value| {
        let mut response = response("failed", json!([]));
        response["error"] = error;
        fold(&frames(&[created(), json!({"type": "response.failed", "response": response})]))
    };
    let limited = failed(json!({"code": "rate_limit_exceeded", "message": "slow down"}));
    assert_eq!(limited.error_kind(), (ErrorKind::RateLimit, true));
    assert_eq!(limited.error().detail, "slow down");
    let server = failed(json!({"code": "server_error", "message": "The model failed"}));
    assert_eq!(server.error_kind(), (ErrorKind::Generic, true));
    assert_eq!(failed(json!(null)).error_kind(), (ErrorKind::Generic, true));

    let flat = json!({"type": "error", "code": "context_length_exceeded", "param": "input", "sequence_number": 3,
        "message": "Your input exceeds the context window of this model."});
    let nested = json!({"type": "error", "error": {"type": "invalid_request_error", "param": "input",
        "code": "context_length_exceeded", "message": "Your input exceeds the context window of this model."}});
    for event in [flat, nested] {
        let folded = fold(&frames(&[created(), event]));
        assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
        assert!(folded.error().context_overflow && !folded.error().partial_output);
    }
    let after_text = [created(), added(0, begun_message("m")), text_delta(0, "a"), json!({"type": "error"})];
    let folded = fold(&frames(&after_text));
    assert!(folded.error().partial_output);
    assert_eq!(folded.error().detail, "the provider gave no reason");
}

#[test]
fn an_answer_without_its_end_is_incomplete() {
    let all = rich();
    for end in 0..all.len() - 1 {
        assert_eq!(fold(&frames(&all[..end])).error_kind(), (ErrorKind::Timeout, true), "{end}");
    }
    let stream = frames(&all);
    assert_eq!(fold(stream.trim_end()).reason(), FinishReason::ToolCalls);
    let torn = format!("{}event: response.completed\ndata: {{\"type\": \"resp", frames(&all[..all.len() - 1]));
    assert_eq!(fold(&torn).error_kind(), (ErrorKind::Timeout, true));
}

#[test]
fn what_the_provider_ran_is_a_call_with_its_result() {
    let folded = fold(&frames(&at_once(&[web_search("ws_1"), message("msg_1", "found")])));
    let action = web_search("ws_1")["action"].to_string();
    let expected = [
        format!("provider-call ws_1 web_search {action}"),
        "result ws_1 web_search {\"status\":\"completed\"}".to_owned(),
        "text found".to_owned(),
    ];
    assert_eq!(folded.lines(), expected);
    assert_eq!(folded.reason(), FinishReason::Stop, "the provider answers its own calls");
    assert_eq!(folded.metadata(0), [("server_tool".to_owned(), web_search("ws_1"))]);
}

#[test]
fn citations_become_sources_and_stay_with_their_text() {
    let cite = |url: &str| json!({"type": "url_citation", "start_index": 0, "end_index": 5, "url": url, "title": "T"});
    let annotations = json!([cite("https://a"), {"type": "file_citation", "file_id": "f"}, cite("https://b"),
        cite("https://a")]);
    let mut item = message("msg_1", "Cited.");
    item["content"][0]["annotations"] = annotations.clone();
    let folded = fold(&frames(&at_once(&[item])));
    assert_eq!(folded.lines(), ["text Cited.", "source https://a T", "source https://b T"]);
    assert!(folded.metadata(0).contains(&("annotations".to_owned(), annotations)));
}

#[test]
fn what_is_stored_says_so_unless_the_provider_stores_nothing() {
    let stored = |kept: Kept, created: Value| {
        let mut events = Vec::new();
        let context = ResponseContext { kept, compaction_threshold_percent: 70, ..context() };
        OpenAiResponses.decoder(context).push(frames(&[created]).as_bytes(), &mut events);
        let started = Folded::of(events).unwrap().started.unwrap();
        assert_eq!(started.compaction_threshold_percent, 70);
        (started.response_stored, started.chained)
    };
    assert_eq!(stored(Kept { answer: true, continued: true }, created()), (true, true));
    assert_eq!(stored(Kept::default(), created()), (false, false));
    let mut forgetful = created();
    forgetful["response"]["store"] = json!(false);
    assert_eq!(stored(Kept { answer: true, continued: false }, forgetful), (false, false));
}
