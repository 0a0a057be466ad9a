//! Which headers pass, in either direction.

use chatmesh_proto::llm::v1::HttpHeader;
use http::{HeaderMap, HeaderName, HeaderValue};

/// What of a client's headers a provider that speaks its protocol may see.
const UPWARD: [&str; 3] = ["anthropic-beta", "openai-beta", "idempotency-key"];

/// What of a provider's headers a client may see: when to try again and how much is left. Who the
/// operator is to the provider is nobody's business.
const DOWNWARD: [&str; 6] =
    ["content-type", "retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms", "openai-version"];
const DOWNWARD_PREFIXES: [&str; 2] = ["x-ratelimit-", "anthropic-ratelimit-"];

/// The provider's identifier of a request, under its own name and under ours.
const UPSTREAM_REQUEST_IDS: [&str; 2] = ["x-request-id", "request-id"];
const UPSTREAM_REQUEST_ID: &str = "x-upstream-request-id";

/// Says how often an SDK has tried already.
const RETRY_COUNT: &str = "x-stainless-retry-count";

/// Adds what the provider may see of the client's headers.
pub(super) fn upward(from: &[HttpHeader], to: &mut HeaderMap) {
    for header in from {
        let passes = UPWARD.contains(&header.name.as_str());
        if passes
            && let (Ok(name), Ok(value)) =
                (HeaderName::try_from(header.name.as_str()), HeaderValue::try_from(header.value.as_str()))
        {
            to.insert(name, value);
        }
    }
}

/// What the client may see of the provider's headers.
pub(super) fn downward(from: &HeaderMap) -> Vec<HttpHeader> {
    let mut passed = Vec::with_capacity(4);
    for (name, value) in from {
        let name = name.as_str();
        let shown = match name {
            _ if UPSTREAM_REQUEST_IDS.contains(&name) => UPSTREAM_REQUEST_ID,
            _ if DOWNWARD.contains(&name) || DOWNWARD_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) => name,
            _ => continue,
        };
        if let Ok(value) = value.to_str() {
            passed.push(header(shown, value));
        }
    }
    passed
}

/// True where an SDK tries again by itself: two that try again would multiply the calls.
pub(super) fn is_retry(headers: &[HttpHeader]) -> bool {
    let count = headers.iter().find(|header| header.name == RETRY_COUNT);
    count.is_some_and(|header| header.value.trim().parse::<u32>().is_ok_and(|count| count > 0))
}

/// A header.
pub(super) fn header(name: impl Into<String>, value: impl Into<String>) -> HttpHeader {
    HttpHeader { name: name.into(), value: value.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_see_limits_and_not_whose_account_it_is() {
        let mut from = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("retry-after", "3"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("anthropic-ratelimit-requests-limit", "5"),
            ("request-id", "req_1"),
            ("anthropic-organization-id", "org-secret"),
            ("openai-organization", "org-secret"),
            ("set-cookie", "a=b"),
            ("server", "cloud"),
            ("cf-ray", "1"),
            ("alt-svc", "h3"),
        ] {
            from.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut shown: Vec<_> = downward(&from).into_iter().map(|header| header.name).collect();
        shown.sort();
        assert_eq!(
            shown,
            [
                "anthropic-ratelimit-requests-limit",
                "content-type",
                "retry-after",
                "x-ratelimit-remaining-tokens",
                "x-upstream-request-id"
            ]
        );
    }

    #[test]
    fn providers_see_what_their_protocol_needs_and_no_credentials() {
        let mut to = HeaderMap::new();
        let from = [("authorization", "Bearer t"), ("cookie", "c"), ("x-api-key", "k"), ("anthropic-beta", "a,b")];
        upward(&from.map(|(name, value)| header(name, value)), &mut to);
        assert_eq!(to.len(), 1);
        assert_eq!(to["anthropic-beta"], "a,b");
    }

    #[test]
    fn a_client_that_tries_again_is_known() {
        assert!(is_retry(&[header("x-stainless-retry-count", "1")]));
        assert!(!is_retry(&[header("x-stainless-retry-count", "0")]));
        assert!(!is_retry(&[]));
    }
}
