//! Terminals, ports and throughput through the carrier, and that bulk does not hold up control.

#[path = "../connection/relay.rs"]
#[expect(dead_code, reason = "the relay can do more than these tests need")]
mod relay;

use std::time::{Duration, Instant};

use bytes::Bytes;
use chatmesh_agent::{Agent, Args, Config};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_proto::agent::v1::terminal_service_client::TerminalServiceClient;
use chatmesh_proto::agent::v1::{attach_terminal_request, attach_terminal_response};
use chatmesh_proto::agent::v1::{forward_port_request, forward_port_response};
use clap::Parser as _;
use futures::StreamExt as _;
use futures::channel::mpsc::{Sender, channel};
use futures::sink::SinkExt as _;
use relay::{LONG, Policy, Relay, Session, TOKEN};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Code, Streaming};

/// An agent in this process and the relay that it is connected to.
struct Mesh {
    _relay: Relay,
    _dir: TempDir,
    session: Session,
    shutdown: CancellationToken,
    agent: tokio::task::JoinHandle<Result<(), chatmesh_agent::ConnectionError>>,
}

impl Mesh {
    async fn start() -> Self {
        let mut relay = Relay::start(Policy::Welcome).await;
        let dir = tempfile::tempdir().expect("dir");
        let url = format!("http://{}", relay.address);
        let path = dir.path().to_str().expect("path");
        let state = dir.path().join("state");
        let arguments = ["agent", "--url", &url, "--directory", path, "--state-dir", state.to_str().expect("path")];
        let variables = [("CHATMESH_AGENT_TOKEN", TOKEN), ("HTTPS_PROXY", "http://user:secret@proxy:3128")];
        let environment = std::env::vars_os().chain(variables.map(|(name, value)| (name.into(), value.into())));
        let config = Config::load(Args::try_parse_from(arguments).expect("arguments"), environment.collect());
        let shutdown = CancellationToken::new();
        let agent = Agent::open(config.expect("config")).expect("agent");
        let agent = TaskTracker::new().spawn(agent.run(shutdown.clone()));
        let session = relay.session().await;
        Self { _relay: relay, _dir: dir, session, shutdown, agent }
    }

    async fn forward(&self, port: u16) -> Forward {
        let (mut messages, received) = channel(1);
        let header = pb::ForwardPortHeader { port: port.into(), host: String::new() };
        messages.try_send(request(forward_port_request::Body::Header(header))).expect("room");
        let mut ports = PortServiceClient::new(self.session.channel.clone());
        let mut responses = ports.forward_port(received).await.expect("connected").into_inner();
        let connected = responses.message().await.expect("no error").and_then(|response| response.body);
        assert!(matches!(connected, Some(forward_port_response::Body::Connected(_))));
        Forward { messages, responses }
    }

    async fn end(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LONG, self.agent).await.expect("the agent ends").expect("no panic").expect("a clean end");
    }
}

/// A connection to a port of the workspace.
struct Forward {
    messages: Sender<pb::ForwardPortRequest>,
    responses: Streaming<pb::ForwardPortResponse>,
}

fn request(body: forward_port_request::Body) -> pb::ForwardPortRequest {
    pb::ForwardPortRequest { body: Some(body) }
}

/// Sends `pieces` pieces of 64 KiB and the end.
async fn send(mut messages: Sender<pb::ForwardPortRequest>, pieces: usize) -> Sender<pb::ForwardPortRequest> {
    let piece = Bytes::from(vec![7; 64 * 1024]);
    for _ in 0..pieces {
        messages.send(request(forward_port_request::Body::Data(piece.clone()))).await.expect("it listens");
    }
    messages.send(request(forward_port_request::Body::End(pb::ForwardPortEnd {}))).await.expect("it listens");
    messages
}

/// Sends pieces until nobody takes them any more.
async fn fill(mut messages: Sender<pb::ForwardPortRequest>) {
    let piece = Bytes::from(vec![7; 64 * 1024]);
    while messages.send(request(forward_port_request::Body::Data(piece.clone()))).await.is_ok() {}
}

