use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice};
use serde_json::{Value, json};

use super::*;
use crate::codec::testing::{encode, encode_messages, message, text};
use crate::codec::{Call, Codec, Kept};

fn asked() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

fn with_options(model: &str, options: &ModelOptions) -> (Value, Vec<String>) {
    encode(&OpenAiResponses, model, options, &asked())
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

#[test]
fn a_small_request_looks_like_this() {
    let request = GenerateRequest {
        messages: vec![
            message(Role::System, vec![text("Be brief.")]),
            message(Role::System, vec![text("Be kind.")]),
            message(Role::User, vec![text("Hi")]),
        ],
        chat_id: "chat-1".to_owned(),
        ..GenerateRequest::default()
    };
    let call = Call { request: &request, model: "gpt-4.1", options: &ModelOptions::default() };
    let encoded = OpenAiResponses.encode(&call).unwrap();
    assert_eq!((&*encoded.path, encoded.kept), ("responses", Kept::default()));
    assert_eq!(
        serde_json::from_slice::<Value>(&encoded.body).unwrap(),
        json!({
            "model": "gpt-4.1",
            "instructions": "Be brief.\n\nBe kind.",
            "input": [user("Hi")],
            "prompt_cache_key": "chat-1",
            "store": false,
            "stream": true,
        })
    );
    assert_eq!(encoded.warnings, []);
}

#[test]
fn a_model_that_reasons_gives_its_reasoning_along_and_takes_no_sampling() {
    let options = ModelOptions {
        temperature: Some(0.5),
        top_p: Some(0.5),
        top_k: Some(5),
        thinking_budget_tokens: Some(2000),
        ..ModelOptions::default()
    };
    let (body, warnings) = with_options("gpt-5", &options);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    for absent in ["temperature", "top_p", "top_k", "reasoning"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
    assert_eq!(warnings, ["setting_ignored"; 4]);
    let (body, warnings) = with_options("gpt-4.1", &options);
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(0.5), &json!(0.5)));
    assert_eq!((body.get("include"), body.get("top_k"), warnings.len()), (None, None, 2));
}

#[test]
fn an_effort_asks_for_a_summary() {
    let with = |model: &str, effort: &str| {
        with_options(model, &ModelOptions { reasoning_effort: Some(effort.into()), ..ModelOptions::default() })
    };
    assert_eq!(with("o4-mini", "high").0["reasoning"], json!({"effort": "high", "summary": "auto"}));
    assert_eq!(with("gpt-5.1", "none").0["reasoning"], json!({"effort": "none"}));
    let (body, warnings) = with("gpt-4o", "high");
    assert_eq!((body.get("reasoning"), warnings), (None, vec!["setting_ignored".to_owned()]));
}

#[test]
fn the_smaller_limit_counts_and_has_a_least() {
    let limit = |configured: Option<u32>, wanted: Option<u32>| {
        let request = GenerateRequest { max_output_tokens: wanted, ..asked() };
        let options = ModelOptions { max_output_tokens: configured, ..ModelOptions::default() };
        let (body, warnings) = encode(&OpenAiResponses, "m", &options, &request);
        (body["max_output_tokens"].as_u64(), warnings.len())
    };
    assert_eq!(limit(None, None), (None, 0));
    assert_eq!(limit(Some(500), Some(100)), (Some(100), 0));
    assert_eq!(limit(Some(100), None), (Some(100), 0));
    assert_eq!(limit(Some(100), Some(3)), (Some(16), 1));
}

#[test]
fn tools_are_sorted_flat_and_not_strict() {
    let tool = |name: &str| ToolDefinition {
        name: name.into(),
        description: "does".into(),
        input_schema: r#"{"type":"object","properties":{}}"#.into(),
        ..ToolDefinition::default()
    };
    let mut request = asked();
    request.tools = vec![tool("b"), tool("a")];
    let options = ModelOptions { parallel_tool_calls: Some(false), ..ModelOptions::default() };
    let (body, _) = encode(&OpenAiResponses, "m", &options, &request);
    let expected = |name: &str| {
        json!({"type": "function", "name": name, "description": "does", "strict": false,
            "parameters": {"type": "object", "properties": {}}})
    };
    assert_eq!(body["tools"], json!([expected("a"), expected("b")]));
    assert_eq!((body.get("tool_choice"), &body["parallel_tool_calls"]), (None, &json!(false)));
    for (choice, expected) in
        [(ToolChoice::Auto, "auto"), (ToolChoice::Required, "required"), (ToolChoice::None, "none")]
    {
        request.tool_choice = choice.into();
        let (body, _) = encode(&OpenAiResponses, "m", &options, &request);
        assert_eq!(body["tool_choice"], expected);
    }
    let (body, warnings) = encode(&OpenAiResponses, "o3", &options, &request);
    assert_eq!((body.get("parallel_tool_calls"), warnings), (None, vec!["setting_ignored".to_owned()]));
    let (body, _) = encode(&OpenAiResponses, "m", &options, &GenerateRequest { tool_choice: 2, ..asked() });
    assert_eq!((body.get("tools"), body.get("tool_choice"), body.get("parallel_tool_calls")), (None, None, None));
}

#[test]
fn a_late_system_message_stays_where_it_is() {
    let late = vec![message(Role::User, vec![text("Hi")]), message(Role::System, vec![text("Now be brief.")])];
    let request = GenerateRequest { messages: late, ..GenerateRequest::default() };
    let role = |model: &str| {
        let (body, _) = encode(&OpenAiResponses, model, &ModelOptions::default(), &request);
        assert_eq!(body["input"][1]["content"], json!([{"type": "input_text", "text": "Now be brief."}]));
        body["input"][1]["role"].as_str().unwrap().to_owned()
    };
    assert_eq!((role("gpt-4.1").as_str(), role("gpt-5").as_str()), ("system", "developer"));
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
    let files = vec![
        file("image/png", "x.png", b"\x01"),
        file("application/pdf", "r.pdf", b"\x02"),
        file("text/csv", "t.csv", b"a,b"),
        file("video/mp4", "v.mp4", b"\x03"),
    ];
    let (body, warnings) = encode_messages(&OpenAiResponses, vec![message(Role::User, files)]);
    assert_eq!(
        body["input"][0]["content"],
        json!([
            {"type": "input_image", "image_url": "data:image/png;base64,AQ==", "detail": "auto"},
            {"type": "input_file", "filename": "r.pdf", "file_data": "data:application/pdf;base64,Ag=="},
            {"type": "input_text", "text": "Attached file `t.csv`:\n\na,b"},
            {"type": "input_text",
             "text": "[The attachment `v.mp4` (video/mp4) was left out: the model cannot read its type.]"},
        ])
    );
    assert_eq!(warnings, ["attachment_dropped"]);
}

#[test]
fn a_conversation_without_a_message_is_none() {
    let only_system = GenerateRequest {
        messages: vec![message(Role::System, vec![text("only")]), message(Role::User, vec![text(" ")])],
        ..GenerateRequest::default()
    };
    let call = Call { request: &only_system, model: "x", options: &ModelOptions::default() };
    assert!(OpenAiResponses.encode(&call).is_err());
}
