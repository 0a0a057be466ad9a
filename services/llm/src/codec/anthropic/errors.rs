//! Errors of Anthropic, before and in a stream.

use http::HeaderMap;

use crate::classify::{Failure, parse_body, retry_advice};

/// Tells an exhausted plan, which lasts for hours, from a limit per minute.
const UNIFIED_STATUS: &str = "anthropic-ratelimit-unified-status";

/// Reads the answer to a request that failed.
pub(super) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut failure = parse_body(body);
    failure.status = Some(status);
    let advice = retry_advice(headers);
    failure.retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
    failure.should_retry = advice.should_retry;
    if headers.get(UNIFIED_STATUS).is_some_and(|value| value == "rejected") {
        failure.codes.push("plan_limit_reached".to_owned());
    }
    failure
}

/// Reads the data of an `error` event, `{"type": "error", "error": {...}}`.
pub(super) fn in_stream(data: &str) -> Failure {
    parse_body(data.as_bytes())
}
