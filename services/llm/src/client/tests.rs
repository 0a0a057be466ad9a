use chatmesh_proto::common::v1::{ErrorKind, FinishReason, Role};
use secrecy::SecretString;
use serde_json::{Value, json};

use self::server::{Server, events_reply, reply};
use super::*;
use crate::codec::fold::{Folded, Outcome};
use crate::codec::testing::{message, text};

mod bedrock;
mod http2;
mod kept;
mod refused_reasoning;
mod server;
mod simulator;
mod vertex;

const ANSWER: &str = "data: {\"id\":\"r1\",\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n\
    data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn client() -> ProviderClient {
    // The first test of the process installs it, the others find it there.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    ProviderClient::from_builder(reqwest::Client::builder().no_proxy()).unwrap()
}

fn target(base_url: String) -> Target {
    Target {
        provider_type: ProviderType::OpenaiCompatible,
        base_url,
        api_key: Some(SecretString::from("secret-key-1")),
        model: "llama".to_owned(),
        model_name: "fast".to_owned(),
        context_limit: 4096,
        ..Target::default()
    }
}

fn request() -> GenerateRequest {
    GenerateRequest { messages: vec![message(Role::User, vec![text("Hi")])], ..GenerateRequest::default() }
}

async fn collect(target: Target, request: GenerateRequest) -> Folded {
    let responses: Vec<_> = client().generate(target, request).collect().await;
    let folded = Folded::of(responses.into_iter().map(|response| response.event.unwrap())).unwrap();
    assert!(folded.outcome.is_some());
    folded
}

async fn ask(server: &Server) -> Folded {
    collect(target(server.url()), request()).await
}

/// What comes of one reply.
async fn answered(reply: impl Into<Vec<u8>>) -> Folded {
    ask(&Server::start(vec![reply.into()]).await).await
}

#[tokio::test]
async fn a_call_is_made_and_answered() {
    let server = Server::start(vec![events_reply(ANSWER).into()]).await;
    let folded = ask(&server).await;
    assert_eq!(folded.lines(), ["text Hello"]);
    assert_eq!(folded.reason(), FinishReason::Stop);
    let started = folded.started.unwrap();
    assert_eq!((started.model_name.as_str(), started.provider.as_str()), ("fast", "OpenAI Compatible"));
    assert_eq!((started.model.as_str(), started.context_limit), ("m-1", 4096));

    let (head, body) = server.request();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    for header in ["authorization: Bearer secret-key-1", "content-type: application/json", "accept: text/event-stream"]
    {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["model"], &body["stream"]), (&json!("llama"), &json!(true)));
}

#[tokio::test]
async fn anthropic_is_called_in_its_own_way() {
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\"}}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let server = Server::start(vec![events_reply(stream).into()]).await;
    let target = Target { provider_type: ProviderType::Anthropic, ..target(format!("{}/v1/", server.url())) };
    assert_eq!(collect(target, request()).await.reason(), FinishReason::Stop);
    let (head, _) = server.request();
    assert!(head.starts_with("POST /v1/messages HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-api-key: secret-key-1") && head.contains("anthropic-version: 2023-06-01"), "{head}");
}

#[tokio::test]
async fn a_document_in_place_of_a_stream_is_read() {
    let document =
        json!({"id": "r1", "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}).to_string();
    for media_type in ["application/json; charset=utf-8", "text/plain"] {
        let folded = answered(reply("200 OK", media_type, &format!(" \n{document}"))).await;
        assert_eq!((folded.lines(), folded.reason()), (vec!["text Hello".to_owned()], FinishReason::Stop));
    }
    let error = r#"{"error":{"code":402,"message":"Insufficient credits"}}"#;
    let folded = answered(reply("200 OK", "application/json", error)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::UsageLimit, false));
}

#[tokio::test]
async fn a_stream_without_its_label_is_read() {
    let folded = answered(reply("200 OK", "text/plain", ANSWER)).await;
    assert_eq!(folded.lines(), ["text Hello"]);
}

#[tokio::test]
async fn a_page_is_a_wrong_address() {
    let page = format!("<!doctype html><title>Welcome</title>{}", "x".repeat(2000));
    let folded = answered(reply("200 OK", "text/html", &page)).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
    assert!(folded.error().detail.contains("Welcome"), "{}", folded.error().detail);
    let long = format!("<html><title>{}</title>", "x".repeat(2000));
    let folded = answered(reply("200 OK", "text/html", &long)).await;
    assert_eq!(folded.error().detail.chars().count(), 500);
}

#[tokio::test]
async fn a_compressed_answer_is_refused() {
    let folded = answered(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\u{b}",
    )
    .await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
}

#[tokio::test]
async fn an_error_keeps_what_it_says() {
    let body = r#"{"error":{"message":"Slow down, secret-key-1","code":"rate_limit_exceeded"}}"#;
    let length = body.len();
    let folded =
        answered(format!("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: {length}\r\n\r\n{body}"))
            .await;
    let error = folded.error();
    assert_eq!(folded.error_kind(), (ErrorKind::RateLimit, true));
    assert_eq!((error.status_code, error.retry_after_ms), (Some(429), Some(7000)));
    assert_eq!((error.detail.as_str(), error.provider.as_str()), ("Slow down, [redacted]", "OpenAI Compatible"));
    assert!(!error.partial_output);
}

#[tokio::test]
async fn an_error_without_an_end_is_read_to_a_limit() {
    let endless = "x".repeat(3 * 64 * 1024);
    let head = "HTTP/1.1 500 Oops\r\ncontent-length: 999999999\r\n\r\n";
    let server = Server::start_open(vec![format!("{head}{endless}").into()]).await;
    let folded = ask(&server).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Generic, true));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(vec![events_reply(ANSWER).into()]).await;
    let location = elsewhere.url();
    let folded = answered(format!("HTTP/1.1 307 Moved\r\nlocation: {location}/v1\r\ncontent-length: 0\r\n\r\n")).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
    assert!(!elsewhere.was_asked());
}

