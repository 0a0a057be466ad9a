//! Streams as servers really send them, and as they never should.

use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Role};
use serde_json::json;

use super::*;
use crate::codec::testing::{encode_messages, message as prompt, text};

fn lines(events: &[Value]) -> Vec<String> {
    fold(&frames(events)).lines()
}

#[test]
fn items_may_end_without_having_begun() {
    let events = [
        created(),
        done(0, reasoning("rs", "s", &["hm"])),
        done(1, message("msg", "a")),
        done(2, function_call("fc", "c", "{}")),
        completed(json!([])),
    ];
    assert_eq!(lines(&events), ["thought hm", "text a", "call c f {}"]);
}

#[test]
fn pieces_may_come_before_their_item() {
    let events =
        [created(), text_delta(0, "a"), text_delta(0, "b"), done(0, message("msg", "ab")), completed(json!([]))];
    assert_eq!(lines(&events), ["text ab"]);
    let thought = [created(), delta("reasoning_text", 0, "hm"), completed(json!([]))];
    assert_eq!(lines(&thought), ["thought hm"]);
    let call = [
        created(),
        delta("function_call_arguments", 0, "{}"),
        done(0, function_call("fc", "c", "{}")),
        completed(json!([])),
    ];
    assert_eq!(lines(&call), ["call c f {}"]);
}

#[test]
fn an_item_whose_end_is_missing_ends_as_the_answer_has_it() {
    let events =
        [created(), added(0, begun_message("msg")), text_delta(0, "a"), completed(json!([message("msg", "ab")]))];
    let folded = fold(&frames(&events));
    assert_eq!(folded.lines(), ["text ab"]);
    assert_eq!(folded.metadata(0), [("message".to_owned(), json!({"id": "msg", "status": "completed"}))]);
}

#[test]
fn an_answer_that_was_not_streamed_is_in_its_end() {
    let events = [created(), completed(json!([message("msg", "a"), function_call("fc", "c", "{}")]))];
    assert_eq!(lines(&events), ["text a", "call c f {}"]);
}

#[test]
fn the_end_decides_where_the_pieces_said_something_else() {
    let events = [
        created(),
        added(0, begun_message("msg")),
        text_delta(0, "wrong"),
        done(0, message("msg", "right")),
        added(1, function_call("fc", "c", "")),
        delta("function_call_arguments", 1, "{\"x\""),
        done(1, function_call("fc", "c", "{\"y\":1}")),
        completed(json!([])),
    ];
    let folded = fold(&frames(&events));
    assert_eq!(folded.lines(), ["text right", "call c f {\"y\":1}"]);
    assert_eq!(folded.warning_codes(), ["odd_stream", "odd_stream"]);
}

#[test]
fn items_may_be_told_apart_by_their_place_alone() {
    let call = |index: u32, id: &str| added(index, function_call(&format!("fc_{id}"), id, ""));
    let events = [
        created(),
        call(5, "a"),
        call(7, "b"),
        delta("function_call_arguments", 7, "{\"y\""),
        delta("function_call_arguments", 5, "{\"x\""),
        delta("function_call_arguments", 7, ":2}"),
        delta("function_call_arguments", 5, ":1}"),
        done(7, function_call("fc_b", "b", "{\"y\":2}")),
        done(5, function_call("fc_a", "a", "{\"x\":1}")),
        completed(json!([])),
    ];
    assert_eq!(lines(&events), ["call a f {\"x\":1}", "call b f {\"y\":2}"]);
}

#[test]
fn a_call_that_the_limit_cut_is_named() {
    let begun = added(0, function_call("fc", "c", ""));
    let piece = delta("function_call_arguments", 0, "{\"x\": \"ab");
    let cut = fold(&frames(&[created(), begun.clone(), piece.clone(), incomplete("max_output_tokens", json!([]))]));
    assert_eq!((cut.lines(), cut.reason()), (vec!["call c f {\"x\": \"ab".to_owned()], FinishReason::Length));
    assert_eq!(cut.warning_codes(), ["truncated_tool_call"]);
    let mut item = function_call("fc", "c", "{\"x\": \"ab");
    item["status"] = json!("incomplete");
    let cut = fold(&frames(&[created(), begun, piece, done(0, item), incomplete("max_output_tokens", json!([]))]));
    assert_eq!((cut.warning_codes(), cut.reason()), (vec!["truncated_tool_call"], FinishReason::Length));
}

