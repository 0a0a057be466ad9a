use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, FileReference, Part, Reasoning, Role, Source, ToolCall, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, PromptMessage};
use serde_json::{Value, json};

use super::Anthropic;
use crate::codec::testing::{encode_messages, message as prompt, text};
use crate::codec::{Call, Codec, metadata::metadata_of};

pub(super) fn call(id: &str, args: &str) -> Part {
    let call = ToolCall { call_id: id.into(), name: "f".into(), args: args.into(), ..ToolCall::default() };
    Part { body: Some(Body::ToolCall(call)), ..Part::default() }
}

pub(super) fn result(id: &str, result: &str) -> Part {
    let result = ToolResult { call_id: id.into(), name: "f".into(), result: result.into(), ..ToolResult::default() };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

fn thought(text: &str, signature: Option<(&str, &str)>) -> Part {
    let reasoning = Reasoning { text: text.into(), redacted: false };
    let provider_metadata = signature
        .map(|(namespace, signature)| metadata_of(namespace, "thinking_signature", &signature))
        .into_iter()
        .collect();
    Part { body: Some(Body::Reasoning(reasoning)), provider_metadata, ..Part::default() }
}

/// The messages of a request without the marks for the cache, and the codes of its warnings.
pub(super) fn messages(prompt: Vec<PromptMessage>) -> (Value, Vec<String>) {
    let (mut body, warnings) = encode_messages(&Anthropic, prompt);
    for message in body["messages"].as_array_mut().unwrap() {
        for block in message["content"].as_array_mut().unwrap() {
            block.as_object_mut().unwrap().remove("cache_control");
        }
    }
    (body["messages"].take(), warnings)
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": [{"type": "text", "text": text}]})
}

#[test]
fn a_small_request_looks_like_this() {
    let request = GenerateRequest {
        messages: vec![
            prompt(Role::System, vec![text("Be brief.")]),
            prompt(Role::System, vec![text("Be kind.")]),
            prompt(Role::User, vec![text("Hi")]),
        ],
        ..GenerateRequest::default()
    };
    let call = Call { request: &request, model: "claude-x", options: &ModelOptions::default() };
    let encoded = Anthropic.encode(&call).unwrap();
    assert_eq!(encoded.path, "messages");
    assert_eq!(encoded.headers["anthropic-version"], "2023-06-01");
    assert_eq!(encoded.headers["content-type"], "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        json!({
            "model": "claude-x",
            "max_tokens": 32000,
            "stream": true,
            "system": [
                {"type": "text", "text": "Be brief."},
                {"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}},
            ],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]},
            ],
        })
    );
    assert_eq!(encoded.warnings, []);
}

#[test]
fn a_late_system_message_becomes_the_user_s() {
    let (messages, warnings) =
        messages(vec![prompt(Role::User, vec![text("Hi")]), prompt(Role::System, vec![text("Now be brief.")])]);
    assert_eq!(
        messages,
        json!([{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "Now be brief."}]}])
    );
    assert_eq!(warnings, ["system_message_converted"]);
}

#[test]
fn results_come_first_and_all_in_the_next_message() {
    let (messages, warnings) = messages(vec![
        prompt(Role::User, vec![text("go")]),
        prompt(Role::Assistant, vec![text("ok"), call("a", "{\"x\": 1}"), call("b", "")]),
        prompt(Role::User, vec![text("hurry"), result("b", "{\"n\":2}")]),
        prompt(Role::Tool, vec![result("a", "{\"n\":1}")]),
        prompt(Role::User, vec![text("thanks")]),
    ]);
    assert_eq!(
        messages,
        json!([
            user("go"),
            {"role": "assistant", "content": [
                {"type": "text", "text": "ok"},
                {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "b", "name": "f", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "{\"n\":1}"},
                {"type": "tool_result", "tool_use_id": "b", "content": "{\"n\":2}"},
                {"type": "text", "text": "hurry"},
                {"type": "text", "text": "thanks"},
            ]},
        ])
    );
    assert!(warnings.is_empty());
}

#[test]
fn empty_texts_and_messages_are_left_out() {
    let (messages, warnings) = messages(vec![
        prompt(Role::User, vec![text(""), text(" \n"), text("a")]),
        prompt(Role::Assistant, vec![text(" ")]),
        prompt(Role::Assistant, vec![thought("unsigned", None)]),
        prompt(Role::User, vec![]),
        prompt(Role::Assistant, vec![text("b \n")]),
    ]);
    assert_eq!(messages, json!([user("a"), {"role": "assistant", "content": [{"type": "text", "text": "b"}]}]));
    assert_eq!(warnings, ["reasoning_dropped"]);
}

