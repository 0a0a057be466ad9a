use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Reasoning, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, PromptMessage, ToolChoice};

use super::*;
use crate::codec::metadata::metadata_of;
use crate::codec::testing::{encode, fold_unary, message as prompt, text as said};
use crate::codec::{Call, Codec};

const NOVA: &str = "us.amazon.nova-pro-v1:0";
const LLAMA: &str = "us.meta.llama4-scout-17b-instruct-v1:0";

fn called(id: &str, name: &str, args: &str) -> Part {
    let call = ToolCall { call_id: id.into(), name: name.into(), args: args.into(), ..ToolCall::default() };
    Part { body: Some(Body::ToolCall(call)), ..Part::default() }
}

fn returned(id: &str, result: &str, is_error: bool) -> Part {
    let result = ToolResult { call_id: id.into(), result: result.into(), is_error, ..ToolResult::default() };
    Part { body: Some(Body::ToolResult(result)), ..Part::default() }
}

fn thought(text: &str, signature: Option<&str>) -> Part {
    let provider_metadata = signature
        .map(|signature| metadata_of("bedrock.converse", "thinking_signature", &signature))
        .into_iter()
        .collect();
    let body = Body::Reasoning(Reasoning { text: text.into(), redacted: false });
    Part { body: Some(body), provider_metadata, ..Part::default() }
}

fn file(media_type: &str, name: &str, data: &'static [u8]) -> Part {
    let file = File { media_type: media_type.into(), name: name.into(), data: data.into(), ..File::default() };
    Part { body: Some(Body::File(file)), ..Part::default() }
}

fn request(messages: Vec<PromptMessage>, tools: &[&str]) -> GenerateRequest {
    let tools = tools.iter().map(|name| ToolDefinition {
        name: (*name).to_owned(),
        input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
        ..ToolDefinition::default()
    });
    GenerateRequest { messages, tools: tools.collect(), ..GenerateRequest::default() }
}

fn body(model: &str, request: &GenerateRequest) -> (Value, Vec<String>) {
    encode(&BedrockConverse, model, &ModelOptions::default(), request)
}

#[test]
fn a_small_request_looks_like_this() {
    let request =
        request(vec![prompt(Role::System, vec![said("Be brief.")]), prompt(Role::User, vec![said("Hi")])], &["b", "a"]);
    let call = Call { request: &request, model: LLAMA, options: &ModelOptions::default() };
    let encoded = BedrockConverse.encode(&call).unwrap();
    assert_eq!(encoded.path, "/model/us.meta.llama4-scout-17b-instruct-v1%3A0/converse-stream");
    assert_eq!(encoded.headers["accept"], "application/vnd.amazon.eventstream");
    let tool =
        |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object", "properties": {}}}}});
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        json!({
            "system": [{"text": "Be brief."}],
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "toolConfig": {"tools": [tool("a"), tool("b")]},
        })
    );
    assert_eq!(encoded.warnings, []);
}

#[test]
fn prefixes_are_marked_where_the_model_caches() {
    let messages = vec![
        prompt(Role::System, vec![said("s")]),
        prompt(Role::User, vec![said("a")]),
        prompt(Role::Assistant, vec![said("b")]),
        prompt(Role::User, vec![said("c")]),
        prompt(Role::Assistant, vec![said("d")]),
        prompt(Role::User, vec![said("e")]),
    ];
    let mark = json!({"cachePoint": {"type": "default"}});
    let request = request(messages, &["f"]);
    for (model, tools) in [(NOVA, 1), ("global.claude-x", 2)] {
        let (body, _) = body(model, &request);
        let marked: Vec<_> =
            body["messages"].as_array().unwrap().iter().map(|message| message["content"][1] == mark).collect();
        assert_eq!(marked, [false, false, true, false, true]);
        assert_eq!(body["system"], json!([{"text": "s"}, mark]));
        assert_eq!(body["toolConfig"]["tools"].as_array().unwrap().len(), tools, "{model}");
    }
}