#[test]
fn arguments_may_be_missing_or_broken() {
    let with = |args: Value| {
        let mut item = function_call("fc", "c", "");
        item["arguments"] = args;
        fold(&frames(&at_once(&[item])))
    };
    assert_eq!(with(json!("")).lines(), ["call c f {}"]);
    assert_eq!(with(json!(null)).lines(), ["call c f {}"]);
    let broken = with(json!("{\"x\": "));
    assert_eq!(
        (broken.lines(), broken.warning_codes()),
        (vec!["call c f {\"x\": ".to_owned()], vec!["invalid_tool_args"])
    );
}

#[test]
fn identifiers_are_unique_and_the_provider_s_own_are_remembered() {
    let items = [function_call("fc_1", "call:1", "{}"), function_call("fc_2", "call:1", "{}")];
    let folded = fold(&frames(&at_once(&items)));
    assert_eq!(folded.lines(), ["call call_1 f {}", "call call_1-2 f {}"]);
    assert!(folded.metadata(0).contains(&("call_id".to_owned(), json!("call:1"))));
    let nameless = fold(&frames(&at_once(&[function_call("fc_1", "", "{}")])));
    assert_eq!(nameless.lines(), ["call tool-call-0 f {}"]);
}

#[test]
fn reasoning_may_show_nothing_and_stand_in_a_row() {
    let folded = fold(&frames(&at_once(&[reasoning("rs_1", "s", &[]), reasoning("rs_2", "t", &["b"])])));
    assert_eq!(folded.lines(), ["hidden ", "thought b"]);
    let mut raw = reasoning("rs_1", "s", &[]);
    raw["content"] = json!([{"type": "reasoning_text", "text": "the thought itself"}]);
    assert_eq!(fold(&frames(&at_once(&[raw]))).lines(), ["thought the thought itself"]);
}

