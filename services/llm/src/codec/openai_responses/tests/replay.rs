//! How an answer returns in the next request.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Reasoning, Role, ToolResult};
use serde_json::{Value, json};

use super::*;
use crate::codec::anthropic::Anthropic;
use crate::codec::testing::{encode_messages, message as prompt, text};

fn result(id: &str, result: &str) -> Part {
    let result = ToolResult { call_id: id.into(), name: "f".into(), result: result.into(), ..ToolResult::default() };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

fn thought(text: &str) -> Part {
    Part { body: Some(Body::Reasoning(Reasoning { text: text.into(), redacted: false })), ..Part::default() }
}

fn output(call_id: &str, output: &str) -> Value {
    json!({"type": "function_call_output", "call_id": call_id, "output": output})
}

fn spoken(text: &str) -> Value {
    json!({"type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": text, "annotations": []}]})
}

/// The items of an answer and of the results, and the codes of the warnings.
fn replay(parts: Vec<Part>, results: Vec<Part>) -> (Value, Vec<String>) {
    let conversation = vec![
        prompt(Role::User, vec![text("go")]),
        prompt(Role::Assistant, parts),
        prompt(Role::Tool, results),
        prompt(Role::User, vec![text("more")]),
    ];
    let (mut body, warnings) = encode_messages(&OpenAiResponses, conversation);
    let mut items = body["input"].take();
    let list = items.as_array_mut().unwrap();
    list.remove(0);
    list.pop();
    (items, warnings)
}

/// The parts of an answer that consists of these items.
fn answer(items: &[Value]) -> Vec<Part> {
    fold(&frames(&at_once(items))).parts
}

/// An item as it is sent: what was empty in the answer stays out of the request.
fn sent(mut item: Value) -> Value {
    item.as_object_mut().unwrap().retain(|key, value| key != "content" || *value != json!([]));
    if let Some(content) = item.get_mut("content").and_then(Value::as_array_mut) {
        content.iter_mut().for_each(|part| drop(part.as_object_mut().unwrap().remove("logprobs")));
    }
    item
}

#[test]
fn an_answer_returns_item_by_item_as_it_came() {
    let items = [
        reasoning("rs_1", "s1", &["one", "two"]),
        web_search("ws_1"),
        reasoning("rs_2", "s2", &[]),
        message("msg_1", "said"),
        function_call("fc_1", "call_1", "{\"a\": 1}"),
        function_call("fc_2", "call_2", "{}"),
        json!({"type": "compaction", "id": "cmp_1", "encrypted_content": "x"}),
    ];
    let (replayed, warnings) = replay(answer(&items), vec![result("call_2", "2"), result("call_1", "1")]);
    let mut expected: Vec<_> = items.into_iter().map(sent).collect();
    expected.extend([output("call_1", "1"), output("call_2", "2")]);
    assert_eq!(replayed, json!(expected));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn the_provider_s_own_identifiers_of_calls_return() {
    let (items, _) = replay(answer(&[function_call("fc_1", "call:1", "{}")]), vec![result("call_1", "1")]);
    assert_eq!((&items[0]["call_id"], &items[1]["call_id"]), (&json!("call:1"), &json!("call:1")));
}

#[test]
fn reasoning_that_nobody_can_read_takes_the_identifiers_of_its_items_along() {
    let unreadable = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let items = [
        unreadable,
        function_call("fc_1", "call_1", "{}"),
        web_search("ws_1"),
        message("msg_1", "said"),
        reasoning("rs_2", "s2", &[]),
        message("msg_2", "known"),
    ];
    let (replayed, warnings) = replay(answer(&items), vec![result("call_1", "1")]);
    let call = json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"});
    let expected = [call, spoken("said"), sent(items[4].clone()), sent(items[5].clone()), output("call_1", "1")];
    assert_eq!(replayed, json!(expected));
    assert_eq!(warnings, ["reasoning_dropped", "provider_tool_dropped"]);
}

#[test]
fn reasoning_without_what_came_of_it_is_left_out() {
    let (replayed, warnings) = replay(answer(&[reasoning("rs_1", "s", &["hm"])]), vec![]);
    assert_eq!((replayed, warnings), (json!([]), vec!["reasoning_dropped".to_owned()]));

    // The answer was cut in the middle of the text, which has no identifier then.
    let cut = [created(), done(0, reasoning("rs_1", "s", &["hm"])), added(1, begun_message("m")), text_delta(1, "par")];
    let (replayed, warnings) = replay(fold(&frames(&cut)).parts, vec![]);
    assert_eq!((replayed, warnings), (json!([spoken("par")]), vec!["reasoning_dropped".to_owned()]));

    let empty = [reasoning("rs_1", "s", &["hm"]), message("msg_1", " "), function_call("fc_1", "call_1", "{}")];
    let (replayed, _) = replay(answer(&empty), vec![result("call_1", "1")]);
    assert_eq!(replayed[0], json!({"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}));
}

#[test]
fn pieces_of_one_message_stay_one() {
    let mut item = message("msg_1", "a");
    let cite = json!({"type": "url_citation", "start_index": 0, "end_index": 1, "url": "https://a", "title": "T"});
    item["content"] = json!([
        {"type": "output_text", "text": "a", "annotations": [cite]},
        {"type": "output_text", "text": "b", "annotations": []},
        {"type": "refusal", "refusal": "no"},
    ]);
    let (replayed, _) = replay(answer(&[item.clone(), message("msg_2", "c")]), vec![]);
    assert_eq!(replayed, json!([item, sent(message("msg_2", "c"))]));
}

#[test]
fn nothing_of_another_protocol_returns() {
    let blocks = json!([
        {"type": "thinking", "thinking": "theirs", "signature": "s"},
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
        {"type": "text", "text": "found"},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    ]);
    let theirs = json!({"type": "message", "content": blocks, "stop_reason": "tool_use"});
    let parts = testing::fold_unary(&Anthropic, &theirs.to_string()).parts;
    let (replayed, warnings) = replay(parts, vec![result("toolu_1", "1")]);
    let call = json!({"type": "function_call", "call_id": "toolu_1", "name": "f", "arguments": "{}"});
    assert_eq!(replayed, json!([spoken("found"), call, output("toolu_1", "1")]));
    assert_eq!(warnings, ["provider_tool_dropped", "reasoning_dropped"]);
    // And nothing of this one goes to another.
    let ours = answer(&[reasoning("rs_1", "s", &["hm"]), web_search("ws_1"), message("msg_1", "said")]);
    let conversation =
        vec![prompt(Role::User, vec![text("go")]), prompt(Role::Assistant, ours), prompt(Role::User, vec![text("on")])];
    let (body, _) = encode_messages(&Anthropic, conversation);
    assert_eq!(body["messages"][1]["content"][0]["text"], "said");
}

#[test]
fn calls_without_results_and_results_without_calls_are_repaired() {
    let parts = vec![thought("nobody's"), text("ok")];
    assert_eq!(replay(parts, vec![result("ghost", "1")]).1, ["orphan_tool_result", "reasoning_dropped"]);
    let (replayed, warnings) = replay(answer(&[function_call("fc_1", "call_1", "{}")]), vec![]);
    assert_eq!(replayed[1], output("call_1", "{\"error\":\"the tool was interrupted and gave no result\"}"));
    assert_eq!(warnings, ["missing_tool_result"]);
}
