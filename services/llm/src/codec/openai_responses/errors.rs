//! Errors of Responses, before and in a stream.

use http::HeaderMap;
use serde_json::Value;

use crate::classify::{Cause, Failure, parse_body, retry_advice};

/// Reads the answer to a request that failed.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut failure = parse_body(body);
    failure.status = Some(status);
    let advice = retry_advice(headers);
    failure.retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
    failure.should_retry = advice.should_retry;
    failure
}

/// Reads the data of an `error` event, whose fields stand by themselves or in an `error`, or a
/// response that failed.
pub(super) fn in_stream(data: &str) -> Failure {
    let failure = parse_body(data.as_bytes());
    let said = serde_json::from_str::<Value>(data).unwrap_or_default();
    match said.get("message").or_else(|| said.pointer("/error/message")) {
        Some(_) => failure,
        None => Failure { message: "the provider gave no reason".to_owned(), cause: Cause::Provider, ..failure },
    }
}
