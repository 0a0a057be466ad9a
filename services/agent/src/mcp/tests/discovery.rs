//! What is known when.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use serde_json::json;

use super::fake::Fake;
use super::{Running, config, states, tools};
use crate::mcp::error::Error;

/// G16 and M01: before startup scripts settle nothing is known, a missing file included; after it
/// the same missing file means that there is nothing.
#[tokio::test(start_paused = true)]
async fn g16_m01_a_missing_file_is_unknown_before_scripts_settle_and_empty_after() {
    let fake = Fake::new();
    let running = Running::unsettled(tempfile::tempdir().expect("dir"), fake.clone());
    for wait in [Duration::ZERO, Duration::from_secs(30)] {
        let listing = running.manager.list(false, Some(wait)).await.expect("a listing");
        assert_eq!(listing.discovery(), pb::McpDiscovery::Unknown);
        assert!(listing.tools.is_empty() && listing.servers.is_empty());
    }
    assert_eq!(running.call("one__echo", json!({})).await, Err(Error::NotReady));
    running.settled.send_replace(true);
    let listing = running.list().await;
    assert!(listing.tools.is_empty() && listing.servers.is_empty() && listing.warnings.is_empty());
    assert_eq!(running.call("one__echo", json!({})).await, Err(Error::UnknownServer("one".to_owned())));
    running.end().await;
}

/// G16: the first turn waits for scripts and has the tools of a repository that they cloned.
#[tokio::test(start_paused = true)]
async fn g16_a_listing_waits_until_scripts_have_settled() {
    let fake = Fake::new();
    let running = Running::unsettled(tempfile::tempdir().expect("dir"), fake.clone());
    let settle = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(fake.connects("one"), 0, "nothing is connected before");
        running.write(&config(&json!({"one": {"command": "ok", "args": ["one"]}})));
        running.settled.send_replace(true);
    };
    let (listing, ()) = tokio::join!(running.manager.list(false, None), settle);
    let listing = listing.expect("a listing");
    assert_eq!(listing.discovery(), pb::McpDiscovery::Complete);
    assert_eq!(states(&listing), [("one", pb::McpServerState::Connected, "")]);
    assert_eq!(tools(&listing, "one").len(), 11);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_would_say_that_scripts_settled_and_is_gone_is_not_waited_for() {
    let mut running = Running::unsettled(tempfile::tempdir().expect("dir"), Fake::new());
    running.settled = tokio::sync::watch::channel(false).0;
    running.list().await;
    running.end().await;
}

/// M01: the tools of one server are listed while another one still connects, and the black hole
/// ends as a failure after 30 seconds.
#[tokio::test(start_paused = true)]
async fn m01_a_failing_server_is_isolated_and_listed_with_its_error() {
    let servers = json!({
        "bad__name": {"command": "ok", "args": ["bad__name"]},
        "fails": {"command": "fail", "args": ["fails"], "env": {"TOKEN": "token-of-the-service", "S": "${SECRET}"}},
        "hangs": {"command": "hang", "args": ["hangs"]},
        "leaks": {"command": "fail", "args": ["leaks", "--key=${SECRET}"]},
        "works": {"command": "ok", "args": ["works"]},
    });
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&servers)));
    let early = running.manager.list(false, Some(Duration::from_secs(5))).await.expect("a listing");
    assert_eq!(early.discovery(), pb::McpDiscovery::Unknown);
    assert_eq!(tools(&early, "works").len(), 11);
    assert_eq!(states(&early)[2], ("hangs", pb::McpServerState::Connecting, ""));
    assert_eq!(running.call("hangs__echo", json!({})).await, Err(Error::NotReady));
    assert_eq!(running.text("works__cwd").await, std::env::current_dir().expect("dir").display().to_string());

    let listing = running.list().await;
    let failed = pb::McpServerState::Failed;
    assert_eq!(states(&listing)[0].1, failed);
    assert!(states(&listing)[0].2.contains("without `__`"), "{listing:?}");
    assert_eq!(states(&listing)[1], ("fails", failed, "it failed with fails"));
    assert_eq!(states(&listing)[2], ("hangs", failed, "it did not answer within 30 seconds"));
    assert_eq!(states(&listing)[3], ("leaks", failed, "it failed with leaks --key=[redacted]"));
    assert_eq!(states(&listing)[4], ("works", pb::McpServerState::Connected, ""));
    assert_eq!(listing.servers[4].tool_count, 11);
    assert_eq!(listing.tools.len(), 11);
    assert_eq!(fake.connects("bad__name"), 0);
    let error = running.call("fails__echo", json!({})).await.expect_err("not connected");
    let (server, problem) = ("fails".to_owned(), "it failed with fails".to_owned());
    assert_eq!(error, Error::NotConnected { server, problem });
    running.end().await;
}

/// M01: servers connect side by side; three black holes take as long as one.
#[tokio::test(start_paused = true)]
async fn m01_servers_connect_in_parallel() {
    let hang = |name: &str| json!({"command": "hang", "args": [name]});
    let running = Running::start(Fake::new(), Some(&config(&json!({"a": hang("a"), "b": hang("b"), "c": hang("c")}))));
    let began = tokio::time::Instant::now();
    running.list().await;
    assert_eq!(began.elapsed().as_secs(), 30);
    running.end().await;
}

/// M01: tools are listed with their schemas, an empty one with its empty `properties`.
#[tokio::test(start_paused = true)]
async fn m01_tools_are_listed_with_their_schemas() {
    let running = Running::start(Fake::new(), Some(&config(&json!({"one": {"command": "ok", "args": ["one"]}}))));
    let listing = running.list().await;
    let find = |name: &str| listing.tools.iter().find(|tool| tool.name == name).expect(name);
    assert_eq!(find("one__hang").input_schema_json, r#"{"properties":{},"type":"object"}"#);
    let echo = find("one__echo");
    assert_eq!((echo.description.as_str(), echo.required.as_slice()), ("The tool echo.", &["text".to_owned()][..]));
    assert!(echo.input_schema_json.contains(r#""text":{"type":"string"}"#), "{}", echo.input_schema_json);
    let names = tools(&listing, "one");
    assert!(names.is_sorted(), "{names:?}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_closes_all_sessions_and_turns_callers_away() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"one": {"command": "ok", "args": ["one"]}}))));
    running.list().await;
    fake.live("one", 1).await;
    let manager = running.manager.clone();
    running.end().await;
    fake.live("one", 0).await;
    assert_eq!(manager.list(false, None).await, Err(Error::ShuttingDown));
    assert_eq!(manager.call("one__echo", serde_json::Map::new(), "").await, Err(Error::ShuttingDown));
}
