use chatmesh_proto::common::v1::ErrorKind;
use http::{HeaderMap, HeaderValue};

use super::decode_error;
use crate::classify::Classifier;
use crate::codec::Codec;
use crate::codec::anthropic::BedrockClaude;
use crate::codec::bedrock_converse::BedrockConverse;
use crate::codec::fold::Folded;
use crate::codec::testing::events;
use crate::event_stream::tests::frame;

fn fold(codec: &dyn Codec, bytes: &[u8]) -> Folded {
    Folded::of(events(codec, &[bytes])).unwrap()
}

#[test]
fn exceptions_of_a_stream_mean_what_their_names_say() {
    let cases = [
        ("internalServerException", "{}", ErrorKind::Generic, true),
        (
            "modelStreamErrorException",
            r#"{"message":"m","originalStatusCode":500,"originalMessage":"o"}"#,
            ErrorKind::Timeout,
            true,
        ),
        ("modelStreamErrorException", r#"{"message":"m","originalStatusCode":429}"#, ErrorKind::RateLimit, true),
        ("modelStreamErrorException", r#"{"message":"m","originalStatusCode":529}"#, ErrorKind::Overloaded, true),
        ("modelTimeoutException", r#"{"message":"m"}"#, ErrorKind::Timeout, true),
        (
            "throttlingException",
            r#"{"message":"Too many tokens, please wait before trying again."}"#,
            ErrorKind::RateLimit,
            true,
        ),
        ("serviceUnavailableException", r#"{"message":"m"}"#, ErrorKind::Timeout, true),
        ("validationException", r#"{"message":"m"}"#, ErrorKind::Config, false),
        ("brandNewException", r#"{"message":"m"}"#, ErrorKind::Generic, false),
        ("brandNewException", "not json", ErrorKind::Generic, false),
    ];
    for (name, payload, kind, retryable) in cases {
        let bytes = frame("exception", name, payload);
        for codec in [&BedrockClaude as &dyn Codec, &BedrockConverse] {
            assert_eq!(fold(codec, &bytes).error_kind(), (kind, retryable), "{name} {payload}");
        }
    }
}

#[test]
fn damage_is_never_silent() {
    let mut damaged = frame("event", "chunk", "{}");
    damaged[40] ^= 1;
    let oversize = [&[0xff; 8][..], &crc32fast::hash(&[0xff; 8]).to_be_bytes()].concat();
    let cut = &frame("event", "messageStart", r#"{"role":"assistant"}"#)[..30];
    for codec in [&BedrockClaude as &dyn Codec, &BedrockConverse] {
        for (bytes, kind) in [
            (damaged.as_slice(), ErrorKind::Generic),
            (oversize.as_slice(), ErrorKind::Generic),
            (b"data: {}\n\n\n\n\n".as_slice(), ErrorKind::Generic),
            (cut, ErrorKind::Timeout),
            (b"".as_slice(), ErrorKind::Timeout),
        ] {
            assert_eq!(fold(codec, bytes).error_kind(), (kind, true), "{bytes:?}");
        }
    }
}

#[test]
fn an_error_is_named_by_a_header() {
    let named = |status, name: &'static str, body: &str| {
        let headers =
            HeaderMap::from_iter([(http::HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(name))]);
        let failure = decode_error(status, &headers, body.as_bytes());
        let error = Classifier::new("AWS Bedrock").classify(&failure);
        (failure.codes, error.kind(), error.retryable)
    };
    let expected = |code: &str, kind, retryable| (vec![code.to_owned()], kind, retryable);
    assert_eq!(
        named(400, "ThrottlingException:http://internal.amazon.com/coral/", r#"{"message":"Rate exceeded"}"#),
        expected("ThrottlingException", ErrorKind::RateLimit, true)
    );
    assert_eq!(
        named(400, "ValidationException", r#"{"message":"x","__type":"com.amazon#ValidationException"}"#),
        expected("ValidationException", ErrorKind::Config, false)
    );
}