#[test]
fn roles_take_turns_and_results_come_first() {
    let (body, warnings) = body(
        LLAMA,
        &request(
            vec![
                prompt(Role::Assistant, vec![said("hello")]),
                prompt(Role::User, vec![said("go")]),
                prompt(Role::User, vec![said("now")]),
                prompt(Role::Assistant, vec![said("ok"), called("a", "f", "{\"x\": 1}"), called("b", "f", "oops")]),
                prompt(Role::User, vec![said("hurry"), returned("b", "{\"error\":1}", true)]),
                prompt(Role::Tool, vec![returned("a", "{\"n\":1}", false)]),
                prompt(Role::Assistant, vec![said("well")]),
                prompt(Role::Assistant, vec![said("done")]),
                prompt(Role::User, vec![said(" ")]),
            ],
            &["f"],
        ),
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"text": "Continue."}]},
            {"role": "assistant", "content": [{"text": "hello"}]},
            {"role": "user", "content": [{"text": "go"}, {"text": "now"}]},
            {"role": "assistant", "content": [
                {"text": "ok"},
                {"toolUse": {"toolUseId": "a", "name": "f", "input": {"x": 1}}},
                {"toolUse": {"toolUseId": "b", "name": "f", "input": {}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "a", "content": [{"text": "{\"n\":1}"}]}},
                {"toolResult": {"toolUseId": "b", "content": [{"text": "{\"error\":1}"}]}},
                {"text": "hurry"},
            ]},
            {"role": "assistant", "content": [{"text": "well"}, {"text": "done"}]},
        ])
    );
    assert_eq!(warnings, ["invalid_tool_args"]);
}

#[test]
fn errors_are_marked_where_the_model_knows_the_mark() {
    let messages = vec![
        prompt(Role::User, vec![said("go")]),
        prompt(Role::Assistant, vec![called("a", "f", "{}")]),
        prompt(Role::Tool, vec![returned("a", "", true)]),
    ];
    let (body, _) = body(NOVA, &request(messages, &["f"]));
    assert_eq!(
        body["messages"][2]["content"][0],
        json!({"toolResult": {"toolUseId": "a", "content": [{"text": "{}"}], "status": "error"}})
    );
}

#[test]
fn a_history_of_calls_has_a_tool_though_none_is_offered() {
    let messages = vec![
        prompt(Role::User, vec![said("go")]),
        prompt(Role::Assistant, vec![called("a", "gone.by", "{}")]),
        prompt(Role::Tool, vec![returned("a", "{}", false)]),
    ];
    let (without, _) = body(LLAMA, &request(messages.clone(), &[]));
    assert_eq!(without["messages"][1]["content"][0]["toolUse"]["name"], "gone_by");
    assert_eq!(without["toolConfig"]["tools"][0]["toolSpec"]["name"], "unavailable");
    let refused = GenerateRequest { tool_choice: ToolChoice::None.into(), ..request(messages, &["f"]) };
    let (refused, _) = body(LLAMA, &refused);
    assert_eq!(refused["toolConfig"], without["toolConfig"]);
    let none = GenerateRequest {
        tool_choice: ToolChoice::None.into(),
        ..request(vec![prompt(Role::User, vec![said("go")])], &["f"])
    };
    assert_eq!(body(LLAMA, &none).0.get("toolConfig"), None);
}

#[test]
fn reasoning_comes_first_and_only_where_it_is_signed() {
    let messages = vec![
        prompt(Role::User, vec![said("a")]),
        prompt(Role::Assistant, vec![said("b"), thought("unsigned", None), thought("signed", Some("s/+="))]),
        prompt(Role::User, vec![said("c")]),
    ];
    let (body, warnings) = body(LLAMA, &request(messages, &[]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"reasoningContent": {"reasoningText": {"text": "signed", "signature": "s/+="}}}, {"text": "b"}])
    );
    assert_eq!(warnings, ["reasoning_dropped"]);
}

