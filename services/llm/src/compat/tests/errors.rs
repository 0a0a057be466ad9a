//! Failures as the SDKs know them.

use chatmesh_proto::common::v1::{ErrorKind, GenerationError};
use serde_json::{Value, json};

use crate::compat::{BadRequest, Dialect, ErrorReply, Refusal};

fn error(kind: ErrorKind) -> GenerationError {
    GenerationError { message: "It failed.".into(), kind: kind.into(), ..GenerationError::default() }
}

fn body(reply: &ErrorReply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'a>(reply: &'a ErrorReply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn every_kind_of_failure_has_its_place_in_both_families() {
    let cases = [
        (ErrorKind::Overloaded, 503, "service_unavailable_error", 529, "overloaded_error"),
        (ErrorKind::RateLimit, 429, "rate_limit_error", 429, "rate_limit_error"),
        (ErrorKind::UsageLimit, 429, "insufficient_quota", 402, "billing_error"),
        (ErrorKind::Timeout, 504, "timeout_error", 504, "timeout_error"),
        (ErrorKind::StreamSilenceTimeout, 504, "timeout_error", 504, "timeout_error"),
        (ErrorKind::Auth, 403, "permission_error", 403, "permission_error"),
        (ErrorKind::MissingKey, 403, "permission_error", 403, "permission_error"),
        (ErrorKind::ProviderDisabled, 403, "permission_error", 403, "permission_error"),
        (ErrorKind::Config, 400, "invalid_request_error", 400, "invalid_request_error"),
        (ErrorKind::ContentFilter, 400, "invalid_request_error", 400, "invalid_request_error"),
        (ErrorKind::Generic, 500, "server_error", 500, "api_error"),
        (ErrorKind::Unspecified, 500, "server_error", 500, "api_error"),
    ];
    for (kind, openai_status, openai_type, anthropic_status, anthropic_type) in cases {
        for dialect in [Dialect::ChatCompletions, Dialect::Responses] {
            let reply = dialect.error(&error(kind), "req_1");
            assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["type"]), (openai_status, &json!(openai_type)));
            assert_eq!(header(&reply, "x-request-id"), Some("req_1"));
        }
        let reply = Dialect::Messages.error(&error(kind), "req_1");
        let expected = json!({"type": "error", "error": {"type": anthropic_type, "message": "It failed."},
            "request_id": "req_1"});
        assert_eq!((reply.status.as_u16(), body(&reply)), (anthropic_status, expected), "{kind:?}");
        assert_eq!(header(&reply, "request-id"), Some("req_1"));
    }
}

#[test]
fn flags_decide_before_kinds() {
    let overflow = GenerationError { context_overflow: true, ..error(ErrorKind::Config) };
    let reply = Dialect::ChatCompletions.error(&overflow, "r");
    assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["code"]), (400, &json!("context_length_exceeded")));
    let broken = GenerationError { chain_broken: true, retryable: true, ..error(ErrorKind::Generic) };
    let reply = Dialect::Responses.error(&broken, "r");
    assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["code"]), (400, &json!("previous_response_not_found")));
    let refused = GenerationError { status_code: Some(422), ..error(ErrorKind::Generic) };
    assert_eq!(Dialect::Messages.error(&refused, "r").status.as_u16(), 400);
}

#[test]
fn clients_are_told_when_to_try_again_and_when_not() {
    let limited = GenerationError { retryable: true, retry_after_ms: Some(1200), ..error(ErrorKind::RateLimit) };
    for dialect in [Dialect::ChatCompletions, Dialect::Responses, Dialect::Messages] {
        let reply = dialect.error(&limited, "r");
        assert_eq!(header(&reply, "retry-after-ms"), Some("1200"));
        assert_eq!(header(&reply, "retry-after"), Some("2"));
        assert_eq!(header(&reply, "x-should-retry"), Some("true"));
        let reply = dialect.error(&error(ErrorKind::UsageLimit), "r");
        assert_eq!((header(&reply, "retry-after"), header(&reply, "x-should-retry")), (None, Some("false")));
    }
}

#[test]
fn what_the_provider_said_stands_behind_what_it_means() {
    let detailed = GenerationError { detail: "tools.0: no name".into(), ..error(ErrorKind::Config) };
    let reply = Dialect::ChatCompletions.error(&detailed, "r");
    assert_eq!(body(&reply)["error"]["message"], "It failed. The provider said: tools.0: no name");
}

#[test]
fn refusals_of_our_own_look_like_those_of_the_provider() {
    let cases = [
        (Refusal::ModelNotFound("x"), 404, "model_not_found", 404, "not_found_error"),
        (Refusal::NotFound("/v1/x"), 404, "not_found", 404, "not_found_error"),
        (Refusal::MethodNotAllowed("PUT"), 405, "method_not_allowed", 405, "invalid_request_error"),
        (Refusal::Unauthenticated, 401, "invalid_api_key", 401, "authentication_error"),
        (Refusal::Forbidden("No."), 403, "permission_denied", 403, "permission_error"),
        (
            Refusal::RateLimited { message: "Slow.", retry_after_ms: 10 },
            429,
            "rate_limit_exceeded",
            429,
            "rate_limit_error",
        ),
        (Refusal::BudgetUsedUp("Spent."), 429, "insufficient_quota", 402, "billing_error"),
        (Refusal::TooLarge(9), 413, "request_too_large", 413, "request_too_large"),
        (Refusal::Unavailable, 503, "service_unavailable", 503, "api_error"),
        (Refusal::Internal, 500, "server_error", 500, "api_error"),
    ];
    for (refusal, openai_status, code, anthropic_status, kind) in cases {
        let reply = Dialect::ChatCompletions.refused(refusal, "r");
        assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["code"]), (openai_status, &json!(code)));
        let reply = Dialect::Messages.refused(refusal, "r");
        assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["type"]), (anthropic_status, &json!(kind)));
    }
    let bad = BadRequest { message: "m".into(), param: Some("a.b".into()), code: Some("c") };
    let reply = Dialect::Responses.bad_request(&bad, "r");
    let expected = json!({"error": {"message": "m", "type": "invalid_request_error", "param": "a.b", "code": "c"}});
    assert_eq!((reply.status.as_u16(), body(&reply)), (400, expected));
}

/// Its SDK keeps conversations at the server by default, and sends them whole where it is told this.
#[test]
fn threads_are_refused_in_the_words_that_make_an_sdk_go_on_without() {
    let request = json!({"model": "m", "max_tokens": 9, "thread": {"type": "create"},
        "messages": [{"role": "user", "content": "hi"}]});
    let bad = Dialect::Messages.parse(request.to_string().as_bytes()).unwrap_err();
    let reply = Dialect::Messages.bad_request(&bad, "r");
    let details = json!({"error_code": "thread_unsupported_request", "unsupported": ["thread"]});
    assert_eq!((reply.status.as_u16(), &body(&reply)["error"]["details"]), (400, &details));
}
