//! Errors of Chat Completions servers, before and in a stream.

use http::HeaderMap;
use serde_json::Value;

use crate::classify::{Failure, parse_body, retry_advice};

/// Reads the answer to a request that failed.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut failure = with_upstream(parse_body(body), body);
    failure.status = Some(status);
    let advice = retry_advice(headers);
    failure.retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
    failure.should_retry = advice.should_retry;
    failure
}

/// Reads an error in a stream or in a document that came with a success: the text is the whole
/// event or document.
pub(super) fn in_stream(data: &str) -> Failure {
    with_upstream(parse_body(data.as_bytes()), data.as_bytes())
}

/// OpenRouter says "Provider returned error" and keeps what the provider said in
/// `error.metadata.raw`.
fn with_upstream(mut failure: Failure, body: &[u8]) -> Failure {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let raw = match body.pointer("/error/metadata/raw") {
        Some(Value::String(raw)) if !raw.trim().is_empty() => parse_body(raw.as_bytes()),
        Some(raw @ Value::Object(_)) => parse_body(raw.to_string().as_bytes()),
        _ => return failure,
    };
    failure.message = format!("{}: {}", failure.message, raw.message);
    failure.codes.extend(raw.codes);
    failure
}
