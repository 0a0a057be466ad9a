//! Formats, searches, files in results and everything else that a call may carry.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};
use serde_json::{Value, json};

use super::OpenAiResponses;
use crate::codec::testing::{encode, encode_messages, message, text};
use crate::codec::{Call, Codec};

fn asked() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

fn encoded(model: &str, options: &ModelOptions, request: &GenerateRequest) -> (Value, Vec<String>) {
    encode(&OpenAiResponses, model, options, request)
}

#[test]
fn an_answer_in_json_has_a_schema_or_none_and_few_words() {
    let with = |schema: &str, strict: bool| {
        let output_format = Some(OutputFormat { schema: schema.to_owned(), strict, ..OutputFormat::default() });
        let options = ModelOptions { verbosity: Some("low".to_owned()), ..ModelOptions::default() };
        let (body, warnings) = encoded("gpt-5", &options, &GenerateRequest { output_format, ..asked() });
        (body["text"].clone(), warnings)
    };
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false,
        "required": ["a"]});
    let format = json!({"type": "json_schema", "name": "response", "schema": closed, "strict": true});
    assert_eq!(
        with(r#"{"type":"object","properties":{"a":{"type":"string"}}}"#, true),
        (json!({"format": format, "verbosity": "low"}), vec![])
    );
    assert_eq!(with("", false), (json!({"format": {"type": "json_object"}, "verbosity": "low"}), vec![]));
    let (body, _) = encoded("gpt-5", &ModelOptions::default(), &asked());
    assert_eq!(body.get("text"), None);
}

#[test]
fn one_tool_may_be_demanded_and_a_strict_one_is_closed() {
    let tool = ToolDefinition {
        name: "a".to_owned(),
        input_schema: r#"{"type":"object","properties":{}}"#.to_owned(),
        strict: true,
        ..ToolDefinition::default()
    };
    let mut request = GenerateRequest {
        tools: vec![tool],
        tool_choice: ToolChoice::Required.into(),
        required_tool: "a".to_owned(),
        ..asked()
    };
    let (body, _) = encoded("m", &ModelOptions::default(), &request);
    assert_eq!(body["tool_choice"], json!({"type": "function", "name": "a"}));
    assert_eq!(
        body["tools"][0],
        json!({"type": "function", "name": "a", "strict": true, "parameters":
            {"type": "object", "properties": {}, "additionalProperties": false, "required": []}})
    );
    request.required_tool = "b".to_owned();
    assert!(
        OpenAiResponses.encode(&Call { request: &request, model: "x", options: &ModelOptions::default() }).is_err()
    );
}

#[test]
fn settings_that_the_provider_has_are_sent_and_the_others_are_named() {
    let options = ModelOptions {
        presence_penalty: Some(0.5),
        frequency_penalty: Some(0.5),
        seed: Some(7),
        service_tier: Some("priority".to_owned()),
        ..ModelOptions::default()
    };
    let request = GenerateRequest { stop_sequences: vec!["END".to_owned()], ..asked() };
    let (body, warnings) = encoded("gpt-4o", &options, &request);
    assert_eq!(body["service_tier"], "priority");
    assert_eq!(warnings, ["setting_ignored"; 4]);
    for absent in ["presence_penalty", "frequency_penalty", "seed", "stop"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
    let (body, warnings) = encoded("gpt-5-nano", &options, &asked());
    assert_eq!((body.get("service_tier"), warnings.len()), (None, 4));
}

#[test]
fn the_provider_s_search_is_a_tool_with_filters() {
    let search = WebSearch {
        allowed_domains: vec!["a.example".to_owned()],
        max_uses: Some(3),
        context_size: "low".to_owned(),
        ..WebSearch::default()
    };
    let options = |search: WebSearch| ModelOptions { web_search: Some(search), ..ModelOptions::default() };
    let request = GenerateRequest { tool_choice: ToolChoice::Auto.into(), ..asked() };
    let (body, warnings) = encoded("m", &options(search.clone()), &request);
    let tool =
        json!({"type": "web_search", "filters": {"allowed_domains": ["a.example"]}, "search_context_size": "low"});
    assert_eq!((&body["tools"], &body["max_tool_calls"]), (&json!([tool]), &json!(3)));
    assert_eq!((&body["tool_choice"], warnings.len()), (&json!("auto"), 0));
    let (body, _) = encoded("m", &options(WebSearch::default()), &asked());
    assert_eq!(body["tools"], json!([{"type": "web_search"}]));
    let both = options(WebSearch { blocked_domains: vec!["b.example".to_owned()], ..search });
    assert!(OpenAiResponses.encode(&Call { request: &asked(), model: "x", options: &both }).is_err());
}

#[test]
fn extra_fields_come_last() {
    let with = |extra: &str| ModelOptions { extra_body: Some(extra.to_owned()), ..ModelOptions::default() };
    let (body, _) = encoded("m", &with(r#"{"metadata":{"a":"b"},"store":true}"#), &asked());
    assert_eq!((&body["metadata"], &body["store"]), (&json!({"a": "b"}), &json!(true)));
    assert!(OpenAiResponses.encode(&Call { request: &asked(), model: "x", options: &with("\"x\"") }).is_err());
}

#[test]
fn files_stand_in_results_and_may_be_elsewhere() {
    let file = |media_type: &str, data: &'static [u8], url: &str| File {
        media_type: media_type.into(),
        name: "f".into(),
        data: data.into(),
        url: url.into(),
        ..File::default()
    };
    let call = ToolCall { call_id: "a".into(), name: "look".into(), args: "{}".into(), ..ToolCall::default() };
    let files = vec![
        file("image/png", b"\x01", ""),
        file("image/png", b"", "https://h/a"),
        file("application/pdf", b"", "https://h/b"),
        file("text/plain", b"", "https://h/c"),
    ];
    let result =
        ToolResult { call_id: "a".into(), name: "look".into(), result: "seen".into(), files, ..ToolResult::default() };
    let part = |body| Part { body: Some(body), ..Part::default() };
    let (body, warnings) = encode_messages(
        &OpenAiResponses,
        vec![
            message(Role::User, vec![text("look")]),
            message(Role::Assistant, vec![part(Body::ToolCall(call))]),
            message(Role::Tool, vec![part(Body::ToolResult(result))]),
        ],
    );
    assert_eq!(
        body["input"][2],
        json!({"type": "function_call_output", "call_id": "a", "output": [
            {"type": "input_text", "text": "seen"},
            {"type": "input_image", "image_url": "data:image/png;base64,AQ==", "detail": "auto"},
            {"type": "input_image", "image_url": "https://h/a", "detail": "auto"},
            {"type": "input_file", "file_url": "https://h/b"},
            {"type": "input_text",
             "text": "[The attachment `f` (text/plain) was left out: the provider cannot fetch it.]"},
        ]})
    );
    assert_eq!(warnings, ["attachment_dropped"]);
}
