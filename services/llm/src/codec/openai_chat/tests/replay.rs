//! How an answer returns in the next request.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Reasoning, Role, ToolResult};
use serde_json::{Value, json};

use super::*;
use crate::codec::Codec;
use crate::codec::anthropic::Anthropic;
use crate::codec::metadata::metadata_of;
use crate::codec::openai_chat::{OPENAI, OPENROUTER};
use crate::codec::testing::{encode_messages, message, text};

fn result(id: &str, result: &str) -> Part {
    let result = ToolResult { call_id: id.into(), name: "f".into(), result: result.into(), ..ToolResult::default() };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

fn thought(text: &str) -> Part {
    Part { body: Some(Body::Reasoning(Reasoning { text: text.into(), redacted: false })), ..Part::default() }
}

/// The messages after the first, which is the user's.
fn replay(codec: &dyn Codec, parts: Vec<Part>, results: Vec<Part>) -> (Value, Vec<String>) {
    let prompt = vec![
        message(Role::User, vec![text("go")]),
        message(Role::Assistant, parts),
        message(Role::Tool, results),
        message(Role::User, vec![text("more")]),
    ];
    let (mut body, warnings) = encode_messages(codec, prompt);
    let mut messages = body["messages"].take();
    messages.as_array_mut().unwrap().remove(0);
    (messages, warnings)
}

#[test]
fn calls_return_with_the_server_s_own_identifiers() {
    let answer = fold(&frames(&[
        delta(json!({"reasoning_content": "hm"})),
        content("ok"),
        calls(json!([{"index": 0, "id": "functions.f:0", "function": function("f", "{\"a\": 1}")}])),
        calls(json!([{"index": 1, "id": "x", "function": function("f", "")}])),
        finish("tool_calls"),
    ]));
    let results = vec![result("x", "{\"n\":2}"), result("functions_f_0", "{\"n\":1}")];
    let (messages, warnings) = replay(&super::COMPATIBLE, answer.parts.clone(), results.clone());
    let call = |id: &str, args: &str| json!({"id": id, "type": "function", "function": function("f", args)});
    assert_eq!(
        messages,
        json!([
            {"role": "assistant", "content": "ok", "reasoning_content": "hm",
             "tool_calls": [call("functions.f:0", "{\"a\": 1}"), call("x", "{}")]},
            {"role": "tool", "tool_call_id": "functions.f:0", "content": "{\"n\":1}"},
            {"role": "tool", "tool_call_id": "x", "content": "{\"n\":2}"},
            {"role": "user", "content": "more"},
        ])
    );
    assert!(warnings.is_empty());
    // Another server gets what every server takes.
    let (messages, _) = replay(&OPENAI, answer.parts, results);
    assert_eq!(messages[0]["tool_calls"][0]["id"], "functions_f_0");
    assert_eq!(messages[1]["tool_call_id"], "functions_f_0");
    assert_eq!(messages[0].get("reasoning_content"), None);
}

#[test]
fn details_of_reasoning_return_as_they_came() {
    let details = json!([
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "id": "r", "format": "openai-responses-v1", "index": 1},
    ]);
    let answer = testing::fold(
        &OPENROUTER,
        &frames(&[delta(json!({"reasoning": "hm", "reasoning_details": details})), content("a"), finish("stop")]),
    );
    let (messages, _) = replay(&OPENROUTER, answer.parts.clone(), vec![]);
    assert_eq!(messages[0], json!({"role": "assistant", "content": "a", "reasoning_details": details}));
    let (elsewhere, _) = replay(&super::COMPATIBLE, answer.parts, vec![]);
    assert_eq!(elsewhere[0], json!({"role": "assistant", "content": "a"}));
}