#[test]
fn only_our_own_thinking_returns() {
    let (messages, warnings) = messages(vec![
        prompt(Role::User, vec![text("a")]),
        prompt(
            Role::Assistant,
            vec![
                thought("mine", Some(("anthropic", "sig"))),
                thought("theirs", Some(("openrouter", "sig"))),
                thought("nobody's", None),
                text("b"),
            ],
        ),
        prompt(Role::User, vec![text("c")]),
    ]);
    assert_eq!(
        messages[1]["content"],
        json!([{"type": "thinking", "thinking": "mine", "signature": "sig"}, {"type": "text", "text": "b"}])
    );
    assert_eq!(warnings, ["reasoning_dropped"]);
}

#[test]
fn arguments_that_are_no_object_become_an_empty_one() {
    for args in ["{\"a\": \"x", "[1]", "\"text\"", "7", "null", "{} trailing"] {
        let (messages, warnings) = messages(vec![
            prompt(Role::User, vec![text("a")]),
            prompt(Role::Assistant, vec![call("a", args)]),
            prompt(Role::Tool, vec![result("a", "{}")]),
        ]);
        assert_eq!(messages[1]["content"][0]["input"], json!({}), "{args}");
        assert_eq!(warnings, ["invalid_tool_args"], "{args}");
    }
}

#[test]
fn calls_without_results_and_results_without_calls_are_repaired() {
    let (messages, mut warnings) = messages(vec![
        prompt(Role::User, vec![text("a")]),
        prompt(Role::Tool, vec![result("ghost", "{}")]),
        prompt(Role::Assistant, vec![call("a", "{}"), call("b", "{}")]),
        prompt(Role::Tool, vec![result("a", "{\"ok\":1}"), result("a", "{\"again\":1}")]),
        prompt(Role::Assistant, vec![text("c")]),
        prompt(Role::User, vec![text("d")]),
    ]);
    assert_eq!(
        messages[2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "a", "content": "{\"ok\":1}"},
            {"type": "tool_result", "tool_use_id": "b", "is_error": true,
             "content": "{\"error\":\"the tool was interrupted and gave no result\"}"},
        ])
    );
    warnings.sort();
    assert_eq!(warnings, ["missing_tool_result", "orphan_tool_result", "orphan_tool_result"]);
}

#[test]
fn identifiers_are_harmless_and_unique_on_both_ends() {
    let (messages, warnings) = messages(vec![
        prompt(Role::User, vec![text("a")]),
        prompt(Role::Assistant, vec![call("f.x:0", "{}"), call("f_x_0", "{}")]),
        prompt(Role::Tool, vec![result("f_x_0", "{\"n\":2}"), result("f.x:0", "{\"n\":1}")]),
        prompt(Role::Assistant, vec![call("f.x:0", "{}")]),
        prompt(Role::Tool, vec![result("f.x:0", "{\"n\":3}")]),
    ]);
    let ids = |message: usize, key: &str| -> Vec<&str> {
        messages[message]["content"].as_array().unwrap().iter().map(|block| block[key].as_str().unwrap()).collect()
    };
    assert_eq!(ids(1, "id"), ["f_x_0", "f_x_0-2"]);
    assert_eq!(ids(2, "tool_use_id"), ["f_x_0", "f_x_0-2"]);
    assert_eq!(ids(2, "content"), ["{\"n\":1}", "{\"n\":2}"]);
    assert_eq!((ids(3, "id"), ids(4, "tool_use_id")), (vec!["f_x_0-3"], vec!["f_x_0-3"]));
    assert!(warnings.is_empty());
}

#[test]
fn the_last_two_messages_are_marked_where_the_provider_allows_it() {
    let (body, _) = encode_messages(
        &Anthropic,
        vec![
            prompt(Role::User, vec![text("a"), text("b")]),
            prompt(Role::Assistant, vec![text("c"), thought("t", Some(("anthropic", "s")))]),
            prompt(Role::User, vec![text("d"), text("e")]),
        ],
    );
    let marks: Vec<Vec<bool>> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| {
            message["content"].as_array().unwrap().iter().map(|block| block.get("cache_control").is_some()).collect()
        })
        .collect();
    assert_eq!(marks, [vec![false, false], vec![true, false], vec![false, true]]);
}

