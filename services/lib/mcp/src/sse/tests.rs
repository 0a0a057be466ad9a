//! Against a server that is written from the text of the protocol, without the library that the client is built on.

mod server;

use std::collections::HashMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{RoleClient, RunningService};
use serde_json::json;
use tokio::time::timeout;
use url::Url;

use crate::{ConnectError, Protocol, connect, redirect};
use server::{KEY, Opening, Server};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
struct Handler;

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "0"))
    }
}

async fn open(server: &Server, path: &str, key: &str) -> Result<RunningService<RoleClient, Handler>, ConnectError> {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::custom(redirect)).build().expect("a client");
    let url = Url::parse(&format!("{}{path}", server.origin())).expect("a URL");
    let key = (HeaderName::from_static("x-key"), HeaderValue::from_str(key).expect("a value"));
    let headers = HashMap::from([key]);
    Box::pin(connect(Handler, Protocol::Sse, client, &url, headers)).await
}

async fn call(service: &RunningService<RoleClient, Handler>, text: &str) -> String {
    let arguments = json!({ "text": text }).as_object().cloned().expect("an object");
    let params = CallToolRequestParams::new("echo").with_arguments(arguments);
    let answer = timeout(LONG, service.peer().call_tool_once(params)).await.expect("in time").expect("an answer");
    let CallToolResponse::Complete(result) = answer else { panic!("{answer:?}") };
    serde_json::to_value(&result.content[0]).expect("content")["text"].as_str().expect("text").to_owned()
}

#[tokio::test]
async fn messages_go_out_by_post_and_answers_come_on_the_stream() {
    let server = Server::start(Opening::Endpoint("../messages?session=1".to_owned())).await;
    let mut service = open(&server, "/deep/down/sse", KEY).await.expect("connected");
    let version = service.peer().peer_info().expect("it said who it is").protocol_version.to_string();
    assert_eq!(version, "2024-11-05");
    let tools = service.peer().list_tools(None).await.expect("tools").tools;
    assert_eq!(tools.iter().map(|tool| &*tool.name).collect::<Vec<_>>(), ["echo"]);
    assert_eq!(call(&service, "one\ntwo é").await, "one\ntwo é");
    let asked = futures::future::join_all(["a", "b", "c"].map(|text| call(&service, text))).await;
    assert_eq!(asked, ["a", "b", "c"], "answers come to who asked");
    service.close().await.expect("closed");
    let posted = server.posted();
    assert_eq!(posted[..3], ["initialize", "notifications/initialized", "tools/list"]);
    assert!(posted[3..7].iter().all(|method| method == "tools/call"), "{posted:?}");
}

#[tokio::test]
async fn redirects_are_followed_at_the_same_host_only() {
    let server = Server::start(Opening::Endpoint("messages?session=1".to_owned())).await;
    let service = open(&server, "/near", KEY).await.expect("connected");
    assert_eq!(call(&service, "hi").await, "hi", "addresses are meant from where the redirect led");
    let error = open(&server, "/far", KEY).await.expect_err("it leads to another host");
    assert!(error.to_string().contains("307"), "{error}");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_so() {
    let server = Server::start(Opening::Endpoint("/messages".to_owned())).await;
    let error = open(&server, "/deep/sse", "another").await.expect_err("refused");
    assert!(matches!(error, ConnectError::Unauthorized), "{error}");
}

/// M15: what is wrong is said without the address, and credentials go to no other host.
#[tokio::test]
async fn m15_what_is_no_such_server_is_told_apart_without_its_address() {
    let elsewhere = Server::start(Opening::Nothing).await;
    for (opening, expected) in [
        (Opening::Nothing, "did not begin with an `endpoint`"),
        (Opening::Raw("event: message\ndata: {}\n\n".to_owned()), "did not begin with an `endpoint`"),
        (Opening::Raw("event: endpoint\n\n".to_owned()), "did not begin with an `endpoint`"),
        (Opening::Raw("<html>\n".to_owned()), "cannot be read"),
        (Opening::Json, "may speak streamable HTTP"),
        (Opening::Endpoint(format!("{}/messages", elsewhere.origin())), "at another host"),
        (Opening::Endpoint("http://user:word@127.0.0.1/messages".to_owned()), "at another host"),
        (Opening::Endpoint("/nowhere-secret".to_owned()), "404"),
    ] {
        let server = Server::start(opening).await;
        let error = open(&server, "/secret/sse?key=secret", KEY).await.expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("secret") && !error.contains("127.0.0.1"), "{error}");
    }
    assert!(elsewhere.posted().is_empty());
    let gone = Server::gone().await;
    let error = open(&gone, "/secret/sse", KEY).await.expect_err("nobody listens").to_string();
    assert!(error.contains("cannot be reached") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn where_the_stream_ends_the_session_does() {
    for last in ["", "event: message\ndata: {\"jsonrpc\"", "no field at all\n\n"] {
        let server = Server::start(Opening::Endpoint("/messages".to_owned())).await;
        let service = open(&server, "/sse", KEY).await.expect("connected");
        assert_eq!(call(&service, "hi").await, "hi");
        server.end_with(last).await;
        timeout(LONG, service.waiting()).await.expect("it ends").expect("no panic");
    }
}

#[tokio::test]
async fn an_event_without_an_end_ends_the_session() {
    let server = Server::start(Opening::Endpoint("/messages".to_owned())).await;
    let service = open(&server, "/sse", KEY).await.expect("connected");
    let flood = async {
        // Nobody reads any longer once it is too much.
        while server.send("data: ".to_owned() + &"x".repeat(1024 * 1024) + "\n").await {}
    };
    let (_, ended) = tokio::join!(flood, timeout(LONG, service.waiting()));
    ended.expect("it ends").expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_say_where_to_post_is_not_waited_for() {
    let server = Server::start(Opening::Silence).await;
    let error = open(&server, "/sse", KEY).await.expect_err("nothing is said").to_string();
    assert!(error.contains("within 30 seconds"), "{error}");
}
