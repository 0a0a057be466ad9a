//! Bedrock over HTTP: signatures go out, frames come in.

use super::*;
use crate::event_stream::tests::frame;

fn bedrock(base_url: String, key: &str) -> Target {
    Target {
        provider_type: ProviderType::Bedrock,
        api_key: Some(SecretString::from(key)),
        model: "amazon.nova-pro-v1:0".to_owned(),
        ..target(base_url)
    }
}

fn answer(media_type: &str) -> Vec<u8> {
    let body = [
        frame("event", "messageStart", r#"{"role":"assistant"}"#),
        frame("event", "contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"Hello"}}"#),
        frame("event", "contentBlockStop", r#"{"contentBlockIndex":0}"#),
        frame("event", "messageStop", r#"{"stopReason":"end_turn"}"#),
        frame("event", "metadata", r#"{"usage":{"inputTokens":3,"outputTokens":2}}"#),
    ]
    .concat();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

#[tokio::test]
async fn a_call_is_signed_and_its_frames_are_read() {
    // Whatever a server calls its frames.
    for media_type in ["application/vnd.amazon.eventstream", "application/octet-stream"] {
        let server = Server::start(vec![answer(media_type)]).await;
        let key = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let folded = collect(bedrock(server.url(), key), request()).await;
        assert_eq!((folded.lines(), folded.reason()), (vec!["text Hello".to_owned()], FinishReason::Stop));
        assert_eq!((folded.usage().input_tokens, folded.usage().output_tokens), (Some(3), Some(2)));

        let (head, _) = server.request();
        assert!(head.starts_with("POST /model/amazon.nova-pro-v1%3A0/converse-stream HTTP/1.1\r\n"), "{head}");
        let signed = "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/";
        for header in
            [signed, "SignedHeaders=host;x-amz-date, Signature=", "accept: application/vnd.amazon.eventstream"]
        {
            assert!(head.contains(header), "{header} in {head}");
        }
        assert!(!head.contains("wJalr"), "the secret stays here: {head}");
    }
}

#[tokio::test]
async fn a_key_of_bedrock_s_own_is_shown() {
    let server = Server::start(vec![answer("application/vnd.amazon.eventstream")]).await;
    collect(bedrock(server.url(), "ABSKabc="), request()).await;
    let (head, _) = server.request();
    assert!(head.contains("authorization: Bearer ABSKabc=") && !head.contains("x-amz-date"), "{head}");
}
