use chatmesh_proto::common::v1::ErrorKind;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;

mod table;

fn classify(failure: &Failure) -> GenerationError {
    Classifier::new("Acme").classify(failure)
}

fn answered(status: u16, body: &str) -> Failure {
    Failure { status: Some(status), ..parse_body(body.as_bytes()) }
}

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[test]
fn the_provider_s_advice_overrides_most_rules() {
    let advised = |status, body, advice| {
        let failure = Failure { should_retry: Some(advice), ..answered(status, body) };
        classify(&failure).retryable
    };
    assert!(!advised(503, "", false));
    assert!(advised(400, "", true));
    assert!(advised(403, "", true));
    // Credentials, money and our own decisions stay what they are.
    assert!(!advised(401, "", true));
    assert!(!advised(402, "", true));
    let canceled = Failure { should_retry: Some(true), ..Failure::of(Cause::Canceled, "") };
    assert!(!classify(&canceled).retryable);
    let disabled = Failure { should_retry: Some(true), ..Failure::of(Cause::ProviderDisabled, "") };
    assert!(!classify(&disabled).retryable);
}

#[test]
fn retry_after_is_read_in_every_form() {
    let date = ("date", "Wed, 21 Oct 2015 07:27:00 GMT");
    let after = |pairs: &[(&'static str, &'static str)]| retry_advice(&headers(pairs)).after_ms;
    assert_eq!(after(&[("retry-after-ms", "1500"), ("retry-after", "9")]), Some(1500));
    assert_eq!(after(&[("retry-after-ms", "soon"), ("retry-after", "9")]), Some(9000));
    assert_eq!(after(&[("retry-after", "0.5")]), Some(500));
    assert_eq!(after(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), date]), Some(60_000));
    assert_eq!(after(&[("retry-after", "Wed, 21 Oct 2015 07:26:00 GMT"), date]), None);
    assert_eq!(after(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]), None);
    for odd in ["-1", "0", "NaN", "1e99", "soon", ""] {
        assert_eq!(after(&[("retry-after", odd)]), None, "{odd}");
    }
    assert_eq!(after(&[]), None);
    assert_eq!(retry_advice(&headers(&[("x-should-retry", "false")])).should_retry, Some(false));
    assert_eq!(retry_advice(&headers(&[("x-should-retry", "maybe")])).should_retry, None);
}

#[test]
fn the_wait_of_a_body_counts_like_a_header() {
    let body = r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"slow down",
        "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"37s"}]}}"#;
    let error = classify(&parse_body(body.as_bytes()));
    assert_eq!((error.kind(), error.retry_after_ms), (ErrorKind::RateLimit, Some(37_000)));
    assert_eq!(error.status_code, Some(429));
}

#[test]
fn the_detail_is_the_innermost_sentence() {
    let cases = [
        (r#"{"error":{"message":"inner","type":"x"},"message":"outer"}"#, "inner"),
        (r#"{"message":"outer"}"#, "outer"),
        (r#"{"error":"just text"}"#, "just text"),
        (r#"[{"error":{"message":"in a list"}}]"#, "in a list"),
        (r#"{"detail":"Not Found"}"#, "Not Found"),
        (r#"{"error":{"message":""},"message":"outer"}"#, "outer"),
        ("plain words", "plain words"),
        ("<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        ("<p>no title", "a page of HTML"),
        (
            r#"{"message":"POST \"https://api.example/v1\": 400 Bad Request {\"error\":{\"message\":\"inside\"}}"}"#,
            "inside",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(classify(&answered(400, body)).detail, expected, "{body}");
    }
}

#[test]
fn a_detail_is_short() {
    let long = "é".repeat(3000);
    let detail = classify(&answered(500, &long)).detail;
    assert_eq!(detail.chars().count(), MAX_DETAIL_CHARS);
    assert!(detail.ends_with('…'));
    let exact = "x".repeat(MAX_DETAIL_CHARS);
    assert_eq!(classify(&answered(500, &exact)).detail, exact);
}

#[test]
fn a_detail_holds_no_secrets() {
    let secrets = [
        "sk-abcdefghijklmnop",
        "sk-ant-api03-AAAABBBB-CC",
        "AIzaSyA1234567890",
        "AKIAIOSFODNN7EXAMPLE",
        "gsk_abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "org-AbCdEf123456",
        "call_Xy12",
        "rs_68a1",
        "secret-token-1234",
        "user:pass",
        "k=hunter2hunter2",
    ];
    let text = "Bearer secret-token-1234 for sk-abcdefghijklmnop, (sk-ant-api03-AAAABBBB-CC) key=AIzaSyA1234567890 \
        AKIAIOSFODNN7EXAMPLE. \"gsk_abcdefghijklmnop\" eyJhbGciOiJIUzI1NiJ9.e30.x in org-AbCdEf123456: call_Xy12 \
        and rs_68a1 at https://user:pass@api.example/v1/x?k=hunter2hunter2";
    let detail = classify(&answered(400, text)).detail;
    for secret in secrets {
        assert!(!detail.contains(secret), "{secret} in {detail}");
    }
    assert!(detail.contains("@api.example/v1/x?[redacted]"), "{detail}");
    assert!(detail.contains("for [redacted], ([redacted]) key=[redacted]"), "{detail}");

    let key = Some(SecretString::from("an odd key"));
    let error = Classifier::new("Acme").with_secret(key).classify(&answered(400, "your key an odd key is odd"));
    assert_eq!(error.detail, "your key [redacted] is odd");
    let masked = "Incorrect API key provided: abcd****wxyz. You can find your key at https://h/keys.";
    let detail = classify(&answered(401, masked)).detail;
    assert_eq!(detail, "Incorrect API key provided: [redacted]. You can find your key at https://h/keys.");
}

#[test]
fn ordinary_words_are_not_secrets() {
    let text = "Missing required parameter: 'tool_call_id' (call_id), see skills: task-force at 10:30, model=gpt-4o.";
    assert_eq!(classify(&answered(400, text)).detail, text);
}

#[test]
fn a_sentence_has_no_numbers_and_no_codes() {
    for failure in table::ROWS.iter().map(|row| row.failure()) {
        let message = classify(&failure).message;
        assert!(message.starts_with("Acme "), "{message}");
        assert!(message.ends_with('.') && !message.contains(|c: char| c.is_ascii_digit()), "{message}");
        assert!(!message.to_lowercase().contains("try again"), "{message}");
    }
    let nobody = Classifier::default().classify(&answered(500, ""));
    assert_eq!(nobody.message, "The AI provider answered with an unexpected error.");
}
