//! Changes of the configuration and of servers.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use futures::future::join_all;
use serde_json::{Value, json};

use super::fake::Fake;
use super::{Running, config, states, tools};
use crate::mcp::error::Error;

fn ok(name: &str) -> Value {
    json!({"command": "ok", "args": [name]})
}

/// M01, reload diff: what is unchanged keeps its session, what is changed is replaced, what is gone
/// is closed, what is new is connected.
#[tokio::test(start_paused = true)]
async fn m01_a_reload_touches_only_what_has_changed() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a"), "b": ok("b"), "c": ok("c")}))));
    running.list().await;
    let changed = json!({"command": "ok", "args": ["b"], "env": {"NEW": "1"}});
    running.write(&config(&json!({"a": ok("a"), "b": changed, "d": ok("d")})));
    let listing = running.list().await;
    assert_eq!(states(&listing).iter().map(|state| state.0).collect::<Vec<_>>(), ["a", "b", "d"]);
    assert!(states(&listing).iter().all(|state| state.1 == pb::McpServerState::Connected));
    assert_eq!(["a", "b", "c", "d"].map(|server| fake.connects(server)), [1, 2, 1, 1]);
    for (server, live) in [("a", 1), ("b", 1), ("c", 0), ("d", 1)] {
        fake.live(server, live).await;
    }
    assert_eq!(running.call("c__echo", json!({})).await, Err(Error::UnknownServer("c".to_owned())));
    running.end().await;
}

/// M01, reload diff: an answer costs no connection while nothing changes.
#[tokio::test(start_paused = true)]
async fn m01_nothing_is_connected_again_while_nothing_changes() {
    let fake = Fake::new();
    let servers = json!({"a": ok("a"), "f": {"command": "fail", "args": ["f"]}});
    let running = Running::start(fake.clone(), Some(&config(&servers)));
    for _ in 0..10 {
        running.list().await;
    }
    assert_eq!((fake.connects("a"), fake.connects("f")), (1, 1));
    running.write(&config(&servers));
    running.list().await;
    assert_eq!((fake.connects("a"), fake.connects("f")), (1, 2), "a new file: what failed is tried again");
    running.manager.list(true, None).await.expect("a listing");
    assert_eq!((fake.connects("a"), fake.connects("f")), (1, 3), "and so it is where the caller wants it");
    running.end().await;
}

/// A server may not be there yet, because its program is being installed or its machine starts.
#[tokio::test(start_paused = true)]
async fn a_server_that_could_not_be_connected_is_tried_again_ever_more_seldom() {
    let fake = Fake::new();
    let failing = json!({"command": "fail", "args": ["f"]});
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a"), "f": failing, "x": {}}))));
    running.list().await;
    let mut connects = 1;
    for pause in [10, 20, 40, 80, 160, 300, 300] {
        tokio::time::advance(Duration::from_secs(pause - 1)).await;
        running.list().await;
        assert_eq!(fake.connects("f"), connects, "before {pause} s have passed");
        tokio::time::advance(Duration::from_secs(1)).await;
        running.list().await;
        connects += 1;
        assert_eq!(fake.connects("f"), connects, "after {pause} s");
        assert_eq!(states(&running.list().await)[1].1, pb::McpServerState::Failed);
    }
    // Another server that ends is no reason to try this one.
    fake.cut("a");
    fake.live("a", 0).await;
    running.list().await;
    assert_eq!((fake.connects("a"), fake.connects("f")), (2, connects));
    running.write(&config(&json!({"a": ok("a"), "f": {"command": "fail", "args": ["f", "anew"]}})));
    running.list().await;
    assert_eq!(fake.connects("f"), connects + 1, "a new file counts at once");
    tokio::time::advance(Duration::from_secs(10)).await;
    running.list().await;
    assert_eq!(fake.connects("f"), connects + 2, "and from the beginning");
    running.end().await;
}

/// Nobody lists tools in the middle of a turn: a call brings a server back.
#[tokio::test(start_paused = true)]
async fn a_call_of_a_server_that_ended_has_it_connected_again() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a")}))));
    running.list().await;
    fake.cut("a");
    fake.live("a", 0).await;
    let error = running.call("a__echo", json!({"text": "?"})).await.expect_err("it ended");
    assert!(error.to_string().contains("being connected again") || matches!(error, Error::Gone(_)), "{error}");
    fake.connected("a", 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(running.call("a__echo", json!({"text": "again"})).await.is_ok());
    running.end().await;
}

