//! Formats, searches, files in results and everything else that a call may carry.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{File, Part, Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, OutputFormat, ToolChoice, WebSearch};
use serde_json::{Value, json};

use super::request::{call, messages, result};
use crate::codec::Call;
use crate::codec::Codec;
use crate::codec::anthropic::Anthropic;
use crate::codec::testing::{encode, message, text};

fn asked() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

fn encoded(options: &ModelOptions, request: &GenerateRequest) -> (Value, Vec<String>) {
    encode(&Anthropic, "claude-x", options, request)
}

fn tool(name: &str, strict: bool) -> ToolDefinition {
    let input_schema = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#.to_owned();
    ToolDefinition { name: name.to_owned(), input_schema, strict, ..ToolDefinition::default() }
}

#[test]
fn an_answer_in_json_has_a_closed_schema() {
    let format = |schema: &str| {
        let output_format = Some(OutputFormat { schema: schema.to_owned(), ..OutputFormat::default() });
        let options = ModelOptions { reasoning_effort: Some("low".to_owned()), ..ModelOptions::default() };
        let (body, warnings) = encoded(&options, &GenerateRequest { output_format, ..asked() });
        (body["output_config"].clone(), warnings)
    };
    let schema = r#"{"type":"object","properties":{"a":{"type":"object","properties":{}}},"required":["a"]}"#;
    let closed = json!({"type": "object", "additionalProperties": false, "required": ["a"], "properties":
        {"a": {"type": "object", "properties": {}, "additionalProperties": false}}});
    let expected = json!({"effort": "low", "format": {"type": "json_schema", "schema": closed}});
    assert_eq!(format(schema), (expected, vec![]));
    assert_eq!(format(""), (json!({"effort": "low"}), vec!["setting_ignored".to_owned()]));
    assert_eq!(format("[1]"), (json!({"effort": "low"}), vec!["invalid_tool_schema".to_owned()]));
    let (open, warnings) = format(r#"{"type":"object"}"#);
    assert_eq!((&open["format"]["schema"], warnings), (&json!({"type": "object"}), vec!["setting_changed".to_owned()]));
}

#[test]
fn one_tool_may_be_demanded_and_it_must_be_there() {
    let asking = |required_tool: &str, choice: ToolChoice| GenerateRequest {
        tools: vec![tool("a", false), tool("b", false)],
        tool_choice: choice.into(),
        required_tool: required_tool.to_owned(),
        ..asked()
    };
    let plain = ModelOptions::default();
    let (body, _) = encoded(&plain, &asking("b", ToolChoice::Required));
    assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "b"}));
    let (body, warnings) = encoded(&plain, &asking("b", ToolChoice::Auto));
    assert_eq!((body.get("tool_choice"), warnings), (None, vec!["setting_ignored".to_owned()]));
    let thinking = ModelOptions { thinking_budget_tokens: Some(2000), ..ModelOptions::default() };
    assert_eq!(encoded(&thinking, &asking("b", ToolChoice::Required)).0["tool_choice"], json!({"type": "auto"}));
    let unknown = asking("c", ToolChoice::Required);
    let failure = Anthropic.encode(&Call { request: &unknown, model: "x", options: &plain }).unwrap_err();
    assert!(failure.message.contains("`c`"), "{}", failure.message);
}

