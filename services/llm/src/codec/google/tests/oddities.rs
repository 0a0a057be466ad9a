//! What providers and the servers before them say though they should not.

use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Role};
use http::HeaderMap;

use super::*;
use crate::classify::Classifier;
use crate::codec::Codec as _;
use crate::codec::testing::{encode_messages, fold_unary, message, text};

#[test]
fn a_prompt_that_is_blocked_is_filtered() {
    let blocked =
        json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 3}});
    for folded in [fold(std::slice::from_ref(&blocked)), fold_unary(&GOOGLE, &blocked.to_string())] {
        assert_eq!(folded.reason(), FinishReason::ContentFilter);
        assert_eq!((folded.finish().raw_reason.as_str(), folded.usage().input_tokens), ("PROHIBITED_CONTENT", Some(3)));
    }
}

#[test]
fn an_empty_answer_is_tried_again() {
    for empty in [
        json!({"candidates": [{"finishReason": "STOP"}]}),
        json!({"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}]}),
        json!({"candidates": [{"content": {"parts": [{"text": ""}]}, "finishReason": "STOP"}]}),
        json!({"candidates": []}),
        json!({}),
    ] {
        assert_eq!(fold(std::slice::from_ref(&empty)).error_kind(), (ErrorKind::Timeout, true), "{empty}");
    }
    assert_eq!(fold(&[json!({"candidates": [{"finishReason": "MAX_TOKENS"}]})]).reason(), FinishReason::Length);
}

#[test]
fn a_field_that_is_not_what_it_should_be_counts_as_missing() {
    let mut odd = last(&json!([{"text": "a", "thought": "yes"}]), "STOP");
    odd["promptFeedback"] = json!(7);
    odd["modelVersion"] = json!({});
    odd["responseId"] = json!(null);
    odd["usageMetadata"] = json!("none");
    odd["candidates"][0]["index"] = json!("0");
    odd["candidates"][0]["groundingMetadata"] = json!([]);
    let folded = fold(&[json!({"candidates": "none"}), json!({"candidates": [null, 7]}), odd]);
    assert_eq!((folded.lines(), folded.reason()), (vec!["text a".to_owned()], FinishReason::Stop));
}

#[test]
fn a_part_that_is_not_known_returns_as_it_came() {
    let parts = json!([
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"},
        {"text": "one"},
        {"inlineData": {"mimeType": "image/png", "data": "not base64!"}},
        {"text": 7, "new": true},
    ]);
    let folded = fold(&[last(&parts, "STOP")]);
    assert_eq!(folded.lines(), ["text ", "text one", "text ", "text "]);
    let messages = vec![message(Role::User, vec![text("go")]), message(Role::Assistant, folded.parts)];
    let (body, codes) = encode_messages(&GOOGLE, messages);
    assert_eq!(body["contents"][1]["parts"], parts);
    assert!(codes.is_empty());
}

#[test]
fn a_second_answer_and_words_after_the_end_are_told_or_kept() {
    let mut second = chunk(&json!([{"text": "b"}]));
    second["candidates"][0]["index"] = json!(1);
    let folded = fold(&[last(&json!([{"text": "a"}]), "STOP"), second, chunk(&json!([{"text": "c"}]))]);
    assert_eq!((folded.lines(), folded.warning_codes()), (vec!["text ac".to_owned()], vec!["odd_stream"]));
    let done = frames(&[last(&json!([{"text": "a"}]), "STOP")]) + "data: [DONE]\n\n";
    assert_eq!(testing::fold(&GOOGLE, &done).lines(), ["text a"]);
}

#[test]
fn arguments_that_are_no_object_are_none() {
    let calls = json!([
        {"functionCall": {"name": "f", "args": "x"}},
        {"functionCall": {"name": "f"}},
        {"functionCall": {"name": "f", "id": 7, "args": {}}},
    ]);
    let folded = fold(&[last(&calls, "STOP")]);
    assert_eq!(folded.lines(), ["call tool-call-0 f {}", "call tool-call-1 f {}", "call tool-call-2 f {}"]);
    assert_eq!(folded.warning_codes(), ["odd_stream"]);
}

#[test]
fn an_error_in_the_middle_ends_the_answer() {
    let error = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
    for error in [error.clone(), json!([error])] {
        let folded = fold(&[chunk(&json!([{"text": "a"}])), error]);
        assert_eq!(folded.error_kind(), (ErrorKind::Overloaded, true));
        assert!(folded.error().partial_output);
    }
    let late = json!([error, chunk(&json!([{"text": "late"}])), error]);
    assert_eq!(fold_unary(&GOOGLE, &late.to_string()).lines(), Vec::<String>::new(), "nothing follows an error");
    assert_eq!(testing::fold(&GOOGLE, "data: {oops\n\n").error_kind(), (ErrorKind::Generic, true));
}

#[test]
fn a_refusal_says_when_to_try_again() {
    let body = json!([{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED",
    "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"},
    ]}}]);
    let failure = GOOGLE.decode_error(429, &HeaderMap::new(), body.to_string().as_bytes());
    let error = Classifier::new("Google").classify(&failure);
    assert_eq!((error.kind(), error.retryable, error.retry_after_ms), (ErrorKind::RateLimit, true, Some(37_000)));
    let body = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT",
        "message": "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."}});
    let failure = VERTEX.decode_error(400, &HeaderMap::new(), body.to_string().as_bytes());
    let error = Classifier::new("Google").classify(&failure);
    assert_eq!((error.kind(), error.context_overflow), (ErrorKind::Config, true));
}
