//! Following a process over the connection.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::watch_process_response::Event;
use nix::sys::signal::Signal;
use tonic::{Code, Streaming};

use super::program::Program;
use super::relay::{Policy, Relay, Session};
use super::{command, connected, process, start, until_output, wait};

async fn watch(session: &Session, id: &str, include_output: bool) -> Streaming<pb::WatchProcessResponse> {
    let request = pb::WatchProcessRequest { process_id: id.to_owned(), include_output, ..Default::default() };
    session.processes().watch_process(request).await.expect("watched").into_inner()
}

async fn next(events: &mut Streaming<pb::WatchProcessResponse>) -> Event {
    events.message().await.expect("no error").expect("a message").event.expect("an event")
}

#[tokio::test]
async fn a_watch_streams_output_and_ends_with_the_process() {
    let (_relay, agent, session) = connected().await;
    let started = start(&session, command("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two", "")).await;
    let id = &process(&started).id;
    let (mut events, mut end) = (watch(&session, id, true).await, watch(&session, id, false).await);
    let Event::Output(chunk) = next(&mut events).await else { panic!("no output") };
    assert_eq!((chunk.offset, &chunk.data[..]), (0, &b"one\n"[..]));
    std::fs::write(agent.dir.path().join("work/go"), "").expect("file");
    let Event::Output(chunk) = next(&mut events).await else { panic!("no output") };
    assert_eq!((chunk.offset, &chunk.data[..]), (4, &b"two\n"[..]));
    for events in [&mut events, &mut end] {
        let Event::Ended(ended) = next(events).await else { panic!("no end") };
        assert_eq!(ended.process.expect("process").exit_code, Some(0));
        assert_eq!(ended.output.expect("output").text, "one\ntwo\n");
        assert!(events.message().await.expect("no error").is_none(), "the stream is over");
    }
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn a_shutdown_ends_a_watch_with_the_end_of_its_process() {
    let (_relay, agent, session) = connected().await;
    let started = start(&session, command("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done", "")).await;
    let id = &process(&started).id;
    until_output(&session, id, "ready").await;
    let mut events = watch(&session, id, false).await;
    agent.shutdown.cancel();
    let Event::Ended(ended) = next(&mut events).await else { panic!("no end") };
    assert_eq!(ended.process.expect("process").exit_code, Some(3));
    agent.end().await.expect("a clean end");
}

/// D7, G20, G21: nobody is told an outcome that nobody knows, and nothing runs twice.
#[tokio::test]
async fn an_agent_killed_in_mid_command_breaks_its_calls_and_its_successor_tells_that_the_outcome_is_unknown() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let request =
        || command("echo once >> file; echo ready; while [ -d \"$PWD\" ] && [ ! -e go ]; do sleep 0.01; done", "k");
    // The same key at the same time, and again while it runs.
    let first = futures::future::join_all((0..20).map(|_| start(&session, request()))).await;
    assert_eq!(first.iter().filter(|started| !started.attached).count(), 1);
    let id = process(&first[0]).id.clone();
    assert!(first.iter().all(|started| process(started).id == id));
    until_output(&session, &id, "ready").await;
    assert!(start(&session, request()).await.attached);

    let mut events = watch(&session, &id, false).await;
    agent.signal(Signal::SIGKILL);
    events.message().await.expect_err("the agent is gone");
    agent.end().await;

    let _agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    for _ in 0..3 {
        let again = start(&session, request()).await;
        assert!(again.attached && process(&again).lost && process(&again).exit_code.is_none());
        assert_eq!(process(&again).id, id);
    }
    let error = wait(&session, &id, 60_000).await.expect_err("lost");
    assert_eq!(error.code(), Code::DataLoss);
    let watch = pb::WatchProcessRequest { process_id: id, ..Default::default() };
    let error = session.processes().watch_process(watch).await.expect_err("lost");
    assert_eq!(error.code(), Code::DataLoss);
    assert_eq!(std::fs::read_to_string(dir.path().join("work/file")).expect("file"), "once\n");
    // Ends the command, which outlived its agent.
    std::fs::write(dir.path().join("work/go"), "").expect("file");
}
