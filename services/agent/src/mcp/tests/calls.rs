//! Calls of tools.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::mcp_service_client::McpServiceClient;
use chatmesh_proto::agent::v1::mcp_service_server::McpServiceServer;
use chatmesh_rpc::Code;
use serde_json::json;
use tonic::Status;

use super::fake::Fake;
use super::{Running, config};
use crate::mcp::McpApi;
use crate::mcp::error::Error;

async fn connected() -> Running {
    let running = Running::start(Fake::new(), Some(&config(&json!({"one": {"command": "ok", "args": ["one"]}}))));
    running.list().await;
    running
}

#[tokio::test(start_paused = true)]
async fn a_tool_gets_its_arguments_and_the_id_of_the_call() {
    let running = connected().await;
    let response = running.call("one__echo", json!({"text": "héllo\n"})).await.expect("an answer");
    assert_eq!((response.content[0].kind(), response.content[0].text.as_str()), (pb::McpContentKind::Text, "héllo\n"));
    assert!(!response.is_error && !response.truncated);
    assert_eq!(running.text("one__id").await, "\"call-1\"");
    let response = running.call("one__binary", json!({})).await.expect("an answer");
    assert_eq!(
        (&response.content[0].data[..], response.content[0].kind()),
        (&[0, 1, 2][..], pb::McpContentKind::Image)
    );
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_fails_is_an_answer_and_a_refusal_is_an_error() {
    let running = connected().await;
    let response = running.call("one__fail", json!({})).await.expect("an answer");
    assert!(response.is_error);
    assert_eq!(response.content[0].text, "it failed");
    let refused = |problem: &str| Error::Refused { server: "one".to_owned(), problem: problem.to_owned() };
    assert_eq!(running.call("one__refuse", json!({})).await, Err(refused("not with these arguments")));
    assert_eq!(running.call("one__missing", json!({})).await, Err(refused("no such tool")));
    running.end().await;
}

/// M01: bad names and unknown servers are told apart.
#[tokio::test(start_paused = true)]
async fn m01_names_that_lead_nowhere_are_typed_errors() {
    let running = connected().await;
    for name in ["one", "__echo", "one__", ""] {
        let error = running.call(name, json!({})).await.expect_err("refused");
        assert_eq!(Status::from(error).code(), Code::InvalidArgument, "{name}");
    }
    let error = running.call("two__echo", json!({})).await.expect_err("unknown");
    assert_eq!(error, Error::UnknownServer("two".to_owned()));
    assert_eq!(Status::from(error).code(), Code::NotFound);
    running.end().await;
}

/// M01: a call ends after 60 seconds, and the session goes on.
#[tokio::test(start_paused = true)]
async fn m01_a_call_without_an_answer_times_out_after_a_minute() {
    let running = connected().await;
    let began = tokio::time::Instant::now();
    let hanging = running.call("one__hang", json!({}));
    let (hung, echoed) = tokio::join!(hanging, running.call("one__echo", json!({"text": "meanwhile"})));
    let timeout = Duration::from_secs(60);
    assert_eq!(hung, Err(Error::TimedOut { server: "one".to_owned(), timeout }));
    assert_eq!(began.elapsed().as_secs(), 60);
    assert!(echoed.is_ok());
    assert!(running.call("one__echo", json!({"text": "after"})).await.is_ok());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_server_is_replaced_has_no_known_outcome() {
    let running = connected().await;
    let replace = async {
        tokio::task::yield_now().await;
        running.write(&config(&json!({})));
        running.list().await;
    };
    let (hung, ()) = tokio::join!(running.call("one__hang", json!({})), replace);
    assert_eq!(hung, Err(Error::Gone("one".to_owned())));
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_service_speaks_grpc() {
    let running = connected().await;
    let mut client = McpServiceClient::new(McpServiceServer::new(McpApi::new(running.manager.clone())));
    let request = pb::ListMcpToolsRequest { refresh: true, wait_ms: Some(60_000) };
    let listing = client.list_mcp_tools(request).await.expect("a listing").into_inner();
    assert_eq!((listing.tools.len(), listing.discovery()), (11, pb::McpDiscovery::Complete));
    let request = |arguments: &str| pb::CallMcpToolRequest {
        name: "one__echo".to_owned(),
        arguments_json: arguments.to_owned(),
        tool_call_id: "call".to_owned(),
    };
    let answer = client.call_mcp_tool(request(r#"{"text":"hi"}"#)).await.expect("an answer").into_inner();
    assert_eq!(answer.content[0].text, "hi");
    let error = client.call_mcp_tool(request("[]")).await.expect_err("refused");
    assert_eq!(error.code(), Code::InvalidArgument);
    running.end().await;
}
