//! Claude at other companies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatmesh_proto::common::v1::{FinishReason, Role, ToolDefinition};
use chatmesh_proto::llm::v1::{GenerateRequest, ModelOptions, ToolChoice};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::codec::anthropic::{BedrockClaude, VertexClaude};
use crate::codec::testing::{cut, fold_chunks, fold_unary, message as prompt, sizes, text};
use crate::codec::{Call, Codec, Encoded};
use crate::event_stream::tests::frame;

fn request() -> GenerateRequest {
    GenerateRequest {
        messages: vec![prompt(Role::System, vec![text("Be brief.")]), prompt(Role::User, vec![text("Hi")])],
        tools: vec![ToolDefinition { name: "f".into(), ..ToolDefinition::default() }],
        tool_choice: ToolChoice::Required.into(),
        ..GenerateRequest::default()
    }
}

fn encoded(codec: &dyn Codec, model: &str, options: &ModelOptions) -> (Encoded, Value) {
    let encoded = codec.encode(&Call { request: &request(), model, options }).unwrap();
    let body = serde_json::from_slice(&encoded.body).unwrap();
    (encoded, body)
}

/// The body that Anthropic itself would get, with what the carrier changes.
fn changed(model: &str, options: &ModelOptions, gone: &[&str], version: &str) -> Value {
    let (_, mut body) = encoded(&Anthropic, model, options);
    for field in gone {
        body.as_object_mut().unwrap().remove(*field).unwrap();
    }
    body["anthropic_version"] = json!(version);
    body
}

#[test]
fn vertex_has_the_model_in_the_path_and_the_version_in_the_body() {
    let model = "claude-3-7-sonnet@20250219";
    let (encoded, body) = encoded(&VertexClaude, model, &ModelOptions::default());
    assert_eq!(encoded.path, "models/claude-3-7-sonnet@20250219:streamRawPredict");
    assert_eq!(body, changed(model, &ModelOptions::default(), &["model"], "vertex-2023-10-16"));
    assert!(body["stream"].as_bool().unwrap());
    assert!(!encoded.headers.contains_key("anthropic-version"));
    assert_eq!(encoded.headers["accept"], "text/event-stream");
}

#[test]
fn bedrock_has_the_model_in_the_path_and_streams_by_it() {
    let model = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let (encoded, body) = encoded(&BedrockClaude, model, &ModelOptions::default());
    assert_eq!(encoded.path, "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream");
    assert_eq!(body, changed(model, &ModelOptions::default(), &["model", "stream"], "bedrock-2023-05-31"));
    assert!(!encoded.headers.contains_key("anthropic-version"));
    assert_eq!(encoded.headers["accept"], "application/vnd.amazon.eventstream");
    assert!(encoded.warnings.is_empty());
}

#[test]
fn bedrock_is_not_told_what_it_does_not_know() {
    let options = ModelOptions {
        parallel_tool_calls: Some(false),
        reasoning_effort: Some("low".to_owned()),
        ..ModelOptions::default()
    };
    let (encoded, body) = encoded(&BedrockClaude, "us.anthropic.claude-opus-4-5-20251101-v1:0", &options);
    assert!(!body.to_string().contains("disable_parallel_tool_use"), "{body}");
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 4096}));
    assert_eq!(body["output_config"], json!({"effort": "low"}));
    assert_eq!(body["anthropic_beta"], json!(["effort-2025-11-24"]));
    let codes: Vec<_> = encoded.warnings.iter().map(|warning| warning.code.as_str()).collect();
    assert!(codes.contains(&"setting_ignored") && codes.contains(&"setting_changed"), "{codes:?}");
}

#[test]
fn a_model_that_is_an_address_is_refused() {
    for model in ["../../v1/secrets", "a?b=c", "a%2fb", "a#b", ""] {
        for codec in [&BedrockClaude as &dyn Codec, &VertexClaude] {
            assert!(codec.encode(&Call { request: &request(), model, options: &ModelOptions::default() }).is_err());
        }
    }
}

