//! Options, tools and what they do to each other.

use chatmesh_proto::common::v1::{Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice};
use http::HeaderMap;
use serde_json::{Value, json};

use super::request::{call, result};
use crate::codec::Codec;
use crate::codec::anthropic::Anthropic;
use crate::codec::testing::{encode, message, text};

fn request() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

fn tool(name: &str, schema: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: "Does it.".into(),
        input_schema: schema.into(),
        ..ToolDefinition::default()
    }
}

fn with_options(options: &ModelOptions) -> (Value, Vec<String>) {
    encode(&Anthropic, "claude-x", options, &request())
}

#[test]
fn the_caller_may_ask_for_less_and_not_for_more() {
    let limit = |configured, wanted| {
        let options = ModelOptions { max_output_tokens: configured, ..ModelOptions::default() };
        let request = GenerateRequest { max_output_tokens: wanted, ..request() };
        encode(&Anthropic, "claude-x", &options, &request).0["max_tokens"].as_u64().unwrap()
    };
    assert_eq!(limit(None, None), 32_000);
    assert_eq!(limit(Some(500), None), 500);
    assert_eq!(limit(None, Some(100)), 100);
    assert_eq!(limit(Some(500), Some(900)), 500);
    assert_eq!(limit(Some(500), Some(0)), 1);
}

#[test]
fn a_budget_to_think_raises_the_limit_and_excludes_sampling() {
    let options = ModelOptions {
        max_output_tokens: Some(1000),
        thinking_budget_tokens: Some(2000),
        temperature: Some(0.5),
        top_k: Some(4),
        ..ModelOptions::default()
    };
    let (body, warnings) = with_options(&options);
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 2000}));
    assert_eq!(body["max_tokens"], 3000);
    assert_eq!((body.get("temperature"), body.get("top_k")), (None, None));
    assert_eq!(warnings, ["setting_ignored", "setting_ignored", "setting_changed"]);
    let (body, _) = with_options(&ModelOptions { thinking_budget_tokens: Some(5), ..ModelOptions::default() });
    assert_eq!(body["thinking"]["budget_tokens"], 1024);
}

#[test]
fn an_effort_lets_the_model_decide() {
    let with_effort =
        |effort: &str| with_options(&ModelOptions { reasoning_effort: Some(effort.into()), ..ModelOptions::default() });
    let (body, warnings) = with_effort("high");
    assert_eq!(body["thinking"], json!({"type": "adaptive", "display": "summarized"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    assert!(warnings.is_empty());
    assert_eq!(with_effort("minimal").0["output_config"], json!({"effort": "low"}));
    assert_eq!(with_effort("none").0["thinking"], json!({"type": "disabled"}));
    let (body, warnings) = with_effort("heroic");
    assert_eq!((body.get("thinking"), body.get("output_config")), (None, None));
    assert_eq!(warnings, ["setting_ignored"]);
    let options = ModelOptions { thinking_budget_tokens: Some(2000), ..ModelOptions::default() };
    let (body, _) = encode(&Anthropic, "claude-opus-4-7", &options, &request());
    assert_eq!(body["thinking"]["type"], "adaptive");
}

#[test]
fn sampling_stays_in_the_provider_s_bounds() {
    let options = ModelOptions { temperature: Some(1.7), top_p: Some(0.9), top_k: Some(3), ..ModelOptions::default() };
    let (body, warnings) = with_options(&options);
    assert_eq!((&body["temperature"], body.get("top_p"), &body["top_k"]), (&json!(1.0), None, &json!(3)));
    assert_eq!(warnings, ["setting_ignored", "setting_ignored"]);
    let (body, _) = with_options(&ModelOptions { top_p: Some(0.9), ..ModelOptions::default() });
    assert_eq!(body["top_p"], 0.9);
}

#[test]
fn tools_are_sorted_and_their_schemas_are_usable() {
    let request = GenerateRequest {
        tools: vec![tool("write", r#"{"type":"object","z":1,"a":2}"#), tool("list", ""), tool("bad", "[]")],
        ..request()
    };
    let (body, warnings) = encode(&Anthropic, "claude-x", &ModelOptions::default(), &request);
    let open = json!({"type": "object", "properties": {}});
    assert_eq!(
        body["tools"],
        json!([
            {"name": "bad", "description": "Does it.", "input_schema": open},
            {"name": "list", "description": "Does it.", "input_schema": open},
            {"name": "write", "description": "Does it.", "input_schema": {"type": "object", "z": 1, "a": 2}},
        ])
    );
    assert_eq!(warnings, ["invalid_tool_schema"]);
    assert_eq!(body.get("tool_choice"), None);
}

#[test]
fn a_choice_is_translated() {
    let choice = |choice: ToolChoice, options: &ModelOptions| {
        let request = GenerateRequest { tools: vec![tool("f", "{}")], tool_choice: choice.into(), ..request() };
        encode(&Anthropic, "claude-x", options, &request)
    };
    let plain = ModelOptions::default();
    let serial = ModelOptions { parallel_tool_calls: Some(false), ..ModelOptions::default() };
    let thinking = ModelOptions { thinking_budget_tokens: Some(2000), ..ModelOptions::default() };
    assert_eq!(choice(ToolChoice::Required, &plain).0["tool_choice"], json!({"type": "any"}));
    assert_eq!(choice(ToolChoice::None, &serial).0["tool_choice"], json!({"type": "none"}));
    assert_eq!(
        choice(ToolChoice::Auto, &serial).0["tool_choice"],
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let (body, warnings) = choice(ToolChoice::Required, &thinking);
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
    assert!(warnings.contains(&"setting_ignored".to_owned()));
}

#[test]
fn thinking_pauses_while_calls_made_without_it_are_in_progress() {
    let options = ModelOptions { thinking_budget_tokens: Some(2000), ..ModelOptions::default() };
    let mut request = GenerateRequest {
        messages: vec![
            message(Role::User, vec![text("a")]),
            message(Role::Assistant, vec![call("x", "{}")]),
            message(Role::Tool, vec![result("x", "{}")]),
        ],
        ..GenerateRequest::default()
    };
    let (body, warnings) = encode(&Anthropic, "claude-x", &options, &request);
    assert_eq!(body.get("thinking"), None);
    assert_eq!(warnings, ["setting_ignored"]);
    request.messages.push(message(Role::User, vec![text("b")]));
    let (body, _) = encode(&Anthropic, "claude-x", &options, &request);
    assert_eq!(body["thinking"]["type"], "enabled");
}

#[test]
fn an_exhausted_plan_is_told_from_a_busy_minute() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "30".parse().unwrap());
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}"#;
    let busy = Anthropic.decode_error(429, &headers, body);
    assert_eq!((busy.status, busy.retry_after_ms), (Some(429), Some(30_000)));
    headers.insert("anthropic-ratelimit-unified-status", "rejected".parse().unwrap());
    let exhausted = Anthropic.decode_error(429, &headers, body);
    let classifier = crate::classify::Classifier::new("Anthropic");
    assert!(classifier.classify(&busy).retryable);
    assert!(!classifier.classify(&exhausted).retryable);
}