#[test]
fn files_become_what_the_provider_can_read() {
    let file = |media_type: &str, name: &str, data: &'static [u8]| {
        let file = File {
            media_type: media_type.into(),
            name: name.into(),
            data: data.into(),
            file_id: String::new(),
            ..File::default()
        };
        Part { body: Some(Body::File(file)), ..Part::default() }
    };
    let lines = FileReference { file_name: "a.rs".into(), start_line: 1, end_line: 2, content: "fn a() {}".into() };
    let (messages, warnings) = messages(vec![prompt(
        Role::User,
        vec![
            file("image/png", "x.png", b"\x01"),
            file("application/pdf", "Report 1", b"\x02"),
            file("text/csv", "t.csv", b"a,b"),
            file("video/mp4", "v.mp4", b"\x03"),
            Part { body: Some(Body::FileReference(lines)), ..Part::default() },
        ],
    )]);
    assert_eq!(
        messages[0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AQ=="}},
            {"type": "document", "title": "Report 1",
             "source": {"type": "base64", "media_type": "application/pdf", "data": "Ag=="}},
            {"type": "document", "title": "Document",
             "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
            {"type": "text", "text": "[The attachment `v.mp4` (video/mp4) was left out: the model cannot read its type.]"},
            {"type": "text", "text": "`a.rs`, lines 1 to 2:\n\nfn a() {}"},
        ])
    );
    assert_eq!(warnings, ["attachment_dropped"]);
}

#[test]
fn what_was_received_returns_as_it_came() {
    let blocks = json!([
        {"type": "thinking", "thinking": "hm", "signature": "s/+="},
        {"type": "redacted_thinking", "data": "opaque"},
        {"type": "server_tool_use", "id": "srv.1", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "srv.1",
         "content": [{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "e", "page_age": null}]},
        {"type": "text", "text": "cited", "citations": [{"type": "web_search_result_location", "url": "u", "encrypted_index": "i"}]},
        {"type": "brand_new", "x": [1, 2]},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}, "toolset_name": "s"},
    ]);
    let answer = json!({"id": "m", "type": "message", "model": "x", "content": blocks, "stop_reason": "tool_use"});
    let answer = crate::codec::testing::fold_unary(&Anthropic, &answer.to_string());
    assert!(answer.parts.iter().any(|part| matches!(part.body, Some(Body::Source(Source { .. })))));
    let (messages, warnings) = messages(vec![
        prompt(Role::User, vec![text("a")]),
        prompt(Role::Assistant, answer.parts),
        prompt(Role::Tool, vec![result("toolu_1", "{}")]),
    ]);
    assert_eq!(messages[1]["content"], blocks);
    assert!(warnings.is_empty());
}

#[test]
fn half_of_what_the_provider_ran_is_left_out_unless_it_paused_there() {
    let half = json!({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {"query": "q"}});
    let answer =
        json!({"type": "message", "content": [{"type": "text", "text": "x"}, half], "stop_reason": "pause_turn"});
    let parts = crate::codec::testing::fold_unary(&Anthropic, &answer.to_string()).parts;
    let asked = prompt(Role::User, vec![text("a")]);
    let paused = messages(vec![asked.clone(), prompt(Role::Assistant, parts.clone())]);
    assert_eq!(paused.0[1]["content"][1], half);
    let (later, warnings) =
        messages(vec![asked, prompt(Role::Assistant, parts), prompt(Role::User, vec![text("and?")])]);
    assert_eq!(later[1]["content"], json!([{"type": "text", "text": "x"}]));
    assert_eq!(warnings, ["provider_tool_dropped"]);
}

#[test]
fn a_conversation_begins_with_the_user_and_is_not_empty() {
    let (messages, _) = messages(vec![prompt(Role::Assistant, vec![text("b")]), prompt(Role::User, vec![text("c")])]);
    assert_eq!(messages[0], user("Continue."));
    let request = GenerateRequest {
        messages: vec![prompt(Role::System, vec![text("only")]), prompt(Role::User, vec![text(" ")])],
        ..GenerateRequest::default()
    };
    let call = Call { request: &request, model: "x", options: &ModelOptions::default() };
    assert!(Anthropic.encode(&call).is_err());
}
