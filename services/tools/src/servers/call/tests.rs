use std::collections::BTreeMap;

use chatmesh_core::{IdSource as _, SystemIds};
use chatmesh_proto::tools::v1::McpAvailability;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::servers::domain::Secrets;
use crate::servers::testing::{Does, Network, server};

fn request(name: &str, args: &Value) -> CallToolRequest {
    CallToolRequest {
        chat_id: "chat-1".to_owned(),
        name: name.to_owned(),
        args: args.to_string(),
        idempotency_key: "chat-1/7/call-1".to_owned(),
        ..CallToolRequest::default()
    }
}

async fn call(servers: &Arc<Servers>, name: &str, args: &Value) -> Option<Outcome> {
    servers.call(UserId(SystemIds.next()), &request(name, args), Some(ChatMode::Root)).await
}

/// The result of a call, or the sentence that says why there is none.
async fn said(servers: &Arc<Servers>, name: &str, args: &Value) -> Value {
    match call(servers, name, args).await.expect("a tool of a server") {
        Outcome::Result(text) => serde_json::from_str(&text).expect("JSON"),
        Outcome::Failure(text) => Value::String(text),
        other @ Outcome::Attachment(..) => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_called_by_its_own_name_and_told_which_call_it_is() {
    let servers = Network::default().servers(vec![server("one")]);
    let said = async |name, args: Value| said(&servers, name, &args).await;
    assert_eq!(said("one__echo", json!({"text": "hi"})).await["output"], r#"{"text":"hi"}"#);
    assert_eq!(said("one__id", json!({})).await["output"], r#""chat-1/7/call-1""#);
    assert_eq!(said("one__fail", json!({})).await, json!({"success": false, "error": "it failed"}));
    let refused = said("one__refuse", json!({})).await;
    assert!(refused.as_str().is_some_and(|text| text.contains("refused the call of `refuse`")), "{refused}");
}

/// What is no text comes as a file for the chat, up to what chats take; of what is longer the size is told.
#[tokio::test(start_paused = true)]
async fn a_picture_is_given_to_the_chat_up_to_the_bound_of_files() {
    const MOST: usize = 10 * 1024 * 1024;
    let servers = Network::default().servers(vec![server("one")]);
    for bytes in [1, 100_000, MOST] {
        let outcome = call(&servers, "one__draw", &json!({ "bytes": bytes })).await;
        let Some(Outcome::Attachment(_, file)) = outcome else { panic!("{bytes}") };
        assert_eq!((file.data.len(), file.media_type.as_str(), file.best_effort), (bytes, "image/png", true));
    }
    let said = said(&servers, "one__draw", &json!({ "bytes": MOST + 1 })).await;
    let content = &said["content"][0];
    assert_eq!((&content["size_bytes"], &content["media_type"]), (&json!(MOST + 1), &json!("image/png")), "{said}");
    assert!(content["note"].as_str().is_some_and(|note| note.contains("too long")), "{said}");
}

/// M15: a server that says what it was sent, as one does that passes requests on, tells the model no secret.
#[tokio::test(start_paused = true)]
async fn m15_a_tool_that_repeats_its_headers_and_its_address_gives_nothing_away() {
    let servers = Network::default().servers(Vec::new());
    let mut one = server("one");
    (one.settings.auth_type, one.settings.forward_identity_headers) = (McpAuthType::CustomHeaders.into(), true);
    let custom_headers = BTreeMap::from([("Authorization".to_owned(), "Bearer very-secret-token".to_owned())]);
    let secrets = Secrets { custom_headers, ..Secrets::default() };
    one.sealed_secrets = servers.seal(one.id, &secrets).expect("sealed");
    servers.store.insert(&one, None).await.expect("kept");
    for args in [json!({"is_error": true}), json!({"is_error": false}), json!({})] {
        let text = said(&servers, "one__leak", &args).await.to_string();
        assert!(text.contains("https://one.example refused [") && text.contains("[redacted]"), "{text}");
        assert!(text.contains("chat-1"), "{text}: which chat it is, is no secret");
        for secret in ["very-secret-token", "secret/path", "in-the-query"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// M14: a tool that is offered under another name is found again.
#[tokio::test(start_paused = true)]
async fn m14_an_alias_leads_to_the_servers_own_name() {
    let servers = Network::default().servers(vec![server("one")]);
    let alias = mcp::alias("one__with.dot");
    assert_ne!(alias, "one__with.dot");
    assert_eq!(said(&servers, &alias, &json!({})).await["output"], "{}");
    let unknown = said(&servers, "one__with_dot_0123456789", &json!({})).await;
    assert!(unknown.as_str().is_some_and(|text| text.contains("nothing was done")), "{unknown}");
}

/// M12: a model that names a denied tool, or a server that is off, does not reach it.
#[tokio::test(start_paused = true)]
async fn m12_what_is_not_offered_is_not_called() {
    let network = Network::default();
    let mut denies = server("denies");
    denies.settings.tool_allow_list = vec!["echo".to_owned()];
    denies.settings.tool_deny_list = vec!["echo".to_owned()];
    let mut unchosen = server("unchosen");
    unchosen.settings.availability = McpAvailability::DefaultOn.into();
    let disabled = Server { enabled: false, ..server("disabled") };
    let servers = network.servers(vec![denies, unchosen, disabled]);
    let denied = said(&servers, "denies__echo", &json!({})).await;
    assert_eq!(denied, json!("this chat has no tool `denies__echo`"));
    for name in ["unchosen__echo", "disabled__echo", "nobody__echo", "echo"] {
        assert_eq!(call(&servers, name, &json!({})).await, None, "{name}");
    }
    assert_eq!(network.connects(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_plans_calls_only_servers_that_allow_it() {
    let mut allows = server("allows");
    allows.settings.allow_in_plan_mode = true;
    let servers = Network::default().servers(vec![allows, server("denies")]);
    let planning = async |name| {
        let call = servers.call(UserId(SystemIds.next()), &request(name, &json!({})), Some(ChatMode::RootPlan)).await;
        call.is_some()
    };
    assert!(planning("allows__echo").await);
    assert!(!planning("denies__echo").await);
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_chat_share_a_session() {
    let network = Network::default();
    let servers = network.servers(vec![server("one")]);
    let user = UserId(SystemIds.next());
    for _ in 0..3 {
        servers.call(user, &request("one__echo", &json!({})), Some(ChatMode::Root)).await.expect("called");
    }
    assert_eq!((network.connects(), network.live()), (1, 1));
}

/// A step calls tools at once, also where another process listed them: none of them ends the others.
#[tokio::test(start_paused = true)]
async fn calls_at_once_open_one_session_and_leave_each_other_alone() {
    let network = Network::default();
    network.set("one", Does::Serve(Duration::from_secs(1)));
    let servers = network.servers(vec![server("one")]);
    let user = UserId(SystemIds.next());
    let args = json!({"seconds": 5});
    let request = request("one__wait", &args);
    let calls = (0..4).map(|_| servers.call(user, &request, Some(ChatMode::Root)));
    for outcome in futures::future::join_all(calls).await {
        let expected = json!({"success": true, "output": "waited"}).to_string();
        assert_eq!(outcome, Some(Outcome::Result(expected)));
    }
    assert_eq!((network.connects(), network.live()), (1, 1));
}

/// G20: what was done is not reported as unknown because another call of the session was given up.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_does_not_end_the_others() {
    let network = Network::default();
    let servers = network.servers(vec![server("one")]);
    let user = UserId(SystemIds.next());
    let (hangs, args) = (request("one__hang", &json!({})), json!({"seconds": 40}));
    let (waits, next) = (request("one__wait", &args), request("one__echo", &json!({})));
    let later = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        servers.call(user, &waits, Some(ChatMode::Root)).await
    };
    let (given_up, waited) = tokio::join!(servers.call(user, &hangs, Some(ChatMode::Root)), later);
    assert!(matches!(given_up, Some(Outcome::Failure(text)) if text.contains("is not known")));
    assert!(matches!(&waited, Some(Outcome::Result(text)) if text.contains("waited")), "{waited:?}");
    network.until(1, 0).await;
    let called = servers.call(user, &next, Some(ChatMode::Root)).await;
    assert!(matches!(called, Some(Outcome::Result(_))), "the next call begins anew");
    network.until(2, 1).await;
}

/// Tools are listed in the session of the chat: a call that goes on is not cut off by it.
#[tokio::test(start_paused = true)]
async fn tools_that_are_listed_anew_leave_a_call_alone() {
    let network = Network::default();
    let one = server("one");
    let servers = network.servers(vec![one.clone()]);
    let user = UserId(SystemIds.next());
    let waits = request("one__wait", &json!({"seconds": 40}));
    let asked = Asked { user, chat_id: waits.chat_id.clone(), workspace_id: String::new() };
    let lists = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        servers.ask(&one, &asked).await
    };
    let (waited, listed) = tokio::join!(servers.call(user, &waits, Some(ChatMode::Root)), lists);
    assert!(matches!(&waited, Some(Outcome::Result(text)) if text.contains("waited")), "{waited:?}");
    assert!(matches!(&listed, Listing::Listed(tools) if tools.len() == 6), "{listed:?}");
    assert_eq!((network.connects(), network.live()), (1, 1));
}

/// G20: a call without an answer is neither repeated nor reported as one that was not made.
#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_given_up_after_a_minute() {
    let servers = Network::default().servers(vec![server("one")]);
    let began = Instant::now();
    let said = said(&servers, "one__hang", &json!({})).await;
    assert_eq!(began.elapsed().as_secs(), 60);
    let text = said.as_str().unwrap_or_default();
    assert!(text.contains("60 seconds") && text.contains("is not known"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_is_said_to_have_done_nothing() {
    let network = Network::default();
    network.set("one", Does::Fail);
    network.set("hole", Does::Hang);
    let servers = network.servers(vec![server("one"), server("hole")]);
    for (name, expected) in [("one__echo", "cannot be reached"), ("hole__echo", "within 10 seconds")] {
        let said = said(&servers, name, &json!({})).await;
        let text = said.as_str().unwrap_or_default();
        assert!(text.contains(expected) && text.contains("nothing was done") && !text.contains("secret"), "{text}");
    }
}

/// A call goes nowhere as long as nobody can say whose tool it is, and the turn does not wait long for that.
#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_holds_a_call_up_for_two_seconds() {
    let network = Network::default();
    let servers = network.servers(vec![server("one")]);
    network.take_database_away(true);
    let began = Instant::now();
    let said = said(&servers, "one__echo", &json!({})).await;
    assert!(said.as_str().is_some_and(|text| text.contains("nothing was done")), "{said}");
    assert_eq!((began.elapsed().as_secs(), network.connects()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn the_sentence_of_the_model_is_not_sent() {
    let mut one = server("one");
    one.settings.model_intent = true;
    let servers = Network::default().servers(vec![one]);
    let args = json!({"model_intent": "To say hello.", "properties": {"text": "hi"}});
    assert_eq!(said(&servers, "one__echo", &args).await["output"], r#"{"text":"hi"}"#);
}
