//! Errors of Bedrock: as the answer to a request, and as a frame of a stream.

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::classify::{Failure, parse_body, retry_advice};
use crate::codec::json::count;
use crate::event_stream::Headers;

/// Where AWS names the error: `ThrottlingException:http://internal.amazon.com/...`.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Reads the answer to a request that failed.
pub(in crate::codec) fn decode(status: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let mut failure = parse_body(body);
    failure.status = Some(status);
    let advice = retry_advice(headers);
    failure.retry_after_ms = advice.after_ms.or(failure.retry_after_ms);
    failure.should_retry = advice.should_retry;
    let kind = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    if !kind.is_empty() && !failure.codes.iter().any(|code| code == kind) {
        failure.codes.push(kind.to_owned());
    }
    failure
}

/// The statuses that the exceptions of a stream would have had before it.
const STATUSES: &[(&str, u16)] = &[
    ("internalserverexception", 500),
    ("modelstreamerrorexception", 424),
    ("modelerrorexception", 424),
    ("modeltimeoutexception", 408),
    ("modelnotreadyexception", 429),
    ("throttlingexception", 429),
    ("serviceunavailableexception", 503),
    ("validationexception", 400),
    ("resourcenotfoundexception", 404),
    ("accessdeniedexception", 403),
    ("servicequotaexceededexception", 400),
];

#[derive(Default, Deserialize)]
struct Original {
    #[serde(default, rename = "originalStatusCode", deserialize_with = "count")]
    status: Option<u32>,
}

/// Reads a frame that says that the stream failed; `None` where it says something else.
pub(super) fn in_frame(headers: &Headers<'_>, payload: &[u8]) -> Option<Failure> {
    let kind = match headers.text(":message-type") {
        "exception" => headers.text(":exception-type"),
        "error" => headers.text(":error-code"),
        _ => return None,
    };
    let mut failure = parse_body(payload);
    let said = headers.text(":error-message");
    if !said.is_empty() {
        said.clone_into(&mut failure.message);
    }
    let known = STATUSES.iter().find(|(name, _)| kind.eq_ignore_ascii_case(name)).map(|(_, status)| *status);
    let original = serde_json::from_slice::<Original>(payload).unwrap_or_default().status;
    let original = original.and_then(|status| u16::try_from(status).ok());
    let original = original.filter(|status| matches!(status, 400..=599));
    // An overload of the model is one, though the service calls every failure of it by one name.
    failure.status = original.filter(|status| matches!(status, 429 | 529)).or(known).or(original).or(failure.status);
    if !kind.is_empty() {
        failure.codes.push(kind.to_owned());
    }
    Some(failure)
}
