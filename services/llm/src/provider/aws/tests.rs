use http::Method;

use super::*;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// The token of the published vectors.
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

fn moment() -> Timestamp {
    "2015-08-30T12:36:00Z".parse().unwrap()
}

fn request(method: Method, url: &str, body: &'static str) -> Request<Bytes> {
    Request::builder().method(method).uri(url).body(Bytes::from_static(body.as_bytes())).unwrap()
}

/// The signature of a request, for the service of the published vectors.
fn signature(method: Method, url: &str, token: Option<&str>) -> String {
    let mut request = request(method, url, "");
    request.headers_mut().insert(DATE, HeaderValue::from_static("20150830T123600Z"));
    if let Some(token) = token {
        request.headers_mut().insert(SECURITY_TOKEN, token.parse().unwrap());
    }
    let credentials = Credentials { id: ID, secret: SECRET, token };
    let value = authorization(&credentials, "us-east-1", "service", "20150830T123600Z", &request);
    let start = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date";
    assert!(value.starts_with(start), "{value}");
    value.rsplit_once("Signature=").unwrap().1.to_owned()
}

#[test]
fn signatures_are_those_that_aws_published() {
    let url = "https://example.amazonaws.com/";
    let cases = [
        (Method::GET, url, None, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (Method::POST, url, None, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Method::GET,
            "https://example.amazonaws.com/?Param2=value2&Param1=value1",
            None,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (Method::POST, url, Some(TOKEN), "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
    ];
    for (method, url, token, expected) in cases {
        assert_eq!(signature(method, url, token), expected, "{url}");
    }
}

#[test]
fn a_call_of_bedrock_is_signed_as_it_is_sent() {
    let url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.a-v1%3A0/converse-stream";
    let mut request = request(Method::POST, url, "{\"a\":1}");
    let credentials =
        Credentials::parse("AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY:tok==").unwrap();
    sign(&credentials, "eu-west-1", moment(), &mut request).unwrap();
    let headers = request.headers();
    assert_eq!(headers["x-amz-date"], "20150830T123600Z");
    assert_eq!(headers["x-amz-security-token"], "tok==");
    assert!(headers["authorization"].is_sensitive() && headers["x-amz-security-token"].is_sensitive());
    assert_eq!(
        headers["authorization"],
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20150830/eu-west-1/bedrock/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, \
         Signature=c039f631b475371cff2a88ebbf3ce16fe1db7f6bdfa2971311c1ef0ea1c59244"
    );
}

#[test]
fn the_host_is_signed_with_an_unusual_port() {
    for (url, expected) in [
        ("https://h/x", "h"),
        ("https://h:443/x", "h"),
        ("http://h:80/x", "h"),
        ("http://127.0.0.1:4010/x", "127.0.0.1:4010"),
        ("https://h:80/x", "h:80"),
        ("https://user:pass@h:1/x", "h:1"),
    ] {
        assert_eq!(host(&url.parse().unwrap()), expected);
    }
}

#[test]
fn only_a_pair_of_keys_is_taken_for_one() {
    for key in ["AKIAIOSFODNN7EXAMPLE:secret", "ASIAIOSFODNN7EXAMPLE:secret:token", "ASIAIOSFODNN7EXAMPLE:secret:"] {
        assert!(Credentials::parse(key).is_some(), "{key}");
    }
    let others = [
        "ABSKQmVkcm9ja0FQSUtleS1hYmNk",
        "bedrock-api-key-YmVkcm9jaw==",
        "AKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLE:",
        "short:secret",
        "akiaiosfodnn7example:secret",
        "",
    ];
    for key in others {
        assert!(Credentials::parse(key).is_none(), "{key}");
    }
}