#[test]
fn a_late_signature_finds_its_thought_again() {
    let text = |text: &str| json!([{"type": "reasoning.text", "text": text, "index": 0}]);
    let answer = testing::fold(
        &OPENROUTER,
        &frames(&[
            delta(json!({"reasoning": "h", "reasoning_details": text("h")})),
            delta(json!({"reasoning": "m", "reasoning_details": text("m")})),
            content("a"),
            delta(json!({"reasoning_details": [{"type": "reasoning.text", "signature": "s", "index": 0}]})),
            finish("stop"),
        ]),
    );
    let (messages, _) = replay(&OPENROUTER, answer.parts, vec![]);
    assert_eq!(
        messages[0]["reasoning_details"],
        json!([{"type": "reasoning.text", "text": "hm", "index": 0, "signature": "s"}])
    );
}

#[test]
fn a_call_without_a_thought_gets_an_empty_one_where_others_have_some() {
    let answer = |chunk: Value| fold(&frames(&[chunk, finish("stop")])).parts;
    let call = |id: &str| calls(json!([{"index": 0, "id": id, "function": function("f", "{}")}]));
    let mut parts = vec![thought("hm")];
    parts.extend(answer(call("a")));
    let prompt = |first: Vec<Part>| {
        vec![
            message(Role::User, vec![text("go")]),
            message(Role::Assistant, first),
            message(Role::Tool, vec![result("a", "{}")]),
            message(Role::Assistant, answer(call("b"))),
            message(Role::Tool, vec![result("b", "{}")]),
        ]
    };
    let (body, _) = encode_messages(&super::COMPATIBLE, prompt(parts));
    assert_eq!(body["messages"][3]["reasoning_content"], "");
    let (body, _) = encode_messages(&super::COMPATIBLE, prompt(answer(call("a"))));
    assert_eq!(body["messages"][3].get("reasoning_content"), None);
}

#[test]
fn a_refusal_returns_as_one() {
    let refused = frames(&[delta(json!({"refusal": "No."})), finish("stop")]);
    let answer = testing::fold(&OPENAI, &refused);
    let (messages, _) = replay(&OPENAI, answer.parts.clone(), vec![]);
    assert_eq!(messages[0], json!({"role": "assistant", "content": null, "refusal": "No."}));
    let (messages, _) = replay(&super::COMPATIBLE, answer.parts, vec![]);
    assert_eq!(messages[0], json!({"role": "assistant", "content": "No."}));
}

#[test]
fn sentences_that_were_cut_for_citations_stay_one() {
    let parts = vec![text("There are "), text("many"), text(" people."), thought("hm"), text("Really.")];
    let (messages, _) = replay(&OPENAI, parts, vec![]);
    assert_eq!(messages[0]["content"], "There are many people.\n\nReally.");
}

#[test]
fn nothing_of_another_protocol_returns() {
    let mut signed = thought("theirs");
    signed.provider_metadata = vec![metadata_of("anthropic", "thinking_signature", &"s")];
    let blocks = json!([
        {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []},
        {"type": "text", "text": "found"},
    ]);
    let answer = json!({"type": "message", "content": blocks, "stop_reason": "end_turn"});
    let mut parts = vec![signed];
    parts.extend(testing::fold_unary(&Anthropic, &answer.to_string()).parts);
    let (messages, warnings) = replay(&super::COMPATIBLE, parts, vec![]);
    assert_eq!(messages[0], json!({"role": "assistant", "content": "found"}));
    assert_eq!(warnings, ["provider_tool_dropped"]);
}

#[test]
fn an_empty_message_is_left_out_and_calls_are_answered() {
    let (messages, _) = replay(&super::COMPATIBLE, vec![text(" "), thought("only")], vec![]);
    assert_eq!(messages, json!([{"role": "user", "content": "more"}]));
    let call = fold(&frames(&[
        calls(json!([{"index": 0, "id": "a", "function": function("f", "{}")}])),
        finish("tool_calls"),
    ]));
    let (messages, warnings) = replay(&super::COMPATIBLE, call.parts, vec![result("ghost", "{}")]);
    assert_eq!(messages[1]["content"], "{\"error\":\"the tool was interrupted and gave no result\"}");
    assert_eq!(warnings, ["orphan_tool_result", "missing_tool_result"]);
}
