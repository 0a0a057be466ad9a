//! Vertex AI, with the key of a service account.

use chatmesh_proto::llm::v1::ProviderSettings;

use super::*;
use crate::provider::service_account_tests::key_file;

const STREAM: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}]},\
    \"finishReason\":\"STOP\"}]}\r\n\r\n";

fn granted(token: &str, seconds: u32) -> Vec<u8> {
    let body = json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"});
    reply("200 OK", "application/json", &body.to_string()).into()
}

fn answer() -> Vec<u8> {
    events_reply(STREAM).into()
}

/// Calls a model on the server once, which gives out tokens as well.
async fn call(client: &ProviderClient, server: &Server, key: SecretString) -> Folded {
    let base_url = format!("{}/v1beta1/projects/p-1/locations/global/publishers/google", server.url());
    let target = Target {
        provider_type: ProviderType::Vertex,
        model: "gemini-2.5-pro".to_owned(),
        api_key: Some(key),
        ..target(base_url)
    };
    let responses: Vec<_> = client.generate(target, request()).collect().await;
    Folded::of(responses.into_iter().map(|response| response.event.unwrap())).unwrap()
}

fn client_of(server: &Server) -> ProviderClient {
    let mut client = client();
    client.tokens = client.tokens.at(format!("{}/token", server.url()));
    client
}

fn bearer(head: &str) -> Option<&str> {
    head.lines().find_map(|line| line.strip_prefix("authorization: Bearer "))
}

#[tokio::test]
async fn a_key_is_exchanged_once_for_many_calls() {
    let server = Server::start(vec![granted("token-1", 3600), answer(), answer()]).await;
    let client = client_of(&server);
    for _ in 0..2 {
        assert_eq!(call(&client, &server, key_file()).await.lines(), ["text Hello"]);
    }
    let all = server.all();
    let (head, body) = &all[0];
    assert!(head.starts_with("POST /token HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"), "{head}");
    let form: std::collections::HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(form["assertion"].split('.').count(), 3);
    for (head, _) in &all[1..] {
        assert!(head.contains("/models/gemini-2.5-pro:streamGenerateContent?alt=sse"), "{head}");
        assert_eq!(bearer(head), Some("token-1"));
    }
}

#[tokio::test]
async fn calls_at_once_wait_for_one_token() {
    let mut replies = vec![granted("token-1", 3600)];
    replies.extend(vec![answer(); 4]);
    let server = Server::start(replies).await;
    let client = client_of(&server);
    let calls = (0..4).map(|_| call(&client, &server, key_file()));
    for folded in futures::future::join_all(calls).await {
        assert_eq!(folded.reason(), FinishReason::Stop);
    }
    let asked = server.all().iter().filter(|(head, _)| head.starts_with("POST /token")).count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_token_that_ends_soon_is_not_kept() {
    let server = Server::start(vec![granted("token-1", 60), answer(), granted("token-2", 60), answer()]).await;
    let client = client_of(&server);
    for token in ["token-1", "token-2"] {
        call(&client, &server, key_file()).await;
        assert_eq!(bearer(&server.all().last().unwrap().0), Some(token));
    }
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let expired = || {
        let error = json!({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}});
        Vec::from(reply("401 Unauthorized", "application/json", &error.to_string()))
    };
    let server = Server::start(vec![granted("token-1", 3600), expired(), granted("token-2", 3600), answer()]).await;
    let folded = call(&client_of(&server), &server, key_file()).await;
    assert_eq!(folded.lines(), ["text Hello"]);
    assert_eq!(bearer(&server.all()[3].0), Some("token-2"));
    let server = Server::start(vec![granted("token-1", 3600), expired(), granted("token-2", 3600), expired()]).await;
    let folded = call(&client_of(&server), &server, key_file()).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Auth, false));
}

#[tokio::test]
async fn an_account_that_is_refused_is_a_bad_key() {
    let refused = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
    let refused = reply("400 Bad Request", "application/json", &refused.to_string());
    let busy = reply("503 Service Unavailable", "application/json", "{}");
    let server = Server::start(vec![refused.into(), busy.into()]).await;
    let client = client_of(&server);
    let folded = call(&client, &server, key_file()).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Auth, false));
    assert_eq!(folded.error().detail, "Invalid JWT Signature.");
    let folded = call(&client, &server, key_file()).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Timeout, true), "what failed is not kept");
}

#[tokio::test]
async fn a_token_of_the_callers_own_is_shown_as_it_is() {
    let server = Server::start(vec![answer()]).await;
    call(&client_of(&server), &server, "ya29.own".to_owned().into()).await;
    assert_eq!(bearer(&server.all()[0].0), Some("ya29.own"));
}

#[tokio::test]
async fn a_document_that_is_no_account_is_told() {
    let server = Server::start(vec![]).await;
    let folded = call(&client_of(&server), &server, r#"{"type":"authorized_user"}"#.to_owned().into()).await;
    assert_eq!(folded.error_kind(), (ErrorKind::Config, false));
    assert!(!server.was_asked());
}

#[tokio::test]
async fn the_project_is_that_of_the_account_unless_it_is_set() {
    let server = Server::start(vec![granted("token-1", 3600)]).await;
    let client = client_of(&server);
    for (set, expected) in [("", "p-1"), ("p-2", "p-2")] {
        let target = Arc::new(Target {
            provider_type: ProviderType::Vertex,
            settings: ProviderSettings { project: set.to_owned(), ..ProviderSettings::default() },
            api_key: Some(key_file()),
            ..Target::default()
        });
        let by = tokio::time::Instant::now() + Duration::from_secs(60);
        let signed = client.tokens.sign_in(&target, by).await.unwrap();
        assert_eq!(signed.settings.project, expected);
    }
}

/// Signatures are bound to who was given them.
#[tokio::test]
async fn signatures_that_are_refused_are_left_out_of_a_second_try() {
    let refused =
        json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "Corrupted thought signature."}});
    let refused = reply("400 Bad Request", "application/json", &refused.to_string());
    let server = Server::start(vec![refused.into(), answer()]).await;
    let mut said = text("signed");
    said.provider_metadata = vec![crate::codec::metadata::metadata_of("google", "thought_signature", &"s")];
    let mut asked = request();
    asked.messages.push(message(Role::Assistant, vec![said]));
    asked.messages.push(message(Role::User, vec![text("and?")]));
    let target =
        Target { provider_type: ProviderType::Google, model: "gemini-2.5-pro".to_owned(), ..target(server.url()) };
    let folded = collect(target, asked).await;
    assert_eq!(folded.reason(), FinishReason::Stop);
    let signatures: Vec<_> =
        server.bodies().iter().map(|body| body["contents"][1]["parts"][0]["thoughtSignature"].clone()).collect();
    assert_eq!(signatures, [json!("s"), Value::Null]);
    let (head, _) = server.request();
    assert!(head.starts_with("POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse "), "{head}");
    assert!(head.contains("x-goog-api-key: secret-key-1"), "{head}");
}
