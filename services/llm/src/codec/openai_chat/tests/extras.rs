//! Formats, searches, files in results and everything else that a call may carry.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolCall, ToolDefinition, ToolResult};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};
use serde_json::{Value, json};

use crate::codec::openai_chat::{COMPATIBLE, OPENAI, OPENROUTER, OpenAiChat, VERCEL};
use crate::codec::testing::{encode, encode_messages, message, text};
use crate::codec::{Call, Codec};

fn asked() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

fn encoded(codec: &OpenAiChat, model: &str, options: &ModelOptions, request: &GenerateRequest) -> (Value, Vec<String>) {
    encode(codec, model, options, request)
}

#[test]
fn an_answer_in_json_has_a_schema_or_none() {
    let with = |schema: &str, strict: bool| {
        let (name, description) = ("My Book!".to_owned(), "A book.".to_owned());
        let output_format = Some(OutputFormat { name, description, schema: schema.to_owned(), strict });
        let request = GenerateRequest { output_format, ..asked() };
        let (body, warnings) = encoded(&COMPATIBLE, "m", &ModelOptions::default(), &request);
        (body["response_format"].clone(), warnings)
    };
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false,
        "required": ["a"]});
    let expected = |schema: &Value, strict: bool| {
        json!({"type": "json_schema", "json_schema":
            {"name": "My_Book_", "description": "A book.", "schema": schema, "strict": strict}})
    };
    assert_eq!(with(&schema.to_string(), true), (expected(&closed, true), vec![]));
    assert_eq!(with(&schema.to_string(), false), (expected(&schema, false), vec![]));
    let open = json!({"type": "object"});
    assert_eq!(with(&open.to_string(), true), (expected(&open, false), vec!["setting_changed".to_owned()]));
    assert_eq!(with("", true), (json!({"type": "json_object"}), vec![]));
    assert_eq!(with("7", false), (json!({"type": "json_object"}), vec!["invalid_tool_schema".to_owned()]));
}

#[test]
fn one_tool_may_be_demanded_and_a_strict_one_is_closed() {
    let tool = ToolDefinition {
        name: "a".to_owned(),
        input_schema: r#"{"type":"object","properties":{"x":{"type":"string"}}}"#.to_owned(),
        strict: true,
        ..ToolDefinition::default()
    };
    let mut request = GenerateRequest {
        tools: vec![tool],
        tool_choice: ToolChoice::Required.into(),
        required_tool: "a".to_owned(),
        ..asked()
    };
    let (body, _) = encoded(&OPENAI, "gpt-4o", &ModelOptions::default(), &request);
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "a"}}));
    assert_eq!(
        body["tools"][0]["function"],
        json!({"name": "a", "strict": true, "parameters": {"type": "object", "properties": {"x": {"type": "string"}},
            "additionalProperties": false, "required": ["x"]}})
    );
    request.required_tool = "b".to_owned();
    assert!(OPENAI.encode(&Call { request: &request, model: "x", options: &ModelOptions::default() }).is_err());
}

