//! Requests of Chat Completions, good and bad.

use chatmesh_proto::llm::v1::{GenerateRequest, ToolChoice};
use serde_json::{Value, json};

use super::{lines, parse};
use crate::compat::Dialect::ChatCompletions;

const PNG: &str = "data:image/png;base64,AAEC";

fn request(messages: Value) -> Value {
    json!({"model": "fast", "messages": messages})
}

fn with(fields: Value) -> Value {
    let mut body = request(json!([{"role": "user", "content": "hi"}]));
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn asked(fields: Value) -> GenerateRequest {
    parse(ChatCompletions, with(fields)).unwrap().request
}

#[test]
fn every_role_and_part_finds_its_place() {
    let body = request(json!([
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
        {"role": "user", "name": "bob", "content": [
            {"type": "text", "text": "look"},
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://a.example/b.webp?x=1"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAEC"}}]},
        {"role": "assistant", "content": null, "reasoning_content": "why", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"},
                "extra_content": {"google": {"thought_signature": "sig"}}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "done"}], "refusal": "no"},
    ]));
    let asked = parse(ChatCompletions, body).unwrap();
    assert_eq!((asked.model.as_str(), asked.stream), ("fast", false));
    assert_eq!(
        lines(&asked),
        [
            "System: text be brief",
            "System: text be kind",
            "User: text look",
            "User: file ",
            "User: file ",
            "User: file a.pdf",
            "Assistant: thought why",
            "Assistant: call c1 f {\"a\": 1} thought_signature=\"sig\"",
            "Assistant: call c2 g {}",
            "Tool: result c1 f one",
            "Tool: result c2 g two\nthree",
            "Assistant: text done",
            "Assistant: text no refusal=true refusal=true",
        ]
    );
    let files: Vec<_> = asked.request.messages[2].parts[1..]
        .iter()
        .map(|part| match &part.body {
            Some(chatmesh_proto::common::v1::part::Body::File(it)) => {
                (it.media_type.clone(), it.data.len(), it.url.clone())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        files,
        [
            ("image/png".to_owned(), 3, String::new()),
            ("image/webp".to_owned(), 0, "https://a.example/b.webp?x=1".to_owned()),
            ("application/pdf".to_owned(), 3, String::new()),
        ]
    );
}

#[test]
fn every_setting_arrives() {
    let request = asked(json!({"max_tokens": 5, "max_completion_tokens": 6, "temperature": 0.5, "top_p": 0.9,
        "presence_penalty": 1, "frequency_penalty": -1, "seed": -1, "reasoning_effort": "low", "verbosity": "high",
        "parallel_tool_calls": false, "stop": ["a", "b"], "service_tier": "flex", "n": 1, "logprobs": false,
        "modalities": ["text"], "web_search_options": {"search_context_size": "low"}, "user": "u", "new_field": {}}));
    let options = request.options.unwrap();
    assert_eq!(request.max_output_tokens, Some(6));
    assert_eq!((options.temperature, options.top_p), (Some(0.5), Some(0.9)));
    assert_eq!((options.presence_penalty, options.frequency_penalty), (Some(1.0), Some(-1.0)));
    assert_eq!((options.seed, options.parallel_tool_calls), (Some(u32::MAX), Some(false)));
    assert_eq!((options.reasoning_effort.as_deref(), options.verbosity.as_deref()), (Some("low"), Some("high")));
    assert_eq!((options.service_tier.as_deref(), request.stop_sequences.len()), (Some("flex"), 2));
    assert_eq!(options.web_search.unwrap().context_size, "low");
    let parsed = parse(ChatCompletions, with(json!({"stream": true, "stream_options": {"include_usage": true}})));
    let parsed = parsed.unwrap();
    assert!(parsed.stream && parsed.echo.include_usage);
    assert_eq!(asked(json!({"stop": "x", "service_tier": "auto"})).stop_sequences, ["x"]);
}

#[test]
fn tools_and_their_choice() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let schema = r#"{"type":"object","properties":{"z":{},"a":{}}}"#;
    let tools = json!([{"type": "function", "function": {"name": "f", "description": "d", "strict": true,
        "parameters": serde_json::from_str::<Value>(schema).unwrap()}}, function("g")]);
    let choose = |choice: Value| {
        let request = asked(json!({"tools": tools, "tool_choice": choice}));
        let names: Vec<_> = request.tools.iter().map(|tool| tool.name.clone()).collect();
        (request.tool_choice(), request.required_tool, names.join(" "))
    };
    let both = || "f g".to_owned();
    assert_eq!(choose(json!(null)), (ToolChoice::Unspecified, String::new(), both()));
    assert_eq!(choose(json!("auto")), (ToolChoice::Auto, String::new(), both()));
    assert_eq!(choose(json!("none")), (ToolChoice::None, String::new(), both()));
    assert_eq!(choose(json!("required")), (ToolChoice::Required, String::new(), both()));
    assert_eq!(choose(function("g")), (ToolChoice::Required, "g".to_owned(), both()));
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("f")]}});
    assert_eq!(choose(allowed), (ToolChoice::Required, String::new(), "f".to_owned()));
    let exact = r#"{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"z": 1,"a":[ ]}}}]}"#;
    let request = ChatCompletions.parse(exact.as_bytes()).unwrap().request;
    assert_eq!(request.tools[0].input_schema, r#"{"z": 1,"a":[ ]}"#);
}