/// M01: a changed definition that does not work leaves the session of the former one in place.
#[tokio::test(start_paused = true)]
async fn m01_a_failed_reconnect_keeps_the_earlier_session() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a")}))));
    running.list().await;
    for broken in [json!({"command": "fail", "args": ["x"]}), json!({"command": 1})] {
        running.write(&config(&json!({"a": broken})));
        let listing = running.list().await;
        let (_, state, error) = states(&listing)[0];
        assert_eq!(state, pb::McpServerState::Connected);
        assert!(error.starts_with("the session of a former configuration goes on"), "{error}");
        assert_eq!(tools(&listing, "a").len(), 11);
        assert!(running.call("a__echo", json!({"text": "still here"})).await.is_ok());
    }
    running.write(&config(&json!({"a": ok("a")})));
    assert_eq!(states(&running.list().await), [("a", pb::McpServerState::Connected, "")]);
    assert_eq!(fake.connects("a"), 1, "the definition is that of the session again");
    running.end().await;
}

/// M01: callers share reloads, and one that gives up takes nothing with it.
#[tokio::test(start_paused = true)]
async fn m01_one_reload_serves_all_callers_and_outlives_each() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"g": {"command": "gated", "args": ["g"]}}))));
    fake.connected("g", 1).await;
    let impatient = join_all((0..50).map(|_| running.manager.list(true, Some(Duration::from_millis(10))))).await;
    let unknown = |listing: Result<pb::ListMcpToolsResponse, _>| {
        listing.is_ok_and(|listing| listing.discovery() == pb::McpDiscovery::Unknown)
    };
    assert!(impatient.into_iter().all(unknown));
    assert_eq!(fake.connects("g"), 1, "the first reload is still at work");
    fake.open_gate();
    let patient = join_all((0..50).map(|_| running.manager.list(true, None))).await;
    assert!(patient.iter().all(|listing| listing.as_ref().is_ok_and(|listing| listing.tools.len() == 11)));
    assert_eq!(fake.connects("g"), 1, "a connected server is asked for its tools and not connected again");
    running.end().await;
}

/// M01: what is written while a reload is at work is seen by the next listing, because the files
/// were looked at before they were read.
#[tokio::test(start_paused = true)]
async fn m01_a_change_during_a_reload_is_not_missed() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"g": {"command": "gated", "args": ["g"]}}))));
    fake.connected("g", 1).await;
    running.write(&config(&json!({"a": ok("a")})));
    fake.open_gate();
    assert_eq!(states(&running.list().await), [("a", pb::McpServerState::Connected, "")]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ended_is_connected_again_by_the_next_listing() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a")}))));
    running.list().await;
    fake.cut("a");
    fake.live("a", 0).await;
    let listing = running.list().await;
    assert_eq!(states(&listing), [("a", pb::McpServerState::Connected, "")]);
    assert_eq!(fake.connects("a"), 2);
    assert!(running.call("a__echo", json!({"text": "again"})).await.is_ok());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn tools_that_a_server_gets_later_are_listed() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a")}))));
    assert_eq!(running.list().await.tools.len(), 11);
    running.text("a__grow").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let listing = running.list().await;
    assert!(tools(&listing, "a").contains(&"a__grown"), "{:?}", tools(&listing, "a"));
    assert_eq!(fake.connects("a"), 1);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_file_is_a_warning_and_takes_its_servers_with_it() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), Some(&config(&json!({"a": ok("a")}))));
    running.list().await;
    std::fs::write(running.path(), "{\"mcpServers\": ").expect("written");
    let listing = running.list().await;
    assert!(listing.servers.is_empty());
    assert!(listing.warnings[0].contains("not valid JSON"), "{:?}", listing.warnings);
    fake.live("a", 0).await;
    running.end().await;
}

/// M01: the file watcher alone brings a change to work, also for a file that was not there.
#[tokio::test]
async fn m01_a_change_is_noticed_without_anybody_asking() {
    let fake = Fake::new();
    let running = Running::start(fake.clone(), None);
    running.list().await;
    running.write(&config(&json!({"a": ok("a")})));
    fake.connected("a", 1).await;
    running.write(&config(&json!({"b": ok("b")})));
    fake.connected("b", 1).await;
    fake.live("a", 0).await;
    running.end().await;
}