#[test]
fn settings_that_the_provider_has_are_sent_and_the_others_are_named() {
    let options = ModelOptions {
        presence_penalty: Some(0.5),
        frequency_penalty: Some(0.5),
        seed: Some(7),
        verbosity: Some("low".to_owned()),
        service_tier: Some("standard_only".to_owned()),
        ..ModelOptions::default()
    };
    let stop_sequences = vec!["END".to_owned(), " \n".to_owned()];
    let (body, warnings) = encoded(&options, &GenerateRequest { stop_sequences, ..asked() });
    assert_eq!((&body["stop_sequences"], &body["service_tier"]), (&json!(["END"]), &json!("standard_only")));
    for absent in ["presence_penalty", "frequency_penalty", "seed", "verbosity"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
    assert_eq!(warnings, ["setting_ignored"; 5]);
}

#[test]
fn a_strict_tool_has_a_closed_schema() {
    let (body, warnings) =
        encoded(&ModelOptions::default(), &GenerateRequest { tools: vec![tool("a", true)], ..asked() });
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    assert_eq!(body["tools"], json!([{"name": "a", "input_schema": schema, "strict": true}]));
    assert_eq!(warnings, [""; 0]);
    let open = ToolDefinition { input_schema: String::new(), ..tool("a", true) };
    let open = ToolDefinition { input_schema: r#"{"type":"object"}"#.to_owned(), ..open };
    let (body, warnings) = encoded(&ModelOptions::default(), &GenerateRequest { tools: vec![open], ..asked() });
    assert_eq!((body["tools"][0].get("strict"), warnings), (None, vec!["setting_changed".to_owned()]));
}

#[test]
fn the_provider_s_search_is_a_tool() {
    let search = WebSearch {
        allowed_domains: vec!["a.example".to_owned()],
        max_uses: Some(3),
        context_size: "low".to_owned(),
        ..WebSearch::default()
    };
    let options = |search: WebSearch| ModelOptions { web_search: Some(search), ..ModelOptions::default() };
    let request = GenerateRequest { tools: vec![tool("a", false)], ..asked() };
    let (body, warnings) = encoded(&options(search.clone()), &request);
    assert_eq!(
        body["tools"][1],
        json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.example"]})
    );
    assert_eq!(warnings, ["setting_ignored"]);
    let alone = GenerateRequest { tool_choice: ToolChoice::None.into(), ..asked() };
    let (body, _) = encoded(&options(WebSearch::default()), &alone);
    assert_eq!(body["tools"], json!([{"type": "web_search_20250305", "name": "web_search"}]));
    assert_eq!(body["tool_choice"], json!({"type": "none"}));
    let both = options(WebSearch { blocked_domains: vec!["b.example".to_owned()], ..search });
    assert!(Anthropic.encode(&Call { request: &asked(), model: "x", options: &both }).is_err());
}

#[test]
fn extra_fields_come_last() {
    let with = |extra: &str| ModelOptions { extra_body: Some(extra.to_owned()), ..ModelOptions::default() };
    let (body, _) = encoded(&with(r#"{"metadata":{"user_id":"u"},"max_tokens":7,"stream":null}"#), &asked());
    assert_eq!((&body["metadata"], &body["max_tokens"]), (&json!({"user_id": "u"}), &json!(7)));
    assert_eq!(body.get("stream"), None);
    assert!(Anthropic.encode(&Call { request: &asked(), model: "x", options: &with("[]") }).is_err());
}

fn file(media_type: &str, name: &str, data: &'static [u8], url: &str) -> File {
    File { media_type: media_type.into(), name: name.into(), data: data.into(), url: url.into(), ..File::default() }
}

#[test]
fn a_result_has_its_files_in_it() {
    let mut with_files = result("a", "seen");
    if let Some(Body::ToolResult(result)) = &mut with_files.body {
        result.files = vec![
            file("image/png", "s.png", b"\x01", ""),
            file("application/pdf", "Report", b"", "https://h/r.pdf"),
            file("video/mp4", "v.mp4", b"\x02", ""),
        ];
    }
    let mut only_files = result("b", "");
    if let Some(Body::ToolResult(result)) = &mut only_files.body {
        result.files = vec![file("image/png", "s.png", b"\x01", "")];
    }
    let (messages, warnings) = messages(vec![
        message(Role::User, vec![text("look")]),
        message(Role::Assistant, vec![call("a", "{}"), call("b", "{}")]),
        message(Role::Tool, vec![with_files, only_files]),
    ]);
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AQ=="}});
    assert_eq!(
        messages[2]["content"],
        json!([
            {"type": "tool_result", "tool_use_id": "a", "content": [
                {"type": "text", "text": "seen"},
                image,
                {"type": "document", "title": "Report", "source": {"type": "url", "url": "https://h/r.pdf"}},
                {"type": "text",
                 "text": "[The attachment `v.mp4` (video/mp4) was left out: the model cannot read its type.]"},
            ]},
            {"type": "tool_result", "tool_use_id": "b", "content": [image]},
        ])
    );
    assert_eq!(warnings, ["attachment_dropped"]);
}

#[test]
fn an_image_may_be_elsewhere() {
    let part = |file: File| Part { body: Some(Body::File(file)), ..Part::default() };
    let parts =
        vec![part(file("image/png", "a", b"", "https://h/a.png")), part(file("text/plain", "t", b"", "https://h/t"))];
    let (messages, warnings) = messages(vec![message(Role::User, parts)]);
    assert_eq!(
        messages[0]["content"][0],
        json!({"type": "image", "source": {"type": "url", "url": "https://h/a.png"}})
    );
    assert_eq!((&messages[0]["content"][1]["type"], warnings), (&json!("text"), vec!["attachment_dropped".to_owned()]));
}

#[test]
fn code_goes_on_in_the_container_where_it_ran() {
    let container = json!({"id": "container_1", "expires_at": "2026-01-01T00:00:00Z"});
    let answer = json!({"type": "message", "content": [{"type": "text", "text": "ran"}], "stop_reason": "end_turn",
        "container": container});
    let folded = crate::codec::testing::fold_unary(&Anthropic, &answer.to_string());
    assert_eq!(folded.lines(), ["text ran", "text "]);
    assert_eq!(folded.metadata(1), [("container".to_owned(), container)]);
    let messages = vec![
        message(Role::User, vec![text("go")]),
        message(Role::Assistant, folded.parts),
        message(Role::User, vec![text("more")]),
    ];
    let (body, warnings) =
        encoded(&ModelOptions::default(), &GenerateRequest { messages, ..GenerateRequest::default() });
    assert_eq!((&body["container"], warnings.len()), (&json!("container_1"), 0));
    assert_eq!(body["messages"][1]["content"].as_array().map(Vec::len), Some(1));
    assert_eq!(encoded(&ModelOptions::default(), &asked()).0.get("container"), None);
}