#[test]
fn unknown_events_and_items_break_nothing() {
    let compaction = json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "x"});
    let shell = json!({"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {}, "status": "completed"});
    let mut events = at_once(&[compaction.clone(), shell, message("msg", "a")]);
    events.insert(1, json!({"type": "response.brand_new", "output_index": 9, "delta": {"a": 1}, "item": 5}));
    events.insert(2, json!({"type": "keepalive", "sequence_number": "odd"}));
    let folded = fold(&frames(&events));
    assert_eq!(folded.lines(), ["text ", "text a"]);
    assert_eq!(folded.metadata(0), [("raw".to_owned(), compaction)]);
    assert_eq!(folded.warning_codes(), ["odd_stream"], "nobody can answer the call of a shell");
    assert_eq!(folded.reason(), FinishReason::Stop);
}

#[test]
fn a_search_that_failed_is_an_error() {
    let mut search = web_search("ws_1");
    search["status"] = json!("failed");
    let folded = fold(&frames(&at_once(&[search])));
    assert_eq!(folded.lines()[1], "result ws_1 web_search {\"error\":\"the provider's tool ended as failed\"}");
}

#[test]
fn what_comes_after_the_end_and_garbage_within_are_seen() {
    let mut events = at_once(&[message("msg", "a")]);
    events.push(text_delta(0, "late"));
    assert_eq!(lines(&events), ["text a"]);
    assert_eq!(fold("data: {oops\n\n").error_kind(), (ErrorKind::Generic, true));
    let with_done = format!("{}data: [DONE]\n\n", frames(&at_once(&[message("msg", "a")])));
    assert_eq!(fold(&with_done).lines(), ["text a"]);
}

#[test]
fn the_same_place_twice_is_two_items() {
    let events = [
        created(),
        added(0, begun_message("m1")),
        text_delta(0, "a"),
        added(0, begun_message("m2")),
        text_delta(0, "b"),
        done(0, message("m2", "b")),
        completed(json!([])),
    ];
    assert_eq!(lines(&events), ["text a", "text b"]);
}

/// The end of some pieces, with all of them together.
fn ended(kind: &str, index: u32, field: &str, whole: &str) -> Value {
    let mut event = json!({"type": format!("response.{kind}.done"), "output_index": index, "content_index": 0,
        "summary_index": 0, "item_id": "x"});
    event[field] = json!(whole);
    event
}

#[test]
fn texts_may_come_only_at_their_end() {
    let events = [
        created(),
        added(0, json!({"type": "reasoning", "id": "rs", "summary": []})),
        ended("reasoning_summary_text", 0, "text", "hm"),
        added(1, begun_message("msg")),
        ended("output_text", 1, "text", "said"),
        added(2, function_call("fc", "c", "")),
        ended("function_call_arguments", 2, "arguments", "{\"a\":1}"),
        completed(json!([])),
    ];
    let folded = fold(&frames(&events));
    assert_eq!(folded.lines(), ["thought hm", "text said", "call c f {\"a\":1}"]);
    assert_eq!(folded.warning_codes(), [""; 0], "the arguments are whole, though the end of the item was not seen");
    let twice = [
        created(),
        added(0, json!({"type": "reasoning", "id": "rs", "summary": []})),
        delta("reasoning_summary_text", 0, "hm"),
        ended("reasoning_summary_text", 0, "text", "hm"),
        done(0, reasoning("rs", "s", &["hm"])),
        added(1, begun_message("msg")),
        text_delta(1, "sa"),
        ended("output_text", 1, "text", "said"),
        done(1, message("msg", "said")),
        completed(json!([])),
    ];
    let folded = fold(&frames(&twice));
    assert_eq!((folded.lines(), folded.warnings.len()), (vec!["thought hm".to_owned(), "text said".to_owned()], 0));
    let other = [created(), text_delta(0, "wrong"), ended("output_text", 0, "text", "right"), completed(json!([]))];
    let folded = fold(&frames(&other));
    assert_eq!((folded.lines(), folded.warning_codes()), (vec!["text right".to_owned()], vec!["odd_stream"]));
}

#[test]
fn the_numbers_of_events_do_not_matter() {
    let mut events = at_once(&[message("msg", "a"), function_call("fc", "c", "{}")]);
    let expected = fold(&frames(&events));
    for (event, number) in events.iter_mut().zip([7, 9, 0, 0, 3, 2]) {
        event["sequence_number"] = json!(number);
    }
    assert_eq!(fold(&frames(&events)), expected);
}

#[test]
fn a_failure_after_visible_text_says_so_and_is_the_end() {
    let mut failed = response("failed", json!([]));
    failed["error"] = json!({"code": "server_error", "message": "The model failed"});
    let begun = [created(), added(0, begun_message("msg")), text_delta(0, "par")];
    let events =
        [&begun[..], &[json!({"type": "response.failed", "response": failed}), text_delta(0, "tial")]].concat();
    let folded = fold(&frames(&events));
    assert_eq!((folded.error_kind(), folded.lines()), ((ErrorKind::Generic, true), vec!["text par".to_owned()]));
    assert!(folded.error().partial_output);
    let error = json!({"type": "error", "code": "rate_limit_exceeded", "message": "slow down"});
    let folded = fold(&frames(&[&begun[..], &[error]].concat()));
    assert_eq!(folded.error_kind(), (ErrorKind::RateLimit, true));
    assert!(folded.error().partial_output);
}

#[test]
fn reasoning_without_its_encrypted_content_is_shown_and_does_not_return() {
    let bare = json!({"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]});
    let folded = fold(&frames(&at_once(&[bare, message("msg", "a")])));
    assert_eq!(folded.lines(), ["thought hm", "text a"]);
    let conversation = vec![
        prompt(Role::User, vec![text("go")]),
        prompt(Role::Assistant, folded.parts),
        prompt(Role::User, vec![text("on")]),
    ];
    let (body, warnings) = encode_messages(&OpenAiResponses, conversation);
    assert_eq!((body["input"].as_array().unwrap().len(), warnings), (3, vec!["reasoning_dropped".to_owned()]));
    assert_eq!(body["input"][1].get("id"), None, "its identifier would demand the reasoning");
}