/// The frames in which Bedrock sends events.
fn chunks(events: &[Value]) -> Vec<u8> {
    events
        .iter()
        .flat_map(|event| {
            let bytes = STANDARD.encode(event.to_string());
            frame("event", "chunk", &json!({"bytes": bytes, "p": "abcdefgh"}).to_string())
        })
        .collect()
}

fn answer(pieces: &[String]) -> Vec<Value> {
    let mut events = vec![start(), block(0, json!({"type": "text", "text": ""}))];
    events.extend(pieces.iter().map(|piece| text_delta(0, piece)));
    events.extend([
        stop(0),
        block(1, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
        json_delta(1, "{\"a\""),
        json_delta(1, ":1}"),
        stop(1),
        // Bedrock's last usage has nothing but the output.
        message_delta("tool_use"),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 10}}),
    ]);
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_say_what_events_say(pieces in prop::collection::vec("[a-zé😀]{1,9}", 1..6), sizes in sizes()) {
        let events = answer(&pieces);
        let bytes = chunks(&events);
        let folded = fold_chunks(&BedrockClaude, &cut(&bytes, &sizes));
        prop_assert_eq!(&folded, &fold(&frames(&events)));
        prop_assert_eq!(folded.lines(), [format!("text {}", pieces.concat()), "call t f {\"a\":1}".to_owned()]);
        prop_assert_eq!(folded.reason(), FinishReason::ToolCalls);
        prop_assert_eq!((folded.usage().input_tokens, folded.usage().output_tokens), (Some(10), Some(20)));
    }

    #[test]
    fn a_cut_stream_fails_and_may_be_tried_again(end in 0_usize..3000) {
        let bytes = chunks(&answer(&["Hello".to_owned()]));
        prop_assume!(end < bytes.len());
        let folded = fold_chunks(&BedrockClaude, &[&bytes[..end]]);
        prop_assert!(folded.error().retryable);
    }
}

#[test]
fn an_exception_ends_what_began() {
    let mut bytes = chunks(&answer(&["Hello".to_owned()])[..3]);
    bytes.extend(frame(
        "exception",
        "modelStreamErrorException",
        r#"{"message":"The model broke.","originalStatusCode":500}"#,
    ));
    let folded = fold_chunks(&BedrockClaude, &[&bytes]);
    assert_eq!(folded.lines(), ["text Hello"]);
    let error = folded.error();
    assert!(error.partial_output && error.retryable);
    assert_eq!((error.status_code, error.detail.as_str()), (Some(424), "The model broke."));
}

#[test]
fn odd_frames_are_read_or_refused() {
    let events = answer(&["Hello".to_owned()]);
    // Imitations of the service send events without the wrapping.
    let bare: Vec<u8> = events.iter().flat_map(|event| frame("event", "chunk", &event.to_string())).collect();
    assert_eq!(fold_chunks(&BedrockClaude, &[&bare]), fold(&frames(&events)));
    // A kind of frame that is not known yet is passed over.
    let mut with_news = frame("event", "brandNew", "not even JSON");
    with_news.extend(chunks(&events));
    assert_eq!(fold_chunks(&BedrockClaude, &[&with_news]), fold(&frames(&events)));
    for payload in ["not JSON", r#"{"bytes":"not base64!"}"#, r#"{"bytes":"bm90IEpTT04="}"#] {
        let folded = fold_chunks(&BedrockClaude, &[&frame("event", "chunk", payload)]);
        assert!(folded.error().retryable, "{payload}");
    }
}

#[test]
fn a_whole_answer_is_anthropic_s_own() {
    let body = json!({"id": "m", "type": "message", "model": "x", "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 2}});
    for codec in [&BedrockClaude as &dyn Codec, &VertexClaude] {
        assert_eq!(fold_unary(codec, &body.to_string()), fold_unary(&Anthropic, &body.to_string()));
    }
}
