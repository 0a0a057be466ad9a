//! Reasoning that the provider cannot read: it is asked once more, without it.

use chatmesh_proto::common::v1::part::Body;
use chatmesh_proto::common::v1::{Part, Reasoning};

use super::*;
use crate::codec::metadata::metadata_of;

const STREAM: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

fn refusal() -> Vec<u8> {
    let error = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "messages.1.content.0: Invalid `signature` in `thinking` block"}});
    reply("400 Bad Request", "application/json", &error.to_string()).into()
}

fn thinking(has_signature: bool) -> GenerateRequest {
    let signature = has_signature.then(|| metadata_of("anthropic", "thinking_signature", &"s"));
    let thought = Part {
        body: Some(Body::Reasoning(Reasoning { text: "hm".to_owned(), redacted: false })),
        provider_metadata: signature.into_iter().collect(),
        ..Part::default()
    };
    let messages = vec![
        message(Role::User, vec![text("Hi")]),
        message(Role::Assistant, vec![thought, text("Hello")]),
        message(Role::User, vec![text("and?")]),
    ];
    GenerateRequest { messages, ..GenerateRequest::default() }
}

async fn asked(server: &Server, request: GenerateRequest) -> Folded {
    let target = Target { provider_type: ProviderType::Anthropic, ..target(server.url()) };
    collect(target, request).await
}

#[tokio::test]
async fn the_call_is_made_once_more_without_it() {
    let server = Server::start(vec![refusal(), events_reply(STREAM).into()]).await;
    let folded = asked(&server, thinking(true)).await;
    assert_eq!(folded.reason(), FinishReason::Stop);
    assert_eq!(folded.warning_codes(), ["reasoning_dropped"]);
    let bodies = server.bodies();
    let types = |body: &Value| body["messages"][1]["content"][0]["type"].clone();
    assert_eq!(bodies.iter().map(types).collect::<Vec<_>>(), ["thinking", "text"]);
}

#[tokio::test]
async fn a_second_refusal_is_the_end() {
    let server = Server::start(vec![refusal(), refusal(), events_reply(STREAM).into()]).await;
    let folded = asked(&server, thinking(true)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
    assert_eq!(server.bodies().len(), 2);
}

#[tokio::test]
async fn without_reasoning_there_is_nothing_to_try() {
    let server = Server::start(vec![refusal(), events_reply(STREAM).into()]).await;
    let folded = asked(&server, thinking(false)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
    assert_eq!(server.bodies().len(), 1);
}
