//! Limits of commands, set by the program itself.

use std::process::Stdio;

use chatmesh_proto::agent::v1 as pb;
use tokio::process::Command;

use super::program::Program;
use super::relay::{Policy, Relay, Session};
use super::{command, process, start, wait};

/// Prints what holds for a command.
const SHOW: &str = "nice; cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn; ulimit -v; ulimit -t; ulimit -Ht; \
                    ulimit -f; grep -c 'Max processes  *5000 *5000' /proc/self/limits";

async fn run(session: &Session, request: pb::StartProcessRequest) -> (Option<i32>, String) {
    let started = start(session, request).await;
    let waited = wait(session, &process(&started).id, 60_000).await.expect("waited");
    (waited.process.expect("process").exit_code, waited.output.expect("output").text)
}

fn limited(text: &str, limits: pb::ProcessLimits) -> pb::StartProcessRequest {
    pb::StartProcessRequest { limits: Some(limits), ..command(text, "") }
}

#[tokio::test]
async fn a_command_runs_within_the_limits_of_its_request_and_the_defaults_of_the_agent() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let before = "export CHATMESH_AGENT_PROCESS_NICENESS=5 CHATMESH_AGENT_PROCESS_OOM_SCORE_ADJ=200;";
    let _agent = Program::start(&relay, dir.path(), before);
    let session = relay.session().await;

    let (code, defaults) = run(&session, command("nice; cat /proc/self/oom_score_adj", "")).await;
    assert_eq!((code, &*defaults), (Some(0), "5\n200\n"));

    let limits = pb::ProcessLimits {
        niceness: Some(7),
        memory_bytes: Some(512 * 1024 * 1024),
        cpu_seconds: Some(100),
        open_files: Some(64),
        processes: Some(5000),
        file_size_bytes: Some(1024 * 1024),
        oom_score_adj: None,
    };
    let (code, shown) = run(&session, limited(SHOW, limits)).await;
    assert_eq!((code, &*shown), (Some(0), "7\n200\n64\n64\n524288\n100\n101\n2048\n1\n"));
}

#[tokio::test]
async fn what_an_agent_may_not_set_is_left_out_of_its_defaults_and_fails_a_request() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    // Root lays its privileges down first.
    let before = "export CHATMESH_AGENT_PROCESS_NICENESS=-5; \
                  [ $(id -u) != 0 ] || exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\";";
    let _agent = Program::start(&relay, dir.path(), before);
    let session = relay.session().await;
    assert_eq!(run(&session, command("nice", "")).await, (Some(0), "0\n".to_owned()));
    let limits = pb::ProcessLimits { niceness: Some(-5), ..Default::default() };
    let (code, text) = run(&session, limited("touch begun", limits)).await;
    assert_eq!(code, Some(125));
    assert!(text.contains("the limit `niceness` can not be set"), "{text}");
    assert!(!dir.path().join("work/begun").exists());
}

#[tokio::test]
async fn a_limited_command_has_its_environment_its_group_and_the_usual_handling_of_signals() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let _agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let limits = pb::ProcessLimits { open_files: Some(64), ..Default::default() };
    let text = "yes | head -n 1; env | grep ^CHATMESH_AGENT_ | cut -d = -f 1; echo $CHATMESH_AGENT; ps -o pgid= -p $$ | grep -cw $$; pwd";
    let (code, shown) = run(&session, limited(text, limits)).await;
    let work = dir.path().join("work").canonicalize().expect("path");
    assert_eq!((code, shown), (Some(0), format!("y\nCHATMESH_AGENT_SOCKET\ntrue\n1\n{}\n", work.display())));

    let processor = pb::ProcessLimits { cpu_seconds: Some(1), ..Default::default() };
    let (code, _) = run(&session, limited("while :; do :; done", processor)).await;
    assert_eq!(code, Some(-1), "it used its processor time");
    let size = pb::ProcessLimits { file_size_bytes: Some(1024), ..Default::default() };
    let (code, _) = run(&session, limited("exec head -c 4096 /dev/zero > file", size)).await;
    assert_eq!(code, Some(-1), "its file is too large");
    assert_eq!(std::fs::metadata(work.join("file")).expect("file").len(), 1024);
}

#[tokio::test]
async fn the_hidden_command_says_what_it_can_not_do() {
    let plan = r#"{"preferred":{},"required":{}}"#;
    let too_nice = r#"{"preferred":{},"required":{"oom_score_adj":5000}}"#;
    for (arguments, code, expected) in [
        (&["run-limited"][..], 125, "for the agent itself"),
        (&["run-limited", "nonsense", "true"], 125, "for the agent itself"),
        (&["run-limited", plan, "/no/such/program"], 126, "`/no/such/program` can not be run"),
        (&["run-limited", too_nice, "true"], 125, "the limit `oom_score_adj` can not be set"),
        (&["run-limited", plan, "/bin/sh", "-c", "exit 3"], 3, ""),
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_chatmesh-agent"));
        let output = program.args(arguments).stdin(Stdio::null()).output().await.expect("output");
        let text = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(expected), "{text}");
    }
}
