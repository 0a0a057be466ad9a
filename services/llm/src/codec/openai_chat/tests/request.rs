//! Options, tools and files.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::codec::openai_chat::{COMPATIBLE, OPENAI, OPENROUTER, OpenAiChat};
use crate::codec::testing::{encode, encode_messages, message, text};
use crate::codec::{Call, Codec};

fn request() -> GenerateRequest {
    GenerateRequest {
        messages: vec![message(Role::System, vec![text("Be brief.")]), message(Role::User, vec![text("Hi")])],
        chat_id: "chat-1".into(),
        ..GenerateRequest::default()
    }
}

fn options() -> ModelOptions {
    ModelOptions { max_output_tokens: Some(500), ..ModelOptions::default() }
}

fn with(codec: &OpenAiChat, model: &str, options: &ModelOptions) -> (Value, Vec<String>) {
    encode(codec, model, options, &request())
}

#[test]
fn a_small_request_looks_like_this() {
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    let (body, warnings) = with(&OPENAI, "gpt-4o", &options());
    assert_eq!(
        body,
        json!({"model": "gpt-4o", "messages": messages, "max_tokens": 500, "prompt_cache_key": "chat-1",
            "stream": true, "stream_options": {"include_usage": true}})
    );
    assert!(warnings.is_empty());
    let (body, _) = with(&COMPATIBLE, "llama", &ModelOptions::default());
    assert_eq!(
        body,
        json!({"model": "llama", "messages": messages, "stream": true, "stream_options": {"include_usage": true}})
    );
    let request = request();
    let call = Call { request: &request, model: "x", options: &options() };
    assert_eq!(COMPATIBLE.encode(&call).unwrap().path, "chat/completions");
}

#[test]
fn models_that_reason_have_rules_of_their_own() {
    let options =
        ModelOptions { temperature: Some(0.5), top_p: Some(0.5), reasoning_effort: Some("high".into()), ..options() };
    for model in ["o3-mini", "gpt-5"] {
        let (body, warnings) = with(&OPENAI, model, &options);
        assert_eq!(body["messages"][0]["role"], "developer");
        assert_eq!((body.get("max_tokens"), &body["max_completion_tokens"]), (None, &json!(500)));
        assert_eq!((body.get("temperature"), body.get("top_p")), (None, None));
        assert_eq!(body["reasoning_effort"], "high");
        assert_eq!(warnings, ["setting_ignored", "setting_ignored"]);
    }
    let (body, warnings) = with(&OPENAI, "gpt-4o", &options);
    assert_eq!((body.get("reasoning_effort"), &body["temperature"]), (None, &json!(0.5)));
    assert_eq!(warnings, ["setting_ignored"]);
    let (body, _) = with(&COMPATIBLE, "o3-mini", &options);
    assert_eq!((&body["max_tokens"], &body["reasoning_effort"]), (&json!(500), &json!("high")));
    assert_eq!(body["messages"][0]["role"], "system");
    let (body, warnings) = with(&OPENAI, "o1-mini", &ModelOptions::default());
    assert_eq!(body["messages"][0], json!({"role": "user", "content": "Be brief."}));
    assert_eq!(warnings, ["system_message_converted"]);
}

#[test]
fn settings_that_a_server_does_not_have_are_named() {
    let options = ModelOptions { top_k: Some(3), thinking_budget_tokens: Some(100), ..ModelOptions::default() };
    let (body, warnings) = with(&OPENAI, "gpt-4o", &options);
    assert_eq!((body.get("top_k"), warnings.len()), (None, 2));
    let (body, warnings) = with(&COMPATIBLE, "llama", &options);
    assert_eq!((&body["top_k"], warnings.len()), (&json!(3), 1));
    let (body, warnings) = with(&OPENROUTER, "x/y", &options);
    assert_eq!((&body["reasoning"], warnings.len()), (&json!({"max_tokens": 100}), 0));
    let effort = ModelOptions { reasoning_effort: Some("low".into()), ..options };
    assert_eq!(with(&OPENROUTER, "x/y", &effort).0["reasoning"], json!({"effort": "low"}));
}

#[test]
fn tools_are_sorted_and_chosen() {
    let tool = |name: &str| ToolDefinition {
        name: name.into(),
        description: String::new(),
        input_schema: r#"{"type":"object"}"#.into(),
        ..ToolDefinition::default()
    };
    let request =
        GenerateRequest { tools: vec![tool("b"), tool("a")], tool_choice: ToolChoice::Required.into(), ..request() };
    let options = ModelOptions { parallel_tool_calls: Some(false), ..ModelOptions::default() };
    let (body, _) = encode(&OPENAI, "gpt-4o", &options, &request);
    let function =
        |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    assert_eq!(body["tools"], json!([function("a"), function("b")]));
    assert_eq!((&body["tool_choice"], &body["parallel_tool_calls"]), (&json!("required"), &json!(false)));
    let (body, warnings) = encode(&OPENAI, "o4-mini", &options, &request);
    assert_eq!((body.get("parallel_tool_calls"), warnings.len()), (None, 1));
    let (body, _) = with(&OPENAI, "gpt-4o", &options);
    assert_eq!((body.get("tools"), body.get("tool_choice"), body.get("parallel_tool_calls")), (None, None, None));
}

#[test]
fn neighbouring_system_messages_are_one_and_later_ones_stay() {
    let (body, _) = encode_messages(
        &COMPATIBLE,
        vec![
            message(Role::System, vec![text("a"), text(" ")]),
            message(Role::System, vec![text("b")]),
            message(Role::User, vec![text("c"), text("d")]),
            message(Role::System, vec![text("e")]),
        ],
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "a\n\nb"},
            {"role": "user", "content": [{"type": "text", "text": "c"}, {"type": "text", "text": "d"}]},
            {"role": "system", "content": "e"},
        ])
    );
}

#[test]
fn files_become_what_the_server_can_read() {
    let file = |media_type: &str, name: &str| {
        let file = File {
            media_type: media_type.into(),
            name: name.into(),
            data: "x".into(),
            file_id: String::new(),
            ..File::default()
        };
        Part { body: Some(Body::File(file)), ..Part::default() }
    };
    let prompt = || {
        vec![message(
            Role::User,
            vec![file("image/png", "a.png"), file("application/pdf", "a.pdf"), file("text/plain", "a.txt")],
        )]
    };
    let (body, warnings) = encode_messages(&OPENAI, prompt());
    assert_eq!(
        body["messages"][0]["content"],
        json!([
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="}},
            {"type": "text", "text": "Attached file `a.txt`:\n\nx"},
        ])
    );
    assert!(warnings.is_empty());
    let (body, warnings) = encode_messages(&COMPATIBLE, prompt());
    assert_eq!(body["messages"][0]["content"][1]["type"], "text");
    assert_eq!(warnings, ["attachment_dropped"]);
}

#[test]
fn an_error_knows_its_headers() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after-ms", "250".parse().unwrap());
    headers.insert("x-should-retry", "false".parse().unwrap());
    let failure = OPENAI.decode_error(429, &headers, br#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#);
    assert_eq!((failure.status, failure.retry_after_ms, failure.should_retry), (Some(429), Some(250), Some(false)));
    assert_eq!(failure.codes, ["rate_limit_exceeded"]);
}

#[test]
fn a_conversation_is_not_empty() {
    let request =
        GenerateRequest { messages: vec![message(Role::System, vec![text("a")])], ..GenerateRequest::default() };
    assert!(OPENAI.encode(&Call { request: &request, model: "x", options: &options() }).is_err());
}