#[test]
fn what_was_received_returns_as_it_came() {
    let content = json!([
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s/+="}}},
        {"reasoningContent": {"redactedContent": "AQIDBA=="}},
        {"text": "ok"},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "f", "input": {"a": 1}}},
    ]);
    let answer = json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"});
    let answer = fold_unary(&BedrockConverse, &answer.to_string());
    let messages = vec![
        prompt(Role::User, vec![said("a")]),
        prompt(Role::Assistant, answer.parts),
        prompt(Role::Tool, vec![returned("tooluse_1", "{}", false)]),
    ];
    let (body, warnings) = body(LLAMA, &request(messages, &["f"]));
    assert_eq!(body["messages"][1]["content"], content);
    assert!(warnings.is_empty());
}

#[test]
fn files_become_what_the_service_can_read() {
    let image = file("image/jpeg", "x.jpg", b"\x01");
    let pdf = || file("application/pdf", "report.pdf", b"\x02");
    let (attached, warnings) = body(
        LLAMA,
        &request(
            vec![prompt(
                Role::User,
                vec![image, pdf(), pdf(), file("text/csv", "t.csv", b"a,b"), file("video/mp4", "v", b"\x03")],
            )],
            &[],
        ),
    );
    let document = |format: &str, name: &str, bytes: &str| json!({"document": {"format": format, "name": name, "source": {"bytes": bytes}}});
    assert_eq!(
        attached["messages"][0]["content"],
        json!([
            {"image": {"format": "jpeg", "source": {"bytes": "AQ=="}}},
            document("pdf", "report-pdf", "Ag=="),
            document("pdf", "report-pdf (2)", "Ag=="),
            document("csv", "t-csv", "YSxi"),
            {"text": "[The attachment `v` (video/mp4) was left out: the model cannot read its type.]"},
        ])
    );
    assert_eq!(warnings, ["attachment_dropped"]);

    let (alone, _) = body(LLAMA, &request(vec![prompt(Role::User, vec![pdf()])], &[]));
    assert_eq!(alone["messages"][0]["content"][1], json!({"text": "[Documents are attached.]"}));

    let mut many: Vec<_> = (0..6).map(|_| pdf()).collect();
    many.push(file("text/plain", "a.txt", b"inline"));
    let (many, warnings) = body(LLAMA, &request(vec![prompt(Role::User, many)], &[]));
    let blocks = many["messages"][0]["content"].as_array().unwrap();
    assert_eq!(blocks.iter().filter(|block| block.get("document").is_some()).count(), 5);
    assert!(blocks[6]["text"].as_str().unwrap().ends_with("inline"));
    assert_eq!(warnings, ["attachment_dropped"]);
}

#[test]
fn files_of_a_result_stand_in_it() {
    let mut result = returned("a", "{}", false);
    if let Some(Body::ToolResult(result)) = &mut result.body {
        result.files = vec![File { media_type: "image/png".into(), data: (&b"\x01"[..]).into(), ..File::default() }];
    }
    let messages = vec![
        prompt(Role::User, vec![said("go")]),
        prompt(Role::Assistant, vec![called("a", "f", "{}")]),
        prompt(Role::Tool, vec![result]),
    ];
    let (body, _) = body(LLAMA, &request(messages, &["f"]));
    assert_eq!(
        body["messages"][2]["content"][0]["toolResult"]["content"],
        json!([{"text": "{}"}, {"image": {"format": "png", "source": {"bytes": "AQ=="}}}])
    );
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let empty = request(vec![prompt(Role::System, vec![said("only")])], &[]);
    let fine = request(vec![prompt(Role::User, vec![said("a")])], &[]);
    for (request, model) in [(&empty, LLAMA), (&fine, "a/../b"), (&fine, "")] {
        assert!(
            BedrockConverse.encode(&Call { request, model, options: &ModelOptions::default() }).is_err(),
            "{model}"
        );
    }
}