#[test]
fn formats_of_the_answer() {
    assert_eq!(asked(json!({"response_format": {"type": "text"}})).output_format, None);
    assert!(asked(json!({"response_format": {"type": "json_object"}})).output_format.unwrap().schema.is_empty());
    let format = asked(json!({"response_format": {"type": "json_schema", "json_schema":
        {"name": "n", "description": "d", "strict": true, "schema": {"type": "object"}}}}));
    let format = format.output_format.unwrap();
    assert_eq!((format.name.as_str(), format.description.as_str(), format.strict), ("n", "d", true));
    assert_eq!(format.schema, r#"{"type":"object"}"#);
}

#[test]
fn what_cannot_be_served_is_told_precisely() {
    let messages = |message: Value| request(json!([message]));
    let cases = [
        (json!({"messages": []}), "model"),
        (json!({"model": "m"}), "messages"),
        (request(json!([])), "messages"),
        (messages(json!({"role": "system", "content": "x"})), "messages"),
        (messages(json!({"role": "function", "name": "f", "content": "x"})), "messages[0].role"),
        (messages(json!({"role": "robot", "content": "x"})), "messages[0].role"),
        (messages(json!({"role": "user"})), "messages[0].content"),
        (messages(json!({"role": "user", "content": 3})), "messages[0].content"),
        (messages(json!({"role": "user", "content": [{"type": "input_audio"}]})), "messages[0].content[0]"),
        (
            messages(json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]})),
            "messages[0].content[0].image_url.url",
        ),
        (
            messages(
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,%"}}]}),
            ),
            "messages[0].content[0].image_url.url",
        ),
        (
            messages(json!({"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]})),
            "messages[0].content[0].file.file_id",
        ),
        (messages(json!({"role": "assistant", "function_call": {"name": "f"}})), "messages[0].function_call"),
        (
            messages(json!({"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]})),
            "messages[0].tool_calls[0]",
        ),
        (messages(json!({"role": "tool", "content": "x"})), "messages[0].tool_call_id"),
        (with(json!({"n": 2})), "n"),
        (with(json!({"logprobs": true})), "logprobs"),
        (with(json!({"audio": {"voice": "x"}})), "audio"),
        (with(json!({"modalities": ["text", "audio"]})), "modalities[1]"),
        (with(json!({"functions": [{"name": "f"}]})), "functions"),
        (with(json!({"temperature": 3})), "temperature"),
        (with(json!({"temperature": "hot"})), "temperature"),
        (with(json!({"max_tokens": 0})), "max_tokens"),
        (with(json!({"reasoning_effort": "huge"})), "reasoning_effort"),
        (with(json!({"response_format": {"type": "yaml"}})), "response_format.type"),
        (
            with(json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}})),
            "response_format.json_schema.schema",
        ),
        (with(json!({"tools": [{"type": "custom"}]})), "tools[0]"),
        (with(json!({"tools": [{"type": "function", "function": {}}]})), "tools[0].function.name"),
        (with(json!({"tool_choice": {"type": "function", "function": {"name": "f"}}})), "tool_choice"),
        (with(json!({"tool_choice": "maybe"})), "tool_choice"),
        (with(json!({"stream": "yes"})), "stream"),
    ];
    for (body, param) in cases {
        let error = parse(ChatCompletions, body.clone()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some(param), "{body}");
        assert!(error.message.contains(param), "{}", error.message);
    }
}