#[test]
fn settings_are_sent_where_the_model_takes_them() {
    let options = ModelOptions {
        presence_penalty: Some(0.5),
        frequency_penalty: Some(-0.5),
        seed: Some(7),
        verbosity: Some("low".to_owned()),
        service_tier: Some("flex".to_owned()),
        ..ModelOptions::default()
    };
    let request = GenerateRequest { stop_sequences: vec!["END".to_owned()], ..asked() };
    let (body, warnings) = encoded(&COMPATIBLE, "llama", &options, &request);
    assert_eq!((&body["presence_penalty"], &body["frequency_penalty"]), (&json!(0.5), &json!(-0.5)));
    assert_eq!((&body["seed"], &body["stop"]), (&json!(7), &json!(["END"])));
    assert_eq!((&body["verbosity"], &body["service_tier"]), (&json!("low"), &json!("flex")));
    assert_eq!(warnings, [""; 0]);
    let (body, warnings) = encoded(&OPENAI, "gpt-5", &options, &request);
    for absent in ["presence_penalty", "frequency_penalty", "stop"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
    assert_eq!((&body["seed"], &body["service_tier"]), (&json!(7), &json!("flex")));
    assert_eq!(warnings, ["setting_ignored"; 3]);
    let (body, warnings) = encoded(&OPENAI, "gpt-4o", &options, &request);
    assert_eq!((body.get("service_tier"), warnings), (None, vec!["setting_ignored".to_owned()]));
}

#[test]
fn every_server_searches_in_its_own_way_or_says_that_it_cannot() {
    let search = WebSearch {
        blocked_domains: vec!["b.example".to_owned()],
        max_uses: Some(2),
        context_size: "high".to_owned(),
        ..WebSearch::default()
    };
    let options = ModelOptions { web_search: Some(search.clone()), ..ModelOptions::default() };
    let (body, warnings) = encoded(&OPENAI, "gpt-4o-search-preview", &options, &asked());
    assert_eq!(body["web_search_options"], json!({"search_context_size": "high"}));
    assert_eq!(warnings, ["setting_ignored"; 2]);
    let (body, warnings) = encoded(&OPENROUTER, "x/y", &options, &asked());
    assert_eq!(body["plugins"], json!([{"id": "web", "max_uses": 2, "exclude_domains": ["b.example"]}]));
    assert_eq!((&body["web_search_options"], warnings.len()), (&json!({"search_context_size": "high"}), 0));
    let (body, warnings) = encoded(&VERCEL, "x/y", &options, &asked());
    assert_eq!((body.get("web_search_options"), body.get("plugins"), warnings.len()), (None, None, 1));
    let simple = ModelOptions { web_search: Some(WebSearch::default()), ..ModelOptions::default() };
    let (body, warnings) = encoded(&COMPATIBLE, "m", &simple, &asked());
    assert_eq!((&body["web_search_options"], warnings.len()), (&json!({}), 0));
    let both = WebSearch { allowed_domains: vec!["a.example".to_owned()], ..search };
    let both = ModelOptions { web_search: Some(both), ..ModelOptions::default() };
    assert!(OPENAI.encode(&Call { request: &asked(), model: "x", options: &both }).is_err());
}

#[test]
fn extra_fields_come_last_and_one_server_is_asked_to_count() {
    let extra = r#"{"provider":{"order":["a"]},"stream_options":{"extra":1},"model":"other"}"#;
    let options = ModelOptions { extra_body: Some(extra.to_owned()), ..ModelOptions::default() };
    let (body, _) = encoded(&OPENROUTER, "x/y", &options, &asked());
    assert_eq!((&body["provider"]["order"], &body["model"]), (&json!(["a"]), &json!("other")));
    assert_eq!(body["stream_options"], json!({"include_usage": true, "extra": 1}));
    assert_eq!(body["usage"], json!({"include": true}));
    assert_eq!(encoded(&VERCEL, "x/y", &options, &asked()).0.get("usage"), None);
    let broken = ModelOptions { extra_body: Some("{".to_owned()), ..ModelOptions::default() };
    assert!(OPENAI.encode(&Call { request: &asked(), model: "x", options: &broken }).is_err());
}

fn file(media_type: &str, data: &'static [u8], url: &str) -> File {
    File { media_type: media_type.into(), name: "f".into(), data: data.into(), url: url.into(), ..File::default() }
}

#[test]
fn the_files_of_results_follow_all_of_them() {
    let call = |id: &str| {
        let call = ToolCall { call_id: id.into(), name: "look".into(), args: "{}".into(), ..ToolCall::default() };
        Part { body: Some(Body::ToolCall(call)), ..Part::default() }
    };
    let result = |id: &str, files: Vec<File>| {
        let result = ToolResult {
            call_id: id.into(),
            name: "look".into(),
            result: "{\"ok\":true}".into(),
            files,
            ..ToolResult::default()
        };
        Part { body: Some(Body::ToolResult(result)), ..Part::default() }
    };
    let (body, warnings) = encode_messages(
        &OPENAI,
        vec![
            message(Role::User, vec![text("look")]),
            message(Role::Assistant, vec![call("a"), call("b")]),
            message(Role::Tool, vec![result("a", vec![file("image/png", b"\x01", "")]), result("b", vec![])]),
        ],
    );
    assert_eq!(
        body["messages"].as_array().unwrap()[2..],
        [
            json!({"role": "tool", "tool_call_id": "a", "content": "{\"ok\":true}"}),
            json!({"role": "tool", "tool_call_id": "b", "content": "{\"ok\":true}"}),
            json!({"role": "user", "content": [
                {"type": "text", "text": "Files of the result of `look`:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQ=="}},
            ]}),
        ]
    );
    assert_eq!(warnings, [""; 0]);
}

#[test]
fn what_is_elsewhere_is_fetched_where_the_server_does_that() {
    let part = |file: File| Part { body: Some(Body::File(file)), ..Part::default() };
    let prompt = || {
        let parts =
            vec![part(file("image/png", b"", "https://h/a")), part(file("application/pdf", b"", "https://h/b"))];
        vec![message(Role::User, parts)]
    };
    let (body, warnings) = encode_messages(&OPENAI, prompt());
    assert_eq!(body["messages"][0]["content"][0], json!({"type": "image_url", "image_url": {"url": "https://h/a"}}));
    assert_eq!((&body["messages"][0]["content"][1]["type"], warnings.len()), (&json!("text"), 1));
    let (body, warnings) = encode_messages(&OPENROUTER, prompt());
    let pdf = json!({"type": "file", "file": {"filename": "f", "file_data": "https://h/b"}});
    assert_eq!((&body["messages"][0]["content"][1], warnings.len()), (&pdf, 0));
}
