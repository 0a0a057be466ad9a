//! What the headers of an error say about trying again.

use chrono::DateTime;
use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// The provider's advice about the next call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryAdvice {
    /// How long to wait, in milliseconds.
    pub after_ms: Option<u32>,
    /// Whether to try again at all.
    pub should_retry: Option<bool>,
}

/// Reads `retry-after-ms`, then `retry-after` as seconds or as a date, and `x-should-retry`.
///
/// A date counts from the response's own `Date`, so that no clock of ours is involved. What
/// cannot be read, and what is not in the future, is ignored.
pub fn retry_advice(headers: &HeaderMap) -> RetryAdvice {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let after_ms = header("retry-after-ms").and_then(|value| milliseconds(value, 1.0)).or_else(|| retry_after(headers));
    let should_retry = match header("x-should-retry").map(str::trim) {
        Some("true") => Some(true),
        Some("false") => Some(false),
        _ => None,
    };
    RetryAdvice { after_ms, should_retry }
}

fn retry_after(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Some(delay) = milliseconds(value, 1000.0) {
        return Some(delay);
    }
    let until = DateTime::parse_from_rfc2822(value.trim()).ok()?;
    let now = DateTime::parse_from_rfc2822(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    let delay = (until - now).num_milliseconds();
    u32::try_from(delay).ok().filter(|delay| *delay > 0)
}

/// Reads a duration such as Google's `37s` or `1.5s`.
pub(super) fn seconds_text(value: &str) -> Option<u32> {
    milliseconds(value.trim().strip_suffix('s')?, 1000.0)
}

fn milliseconds(value: &str, unit: f64) -> Option<u32> {
    let delay = value.trim().parse::<f64>().ok()? * unit;
    // The cast rounds down; a day is longer than anybody waits for a model.
    (delay.is_finite() && delay > 0.0 && delay <= 86_400_000.0).then_some(delay.ceil() as u32)
}
