//! What a stream of Gemini becomes, and what goes back.

use chatmesh_proto::common::v1::{FinishReason, Role};
use serde_json::json;

use super::{GOOGLE, VERTEX};
use crate::codec::testing::{encode_messages, events, fold, fold_unary, message, text};
use crate::codec::{Call, Codec as _};

const STREAM: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],\"role\":\"model\"}}],",
    "\"usageMetadata\":{\"promptTokenCount\":9},\"responseId\":\"r\",\"modelVersion\":\"m\"}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},",
    "\"thoughtSignature\":\"s1\"},{\"functionCall\":{\"name\":\"f\",\"args\":null}}]}}]}\r\n\r\n",
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thoughtSignature\":\"s2\"}]},",
    "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":10,\"candidatesTokenCount\":3,",
    "\"thoughtsTokenCount\":4,\"totalTokenCount\":17}}\r\n\r\n",
);

#[test]
fn calls_without_identifiers_and_every_signature_stay_in_place() {
    let folded = fold(&GOOGLE, STREAM);
    assert_eq!(folded.lines(), ["thought hm", "call tool-call-0 f {\"a\":1}", "call tool-call-1 f {}", "text "]);
    assert_eq!(folded.metadata(1), [("thought_signature".to_owned(), json!("s1"))]);
    assert_eq!(folded.metadata(3), [("thought_signature".to_owned(), json!("s2"))]);
    assert_eq!(folded.reason(), FinishReason::ToolCalls);
    assert_eq!((folded.usage().input_tokens, folded.usage().output_tokens), (Some(10), Some(7)));
}

#[test]
fn any_cutting_of_the_bytes_gives_the_same_events() {
    let whole = events(&GOOGLE, &[STREAM.as_bytes()]);
    for size in [1, 2, 7, 100] {
        let chunks: Vec<_> = STREAM.as_bytes().chunks(size).collect();
        assert_eq!(events(&GOOGLE, &chunks), whole, "{size}");
    }
}

#[test]
fn what_the_model_said_returns_with_its_results_in_one_content() {
    let said = fold(&GOOGLE, STREAM).parts;
    for codec in [GOOGLE, VERTEX] {
        let messages = vec![message(Role::User, vec![text("go")]), message(Role::Assistant, said.clone())];
        let (body, codes) = encode_messages(&codec, messages);
        let expected = json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "s1"},
                {"functionCall": {"name": "f", "args": {}}},
                {"text": "", "thoughtSignature": "s2"},
            ]},
        ]);
        assert_eq!(body["contents"][0], expected[0]);
        assert_eq!(body["contents"][1], expected[1]);
        assert_eq!(body["contents"][2]["parts"].as_array().map(Vec::len), Some(2));
        assert_eq!(codes, ["missing_tool_result"]);
    }
}

#[test]
fn a_blocked_prompt_is_filtered_and_an_empty_answer_is_tried_again() {
    let blocked = fold_unary(&GOOGLE, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#);
    assert_eq!(blocked.reason(), FinishReason::ContentFilter);
    let empty = fold_unary(&GOOGLE, r#"{"candidates":[{"finishReason":"STOP"}]}"#);
    assert!(empty.error().retryable);
}

#[test]
fn a_model_that_cannot_stand_in_a_path_is_refused() {
    let request = chatmesh_proto::llm::v1::GenerateRequest {
        messages: vec![message(Role::User, vec![text("go")])],
        ..Default::default()
    };
    let options = chatmesh_proto::llm::v1::ModelOptions::default();
    for model in ["", "a/b", "..", "a%2f", "a?b", "a#b"] {
        assert!(GOOGLE.encode(&Call { request: &request, model, options: &options }).is_err(), "{model}");
    }
    let encoded = GOOGLE.encode(&Call { request: &request, model: "models/gemini-2.5-pro", options: &options });
    assert_eq!(encoded.unwrap().path, "models/gemini-2.5-pro:streamGenerateContent?alt=sse");
}