#[tokio::test]
async fn a_connection_that_is_lost_is_an_error() {
    let torn = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
        3a\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}     \n\n\r\n50\r\ndata: {\"cho";
    let folded = answered(torn).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
    assert_eq!(folded.lines(), ["text Hello"]);
    assert!(folded.error().partial_output);
    let nothing = answered("").await;
    assert_eq!(nothing.error_kind(), (ErrorKind::Timeout, true));

    let gone = Server::start(vec![]).await.url();
    let folded = collect(target(gone), request()).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true));
}

#[tokio::test]
async fn a_provider_that_says_nothing_runs_out_of_time() {
    let server = Server::start_open(vec![Vec::new()]).await;
    let request = GenerateRequest { start_timeout_ms: 50, ..request() };
    let folded = collect(target(server.url()), request).await;
    assert_eq!(folded.error_kind(), (ErrorKind::StreamSilenceTimeout, true));
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n\
        data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\n";
    let server = Server::start_open(vec![endless.into()]).await;
    let client = client();
    let mut stream = Box::pin(client.generate(target(server.url()), request()));
    while let Some(response) = stream.next().await {
        if matches!(response.event, Some(Event::PartDelta(_))) {
            break;
        }
    }
    drop(stream);
    server.closed().await;

    let silent = Server::start_open(vec![Vec::new()]).await;
    let mut stream = Box::pin(client.generate(target(silent.url()), request()));
    tokio::select! {
        _ = stream.next() => panic!("nothing was said"),
        () = silent.asked() => {}
    }
    drop(stream);
    silent.closed().await;
}

#[tokio::test]
async fn what_cannot_be_called_is_an_event_too() {
    let kind = async |target: Target| collect(target, request()).await.error_kind();
    let no_address = Target { base_url: String::new(), ..target(String::new()) };
    assert_eq!(kind(no_address).await, (ErrorKind::Config, false));
    let no_url = target("localhost:8080".to_owned());
    assert_eq!(kind(no_url).await, (ErrorKind::Config, false));
    let no_key = Target { provider_type: ProviderType::Anthropic, api_key: None, ..target(String::new()) };
    assert_eq!(kind(no_key).await, (ErrorKind::MissingKey, false));
    let no_codec = Target { provider_type: ProviderType::Unspecified, ..target(String::new()) };
    assert_eq!(kind(no_codec).await, (ErrorKind::Config, false));
    let odd_key = Target { api_key: Some(SecretString::from("a\u{7f}b")), ..target("http://localhost".to_owned()) };
    assert_eq!(kind(odd_key).await, (ErrorKind::Config, false));
    let no_messages = collect(target("http://localhost".to_owned()), GenerateRequest::default()).await;
    assert_eq!(no_messages.error_kind(), (ErrorKind::Config, false));
}

#[tokio::test]
async fn a_server_of_one_s_own_may_need_no_key() {
    let server = Server::start(vec![events_reply(ANSWER).into()]).await;
    let target = Target { api_key: None, ..target(server.url()) };
    assert_eq!(collect(target, request()).await.lines(), ["text Hello"]);
    assert!(!server.request().0.contains("authorization"));
}

#[tokio::test]
async fn warnings_come_first() {
    let server = Server::start(vec![events_reply(ANSWER).into()]).await;
    let mut target = target(server.url());
    target.options.thinking_budget_tokens = Some(5);
    let first = Box::pin(client().generate(target, request())).next().await;
    assert!(matches!(first.and_then(|response| response.event), Some(Event::Warning(_))));
}

#[tokio::test]
async fn the_simulated_provider_needs_nothing() {
    let target = Target { provider_type: ProviderType::Simulated, ..Target::default() };
    let client = client().with_simulated(Simulated { delay: Duration::ZERO });
    let responses: Vec<_> = client.generate(target, request()).collect().await;
    let folded = Folded::of(responses.into_iter().map(|response| response.event.unwrap())).unwrap();
    assert!(matches!(folded.outcome, Some(Outcome::Finished(_))));
    assert_eq!(folded.started.unwrap().provider, "Simulated");
}

#[tokio::test]
async fn options_of_a_call_stand_in_for_those_of_the_model() {
    let server = Server::start(vec![events_reply(ANSWER).into()]).await;
    let target = Target {
        options: ModelOptions { temperature: Some(0.5), top_p: Some(0.9), ..ModelOptions::default() },
        ..target(server.url())
    };
    let own = ModelOptions { temperature: Some(0.0), ..ModelOptions::default() };
    collect(target, GenerateRequest { options: Some(own), ..request() }).await;
    let body: Value = serde_json::from_str(&server.request().1).unwrap();
    assert_eq!((&body["temperature"], &body["top_p"]), (&json!(0.0), &json!(0.9)));
}
