//! `chatmesh port-forward` and `chatmesh ping` as people run them.

use std::process::Stdio;

use chatmesh_mesh_tests::{Mesh, PATIENCE, built_program, eventually};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::app::{App, Free, Peer};
use crate::door::Door;
use crate::with_workspace;

fn chatmesh(mesh: &Mesh, args: &[&str]) -> Command {
    let mut command = Command::new(built_program("chatmesh"));
    command
        .args(args)
        .env_clear()
        .env("CHATMESH_URL", mesh.url())
        .env("CHATMESH_TOKEN", mesh.admin().token())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What a command wrote, and its exit code.
async fn run(mut command: Command) -> (String, String, Option<i32>) {
    let output = timeout(PATIENCE, command.output()).await.expect("an end in time").expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Starts to forward, and returns the addresses here.
async fn forward(mesh: &Mesh, url: &str, ports: &[String]) -> (Child, Vec<String>) {
    let mut args = vec!["port-forward", "demo"];
    args.extend(ports.iter().map(String::as_str));
    let mut child = chatmesh(mesh, &args).env("CHATMESH_URL", url).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut addresses = Vec::new();
    for port in ports {
        let line =
            timeout(PATIENCE, lines.next_line()).await.expect("a line in time").expect("a line").expect("a line");
        let remote = port.rsplit(':').next().expect("a port");
        assert!(line.ends_with(&format!("to port {remote} of demo")), "{line}");
        addresses.push(line.split(' ').nth(1).expect("an address").to_owned());
    }
    (child, addresses)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_of_the_workspace_is_a_port_of_this_machine() {
    with_workspace(async |mesh, _| {
        let (app, peer) = (App::start().await, Peer::start().await);
        let free = Free::keep();
        let ports = [app.port, peer.port, free.port].map(|port| format!("0:{port}"));
        let (mut child, addresses) = forward(mesh, mesh.url(), &ports).await;

        let url = format!("http://{}/chunks", addresses[0]);
        let pages =
            futures::future::join_all((0..20).map(async |_| reqwest::get(&url).await.expect("an answer").text().await));
        for page in pages.await {
            assert_eq!(page.expect("a body"), "one two three");
        }

        let (heard, ()) = tokio::join!(peer.speak_and_listen("first"), async {
            let mut stream = TcpStream::connect(&addresses[1]).await.expect("connected");
            let mut said = String::new();
            stream.read_to_string(&mut said).await.expect("read to its end");
            assert_eq!(said, "first");
            stream.write_all(b"after its end").await.expect("written");
            stream.shutdown().await.expect("ended");
        });
        assert_eq!(heard, "after its end");

        let mut stream = TcpStream::connect(&addresses[2]).await.expect("connected");
        let end = timeout(PATIENCE, stream.read(&mut [0; 1])).await.expect("an end in time");
        assert_eq!(end.expect_err("nobody is there").kind(), std::io::ErrorKind::ConnectionReset);

        let pid = child.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("told to end");
        let status = timeout(PATIENCE, child.wait()).await.expect("an end in time").expect("a status");
        let mut complaints = String::new();
        child.stderr.take().expect("its errors").read_to_string(&mut complaints).await.expect("read");
        assert_eq!(status.code(), Some(0), "{complaints}");
        assert!(complaints.contains(&format!("port {} of demo: nothing listens", free.port)), "{complaints}");
        assert_eq!(complaints.lines().count(), 1, "{complaints}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_for_a_mesh_that_is_away() {
    with_workspace(async |mesh, _| {
        let (peer, door) = (Peer::start().await, Door::before(mesh.url()).await);
        let (_child, addresses) = forward(mesh, &door.url, &[format!("0:{}", peer.port)]).await;
        door.close(true);
        let mut stream = TcpStream::connect(&addresses[0]).await.expect("connected");
        eventually("the mesh is looked for again", async || door.refused(), |refused| *refused >= 2).await;
        door.close(false);
        let (heard, ()) = tokio::join!(peer.speak_and_listen("back"), async {
            let mut said = String::new();
            stream.read_to_string(&mut said).await.expect("read to its end");
            assert_eq!(said, "back");
            stream.shutdown().await.expect("ended");
        });
        assert_eq!(heard, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_forwarded_is_said_before_anything_is() {
    with_workspace(async |mesh, _| {
        let other = Peer::start().await;
        let taken = other.port.to_string();
        for (args, said) in [
            (vec!["port-forward", "nowhere", "0:80"], "you have no workspace `nowhere`"),
            (vec!["port-forward", "demo", taken.as_str()], "cannot listen on 127.0.0.1"),
            (vec!["ping", "nowhere", "-c", "1"], "you have no workspace `nowhere`"),
        ] {
            let (out, complaints, code) = run(chatmesh(mesh, &args)).await;
            assert_eq!(code, Some(1), "{args:?}: {out}{complaints}");
            assert!(complaints.contains(said) && out.is_empty(), "{args:?}: {out}{complaints}");
        }
    })
    .await;
}

/// G34: no question waits for ever, and the summary comes where nobody answers, too.
#[tokio::test(flavor = "multi_thread")]
async fn ping_measures_the_way_to_the_agent_and_fails_where_nobody_answers() {
    with_workspace(async |mesh, workspace| {
        let (out, complaints, code) =
            run(chatmesh(mesh, &["ping", "demo", "-c", "5", "-i", "0.01", "--throughput"])).await;
        assert_eq!((code, complaints.as_str()), (Some(0), ""), "{out}");
        let version = env!("CARGO_PKG_VERSION");
        assert!(out.contains(&format!("agent {version} answers: seq=5 time=")), "{out}");
        assert!(out.contains("5 asked, 5 answered, 0% lost") && out.contains("round trip min/avg/max/p99 = "), "{out}");
        assert!(out.contains("session ") && out.contains("machine "), "{out}");
        for direction in ["download", "upload"] {
            let line = out.lines().find(|line| line.starts_with(direction)).expect("a figure");
            let figure: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
            assert!(figure > 1.0, "{line}");
        }
        println!("{out}");

        mesh.admin().post(&format!("{workspace}:stop"), &serde_json::json!({})).await.ok();
        let (out, complaints, code) = run(chatmesh(mesh, &["ping", "demo", "-c", "1"])).await;
        assert_eq!(code, Some(1), "{out}{complaints}");
        assert!(complaints.contains("is not running"), "{out}{complaints}");
    })
    .await;
}
