//! The program itself: exit codes, signals, death and what the disk refuses.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::relay::v1::Refusal;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tonic::Code;

use super::relay::{LONG, Policy, Relay, TOKEN};
use super::{command, path, process, start, until_output, wait, write};

pub(super) struct Program {
    child: Child,
}

impl Program {
    /// Runs the agent, after the shell commands `before`.
    pub(super) fn start(relay: &Relay, dir: &Path, before: &str) -> Self {
        let work = dir.join("work");
        std::fs::create_dir_all(&work).expect("directory");
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(format!("{before} exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_chatmesh-agent"))
            .args(["--directory", path(&work), "--state-dir", path(&dir.join("state"))])
            .env("CHATMESH_AGENT_URL", format!("http://{}", relay.address))
            .env("CHATMESH_AGENT_TOKEN", TOKEN)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the agent starts");
        Self { child }
    }

    pub(super) fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id().expect("it runs")).expect("id"))
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(self.id(), signal).expect("signalled");
    }

    pub(super) async fn end(mut self) -> ExitStatus {
        tokio::time::timeout(LONG, self.child.wait()).await.expect("it ends").expect("status")
    }
}

#[tokio::test]
async fn a_refused_agent_exits_with_78() {
    let refusal = Refusal { message: "of an old build".to_owned(), permanent: true };
    for policy in [Policy::Refuse(refusal), Policy::Status(http::StatusCode::UNAUTHORIZED)] {
        let (relay, dir) = (Relay::start(policy).await, tempfile::tempdir().expect("dir"));
        let status = Program::start(&relay, dir.path(), "").end().await;
        assert_eq!(status.code(), Some(i32::from(chatmesh_agent::EXIT_REFUSED)));
    }
}

#[tokio::test]
async fn a_signal_ends_the_agent_and_its_processes() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let started =
        start(&session, command("trap 'touch stopped; exit' TERM; echo ready; while :; do sleep 0.01; done", "")).await;
    until_output(&session, &process(&started).id, "ready").await;
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.end().await.code(), Some(0));
    assert!(dir.path().join("work/stopped").exists());
}

#[tokio::test]
async fn a_killed_agent_does_not_run_a_command_again() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let request = || command("echo once >> file; echo $$; echo ready; exec sleep 1000", "k");
    let first = start(&session, request()).await;
    until_output(&session, &process(&first).id, "ready").await;
    let output = wait(&session, &process(&first).id, 0).await.expect("known").output.expect("output");
    let orphan = output.text.lines().next().and_then(|line| line.parse().ok()).expect("a process id");
    agent.signal(Signal::SIGKILL);
    agent.end().await;

    let _agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let again = start(&session, request()).await;
    assert!(again.attached && process(&again).lost);
    assert_eq!(process(&again).id, process(&first).id);
    let error = wait(&session, &process(&again).id, 60_000).await.expect_err("lost");
    assert_eq!(error.code(), Code::DataLoss);
    assert_eq!(std::fs::read_to_string(dir.path().join("work/file")).expect("file"), "once\n");
    kill(Pid::from_raw(orphan), Signal::SIGKILL).expect("the command outlived the agent");
}

#[tokio::test]
async fn f02_a_disk_that_takes_no_more_leaves_the_original() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    // A limit on the size of files stands for a full disk: both end the write half-way.
    let _agent = Program::start(&relay, dir.path(), "trap '' XFSZ; ulimit -f 100;");
    let session = relay.session().await;
    let file = dir.path().join("work/file");
    std::fs::write(&file, "original").expect("file");
    let error = write(&session, &file, &vec![b'x'; 1024 * 1024]).await.expect_err("no room");
    assert_eq!(error.code(), Code::ResourceExhausted);
    assert_eq!(std::fs::read_to_string(&file).expect("file"), "original");
    assert_eq!(std::fs::read_dir(dir.path().join("work")).expect("dir").count(), 1, "nothing is left behind");
    let request = pb::ReadFileLinesRequest { path: path(&file).to_owned(), ..Default::default() };
    let read = session.files().read_file_lines(request).await.expect("read").into_inner();
    assert_eq!(read.content, "1\toriginal");
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_help_with_0() {
    for (arguments, code) in [(&["--url", "nonsense"][..], 2), (&["--help"][..], 0)] {
        let program = Command::new(env!("CARGO_BIN_EXE_chatmesh-agent"))
            .args(arguments)
            .env_clear()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert_eq!(program.await.expect("status").code(), Some(code));
    }
}