/// Counts bytes up to the end.
async fn receive(responses: &mut Streaming<pb::ForwardPortResponse>) -> usize {
    let mut received = 0;
    while let Some(response) = responses.message().await.expect("no error") {
        match response.body.expect("a body") {
            forward_port_response::Body::Data(data) => received += data.len(),
            forward_port_response::Body::End(_) => break,
            forward_port_response::Body::Connected(_) => panic!("connected twice"),
        }
    }
    received
}

/// A server that does `serve` with every connection.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let port = listener.local_addr().expect("address").port();
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tasks.spawn(serve(stream));
        }
    });
    port
}

async fn echo(mut stream: TcpStream) {
    let (mut reader, mut writer) = stream.split();
    let _ = tokio::io::copy(&mut reader, &mut writer).await;
    let _ = writer.shutdown().await;
}

/// Takes everything, then sends as much.
async fn take_and_give(mut stream: TcpStream) {
    let mut buffer = vec![0; 64 * 1024];
    let mut taken: u64 = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        taken += count as u64;
    }
    let _ = tokio::io::copy(&mut tokio::io::repeat(7).take(taken), &mut stream).await;
    let _ = stream.shutdown().await;
}

async fn never_reads(stream: TcpStream) {
    std::future::pending::<()>().await;
    drop(stream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forward_carries_eight_mebibytes_each_way_through_the_carrier() {
    let mesh = Mesh::start().await;
    let Forward { messages, mut responses } = mesh.forward(server(echo).await).await;
    let both = async { tokio::join!(send(messages, 128), receive(&mut responses)) };
    let (_, received) = tokio::time::timeout(LONG, both).await.expect("in time");
    assert_eq!(received, 8 * 1024 * 1024);
    assert!(responses.message().await.expect("no error").is_none(), "the call ends when both directions have");

    let mut ports = PortServiceClient::new(mesh.session.channel.clone());
    let (_, received) = channel::<pb::ForwardPortRequest>(1);
    let error = ports.forward_port(received).await.expect_err("no header");
    assert_eq!(error.code(), Code::InvalidArgument);
    mesh.end().await;
}

#[tokio::test]
async fn a_terminal_is_found_again_and_ends_with_the_agent() {
    let mesh = Mesh::start().await;
    let attach = async |text: &str| {
        let (mut messages, received) = channel(4);
        let header = pb::TerminalHeader {
            terminal_id: "00000000-0000-4000-8000-000000000001".to_owned(),
            command: "stty -echo; cat".to_owned(),
            ..Default::default()
        };
        let body = attach_terminal_request::Body::Header(header);
        messages.try_send(pb::AttachTerminalRequest { body: Some(body) }).expect("room");
        let body = attach_terminal_request::Body::Data(Bytes::copy_from_slice(text.as_bytes()));
        messages.try_send(pb::AttachTerminalRequest { body: Some(body) }).expect("room");
        let mut terminals = TerminalServiceClient::new(mesh.session.channel.clone());
        let responses = terminals.attach_terminal(received).await.expect("attached").into_inner();
        (messages, responses.map(|response| response.expect("no error").body.expect("a body")))
    };
    let (messages, mut responses) = attach("one\n").await;
    let until = async |responses: &mut (dyn futures::Stream<Item = _> + Unpin + Send), text: &str| {
        let mut seen = String::new();
        while !seen.contains(text) {
            match responses.next().await.expect("more") {
                attach_terminal_response::Body::Data(data) => seen.push_str(&String::from_utf8_lossy(&data)),
                attach_terminal_response::Body::Attached(_) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    until(&mut responses, "one\r\n").await;
    drop((messages, responses));
    let (_messages, mut responses) = attach("two\n").await;
    until(&mut responses, "one\r\ntwo\r\n").await;

    let facts = mesh.session.diagnostics().get_facts(pb::GetFactsRequest {}).await.expect("facts").into_inner();
    let agent = facts.agent.expect("agent");
    assert_eq!((agent.open_terminals, agent.open_forwards, agent.running_processes), (1, 0, 0));
    assert_eq!(agent.instance_id, mesh.session.hello.instance_id);
    let proxy = facts.proxies.iter().find(|proxy| proxy.name == "HTTPS_PROXY").expect("named");
    assert_eq!(proxy.value, "http://proxy:3128");

    mesh.shutdown.cancel();
    let last = responses.collect::<Vec<_>>().await.pop();
    let expected = pb::TerminalExited { exit_code: -1, reason: pb::TerminalEnd::Shutdown.into() };
    assert_eq!(last, Some(attach_terminal_response::Body::Exited(expected)));
    mesh.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throughput_is_measured_in_both_directions() {
    const BYTES: u64 = 4 * 1024 * 1024;
    let mesh = Mesh::start().await;
    let mut diagnostics = mesh.session.diagnostics();
    let request = pb::TestDownloadRequest { max_bytes: BYTES, max_duration_ms: 0 };
    let pieces = diagnostics.test_download(request).await.expect("begun").into_inner();
    let sizes = pieces.map(|piece| piece.expect("a piece").data.len() as u64);
    assert_eq!(sizes.fold(0, |sum, size| std::future::ready(sum + size)).await, BYTES);

    let piece = pb::TestUploadRequest { data: Bytes::from(vec![7; 64 * 1024]) };
    let pieces = futures::stream::iter(std::iter::repeat_n(piece, 64));
    let response = diagnostics.test_upload(pieces).await.expect("received").into_inner();
    assert_eq!(response.received_bytes, BYTES);
    assert!(response.duration_us > 0);
    mesh.end().await;
}

/// D5: while a forward runs at full speed in both directions, control is answered in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_does_not_hold_up_control() {
    let mesh = Mesh::start().await;
    let port = server(take_and_give).await;
    let stop = CancellationToken::new();
    let bulk = async {
        let mut carried = 0;
        while !stop.is_cancelled() {
            let Forward { messages, mut responses } = mesh.forward(port).await;
            let (_, received) = tokio::join!(send(messages, 256), receive(&mut responses));
            carried += 2 * received;
        }
        carried
    };
    let control = async {
        let mut times = Vec::new();
        for _ in 0..200 {
            let began = Instant::now();
            let command = pb::StartProcessRequest { command: "true".to_owned(), ..Default::default() };
            let started = mesh.session.processes().start_process(command).await.expect("started").into_inner();
            let process_id = started.process.expect("process").id;
            let wait = pb::WaitProcessRequest { process_id, timeout_ms: 60_000 };
            mesh.session.processes().wait_process(wait).await.expect("waited");
            times.push(began.elapsed());
        }
        stop.cancel();
        times.sort_unstable();
        times
    };
    let began = Instant::now();
    let (carried, times) = tokio::join!(bulk, control);
    let rate = carried as f64 / began.elapsed().as_secs_f64() / 1e6;
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("control p50 {half:?}, p99 {most:?} beside {rate:.0} MB/s");
    assert!(carried > 0);
    assert!(most < Duration::from_secs(1), "control p99 is {most:?} beside bulk");
    mesh.end().await;
}

/// D5: forwards that nobody reads hold up themselves only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwards_that_are_stuck_do_not_hold_up_control() {
    const STUCK: usize = 250;
    let mesh = Mesh::start().await;
    let port = server(never_reads).await;
    let tasks = TaskTracker::new();
    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        let Forward { messages, responses } = mesh.forward(port).await;
        stuck.push(responses);
        tasks.spawn(fill(messages));
    }
    // Long enough for all of them to fill what there is to fill.
    let mut diagnostics = mesh.session.diagnostics();
    for _ in 0..1000 {
        let ping = tokio::time::timeout(Duration::from_secs(5), diagnostics.ping(pb::PingRequest {}));
        ping.await.expect("in time").expect("ping");
    }
    drop(stuck);
    mesh.end().await;
}
