//! A real server on standard input and output.

use std::path::PathBuf;

use chatmesh_proto::agent::v1 as pb;
use serde_json::{Value, json};

use super::{LONG, Running, config, states};
use crate::mcp::error::Error;

/// The server that is built with the tests.
fn server() -> String {
    let test = std::env::current_exe().expect("this test");
    let built = test.parent().and_then(|deps| deps.parent()).map(|dir| dir.join("examples/mcp-test-server"));
    let built = built
        .filter(|built| built.exists())
        .expect("the example mcp-test-server, which cargo builds unless it is told which targets to build");
    built.to_str().expect("path").to_owned()
}

fn one(args: &[&str], env: &Value) -> Value {
    config(&json!({"one": {"command": server(), "args": args, "env": env}}))
}

/// F.4 and M01: a server has the environment of processes and what its definition sets, and nothing
/// that belongs to the agent.
#[tokio::test]
async fn m01_f4_a_program_has_the_environment_of_processes_and_its_own() {
    let secrets = [
        ("CHATMESH_AGENT_TOKEN", "the-token"),
        ("CHATMESH_AGENT_URL", "http://relay"),
        ("CHATMESH_CHAT_ID", "stale"),
        ("LANG", "C"),
        ("KEY", "value"),
    ];
    let env = json!({"LANG": "de", "COPY": "${KEY}!", "FALLBACK": "${CHATMESH_AGENT_TOKEN:-none}"});
    let running = Running::real(&secrets, &one(&[], &env));
    running.list().await;
    let environment = running.text("one__env").await;
    let mut lines: Vec<_> = environment.lines().filter(|line| !line.starts_with("PATH=")).collect();
    lines.retain(|line| !line.starts_with("LLVM_"));
    let expected =
        ["CHATMESH_AGENT=true", "CHATMESH_WORKSPACE_ID=w1", "COPY=value!", "FALLBACK=none", "KEY=value", "LANG=de"];
    assert_eq!(lines, expected);
    let work = running.path();
    assert_eq!(PathBuf::from(running.text("one__cwd").await), work.parent().expect("dir"));
    running.end().await;
}

/// F.4: a configuration that wants the agent's token does not get it.
#[tokio::test]
async fn f4_a_configuration_can_not_name_the_agents_token() {
    let running =
        Running::real(&[("CHATMESH_AGENT_TOKEN", "the-token")], &one(&["${CHATMESH_AGENT_TOKEN}"], &json!({})));
    let listing = running.list().await;
    let (_, state, error) = states(&listing)[0];
    assert_eq!(state, pb::McpServerState::Failed);
    assert!(error.contains("`CHATMESH_AGENT_TOKEN`, which is not set"), "{error}");
    running.end().await;
}

/// M01: a program that does not start says why, without its secrets.
#[tokio::test]
async fn m01_a_program_that_does_not_start_is_listed_with_its_last_words() {
    let servers = json!({
        "broken": {"command": server(), "args": ["broken", "${KEY}"], "env": {"TOKEN": "${KEY}"}},
        "missing": {"command": "no-such-program-anywhere"},
        "relative": {"command": "./no/such/program"},
        "talker": {"command": "echo", "args": ["this is no JSON"]},
        "works": {"command": server()},
    });
    let running = Running::real(&[("KEY", "key-of-the-service")], &config(&servers));
    let listing = running.list().await;
    let states = states(&listing);
    let expected =
        "the program ended before it answered (exit status: 3); its last words: bad configuration: [redacted]";
    assert_eq!(states[0].2, expected);
    assert!(states[1].2.starts_with("`no-such-program-anywhere` can not be started: No such file"), "{}", states[1].2);
    assert!(states[2].2.starts_with("`./no/such/program` can not be started"), "{}", states[2].2);
    assert!(states[3].2.starts_with("the program ended before it answered (exit status: 0)"), "{}", states[3].2);
    assert_eq!(states[4].1, pb::McpServerState::Connected);
    running.end().await;
}

/// M01: what a server started ends with it, and so does a server that never answered.
#[tokio::test]
async fn m01_a_program_is_ended_with_its_group() {
    let running = Running::real(&[], &one(&[], &json!({})));
    running.list().await;
    let process = running.text("one__spawn").await;
    assert!(is_running(&process));
    running.end().await;
    until_ended(&process).await;
}

#[tokio::test]
async fn a_program_that_ended_is_started_again_by_the_next_listing() {
    let running = Running::real(&[], &one(&[], &json!({})));
    running.list().await;
    assert_eq!(running.call("one__die", json!({})).await, Err(Error::Gone("one".to_owned())));
    let listing = running.list().await;
    assert_eq!(states(&listing), [("one", pb::McpServerState::Connected, "")]);
    assert!(running.call("one__echo", json!({"text": "again"})).await.is_ok());
    running.end().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_program_that_never_answers() {
    let running = Running::real(&[], &one(&["silent"], &json!({})));
    let listing = running.manager.list(false, Some(std::time::Duration::from_millis(300))).await.expect("a listing");
    assert_eq!(listing.discovery(), pb::McpDiscovery::Unknown);
    running.end().await;
}

fn is_running(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Nobody may be there to take note of the end of an orphan.
    status.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

async fn until_ended(process: &str) {
    let ended = async {
        while is_running(process) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("it ends");
}
