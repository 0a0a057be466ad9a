//! Errors of Gemini, which may stand in an array.

use http::HeaderMap;

use crate::classify::{Failure, parse_body, retry_advice};

/// Reads the answer to a request that failed.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut failure = parse_body(body);
    failure.status = Some(status);
    let advice = retry_advice(headers);
    failure.retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
    failure.should_retry = advice.should_retry;
    failure
}
