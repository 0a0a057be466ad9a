//! A real agent and the relay's carrier over loopback TCP, with generated clients.

mod context;
mod drain;
mod lifecycle;
mod limits;
mod load;
mod program;
mod proxy;
mod relay;
mod trace;
mod watch;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_agent::{Agent, Args, Config, ConnectionError};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::write_file_request::Body;
use chatmesh_proto::relay::v1::Refusal;
use clap::Parser as _;
use http::StatusCode;
use relay::{LONG, Policy, Relay, Session, TOKEN};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::{NamedTempFile, TempDir};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Code;

/// An agent in this process.
struct Running {
    dir: TempDir,
    shutdown: CancellationToken,
    ended: tokio::task::JoinHandle<Result<(), ConnectionError>>,
}

impl Running {
    fn start(url: &str, further: &[&str]) -> Self {
        Self::start_with(url, further, &[])
    }

    fn start_with(url: &str, further: &[&str], variables: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let config = config(url, dir.path(), further, variables);
        let shutdown = CancellationToken::new();
        let agent = Agent::open(config).expect("agent");
        let ended = TaskTracker::new().spawn(agent.run(shutdown.clone()));
        Self { dir, shutdown, ended }
    }

    async fn end(self) -> Result<(), ConnectionError> {
        tokio::time::timeout(LONG, self.ended).await.expect("the agent ends").expect("no panic")
    }
}

fn config(url: &str, dir: &Path, further: &[&str], variables: &[(&str, String)]) -> Config {
    let (directory, state) = (dir.join("work"), dir.join("state"));
    std::fs::create_dir_all(&directory).expect("directory");
    let arguments = ["agent", "--url", url, "--directory", path(&directory), "--state-dir", path(&state)];
    let args = Args::try_parse_from(arguments.iter().chain(further)).expect("arguments");
    // Whatever the machine's own proxy is, it is not meant.
    let is_proxy = |name: &std::ffi::OsString| name.to_string_lossy().to_lowercase().ends_with("_proxy");
    let environment = std::env::vars_os().filter(|(name, _)| !is_proxy(name));
    let environment = environment.chain([("CHATMESH_AGENT_TOKEN".into(), TOKEN.into())]);
    let environment = environment.chain(variables.iter().map(|(name, value)| (name.into(), value.into())));
    Config::load(args, environment.collect()).expect("config")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("path")
}

async fn connected() -> (Relay, Running, Session) {
    let mut relay = Relay::start(Policy::Welcome).await;
    let agent = Running::start(&format!("http://{}", relay.address), &[]);
    let session = relay.session().await;
    (relay, agent, session)
}

fn command(command: &str, key: &str) -> pb::StartProcessRequest {
    pb::StartProcessRequest { command: command.to_owned(), idempotency_key: key.to_owned(), ..Default::default() }
}

async fn start(session: &Session, request: pb::StartProcessRequest) -> pb::StartProcessResponse {
    session.processes().start_process(request).await.expect("started").into_inner()
}

async fn wait(session: &Session, process_id: &str, timeout_ms: u32) -> Result<pb::WaitProcessResponse, tonic::Status> {
    let request = pb::WaitProcessRequest { process_id: process_id.to_owned(), timeout_ms };
    Ok(session.processes().wait_process(request).await?.into_inner())
}

fn process(started: &pb::StartProcessResponse) -> &pb::Process {
    started.process.as_ref().expect("process")
}

async fn write(session: &Session, file: &Path, content: &[u8]) -> Result<pb::WriteFileResponse, tonic::Status> {
    let header =
        pb::WriteFileHeader { path: path(file).to_owned(), size_bytes: content.len() as u64, ..Default::default() };
    let pieces = content.chunks(64 * 1024).map(|piece| Body::Data(Bytes::copy_from_slice(piece)));
    let bodies: Vec<_> = std::iter::once(Body::Header(header)).chain(pieces).collect();
    let messages = bodies.into_iter().map(|body| pb::WriteFileRequest { body: Some(body) });
    Ok(session.files().write_file(futures::stream::iter(messages)).await?.into_inner())
}

#[tokio::test]
async fn every_service_works_through_the_carrier() {
    let (_relay, agent, session) = connected().await;
    let ping = session.diagnostics().ping(pb::PingRequest {}).await.expect("ping").into_inner();
    assert_eq!(ping.instance_id, session.hello.instance_id);
    assert_eq!(Path::new(&ping.directory), agent.dir.path().join("work"));

    let started = start(&session, command("pwd", "")).await;
    let waited = wait(&session, &process(&started).id, 60_000).await.expect("waited");
    assert_eq!(waited.process.expect("process").exit_code, Some(0));
    assert_eq!(waited.output.expect("output").text.trim(), ping.directory);

    let file = agent.dir.path().join("work/deep/file");
    let content = "line\n".repeat(300_000);
    let written = write(&session, &file, content.as_bytes()).await.expect("written");
    assert_eq!(written.size_bytes, 1_500_000);
    let request = pb::ReadFileLinesRequest {
        path: written.path,
        offset: 299_999,
        limit: 1,
        max_file_bytes: 2_000_000,
        ..Default::default()
    };
    let read = session.files().read_file_lines(request).await.expect("read").into_inner();
    assert_eq!((read.content.as_str(), read.total_lines), ("299999\tline", 300_000));
    let error = wait(&session, "no-uuid", 0).await.expect_err("refused");
    assert_eq!(error.code(), Code::InvalidArgument);

    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn processes_survive_a_cut_connection_and_their_keys_attach() {
    let (mut relay, agent, first) = connected().await;
    let started = start(&first, command("echo one; sleep 0.3; echo two", "k")).await;
    let waiting = {
        let (processes, id) = (first.processes(), process(&started).id.clone());
        TaskTracker::new().spawn(async move {
            let mut processes = processes;
            let request = pb::WaitProcessRequest { process_id: id, timeout_ms: 60_000 };
            processes.wait_process(request).await
        })
    };
    tokio::task::yield_now().await;
    first.cut();
    tokio::time::timeout(LONG, first.channel.closed()).await.expect("the channel knows");
    let error = waiting.await.expect("no panic").expect_err("the call broke");
    assert_eq!(error.code(), Code::Unavailable, "{error}");

    let second = relay.session().await;
    assert_eq!(second.hello.instance_id, first.hello.instance_id);
    let again = start(&second, command("echo one; sleep 0.3; echo two", "k")).await;
    assert!(again.attached);
    assert_eq!(process(&again).id, process(&started).id);
    let waited = wait(&second, &process(&again).id, 60_000).await.expect("waited");
    assert_eq!(waited.output.expect("output").text, "one\ntwo\n");
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn many_waits_and_a_long_write_share_the_connection() {
    let (_relay, agent, session) = connected().await;
    let started = start(&session, command("sleep 1000", "")).await;
    let id = process(&started).id.clone();
    let waits = (0..200).map(|_| wait(&session, &id, 1));
    assert!(futures::future::join_all(waits).await.into_iter().all(|waited| waited.is_ok()));
    let file = agent.dir.path().join("work/large");
    write(&session, &file, &vec![b'x'; 16 * 1024 * 1024]).await.expect("written");
    assert_eq!(std::fs::metadata(&file).expect("file").len(), 16 * 1024 * 1024);
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}

#[tokio::test]
async fn a_shutdown_lets_calls_end_and_stops_processes() {
    let (_relay, agent, session) = connected().await;
    let started =
        start(&session, command("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done", "")).await;
    let id = process(&started).id.clone();
    until_output(&session, &id, "ready").await;
    let (waited, ()) = tokio::join!(wait(&session, &id, 60_000), async {
        tokio::task::yield_now().await;
        agent.shutdown.cancel();
    });
    let waited = waited.expect("the call ends");
    assert_eq!(waited.process.expect("process").exit_code, Some(3));
    assert!(waited.output.expect("output").text.ends_with("bye\n"));
    agent.end().await.expect("a clean end");
}

async fn until_output(session: &Session, id: &str, text: &str) {
    let written = async {
        while !wait(session, id, 0).await.expect("known").output.expect("output").text.contains(text) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, written).await.expect("output");
}

#[tokio::test]
async fn a_permanent_refusal_or_a_wrong_token_ends_the_agent() {
    let refusal = Refusal { message: "of an old build".to_owned(), permanent: true };
    let relay = Relay::start(Policy::Refuse(refusal)).await;
    let error = Running::start(&format!("http://{}", relay.address), &[]).end().await.expect_err("refused");
    assert!(matches!(error, ConnectionError::Refused(message) if message == "of an old build"));

    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
        let relay = Relay::start(Policy::Status(status)).await;
        let error = Running::start(&format!("http://{}", relay.address), &[]).end().await.expect_err("refused");
        assert!(matches!(error, ConnectionError::Unauthorized(refused) if refused == status));
    }
}

#[tokio::test]
async fn other_refusals_are_tried_again_until_the_shutdown() {
    let refusal = Refusal { message: "too many agents".to_owned(), permanent: false };
    for policy in [Policy::Refuse(refusal), Policy::Status(StatusCode::SERVICE_UNAVAILABLE)] {
        let mut relay = Relay::start(policy).await;
        let agent = Running::start(&format!("http://{}", relay.address), &[]);
        for _ in 0..3 {
            relay.turned_away().await;
        }
        agent.shutdown.cancel();
        agent.end().await.expect("a clean end");
    }
}

/// What a relay at `name` shows, and a file with the authority that agents trust then.
fn self_signed(name: &str) -> (TlsAcceptor, NamedTempFile) {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).expect("certificate");
    let ca = NamedTempFile::new().expect("file");
    std::fs::write(ca.path(), certified.cert.pem()).expect("file");
    let certificate = CertificateDer::from_pem_file(ca.path()).expect("certificate");
    let key = PrivateKeyDer::from_pem_slice(certified.signing_key.serialize_pem().as_bytes()).expect("key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("config");
    (TlsAcceptor::from(Arc::new(config)), ca)
}

#[tokio::test]
async fn an_agent_connects_over_tls_to_a_relay_that_it_can_trust() {
    let (acceptor, ca) = self_signed("localhost");
    let mut relay = Relay::start_with(Policy::Welcome, Some(acceptor)).await;
    let url = format!("https://localhost:{}", relay.address.port());

    let distrustful = Running::start(&url, &[]);
    relay.turned_away().await;
    distrustful.shutdown.cancel();
    let _ = distrustful.end().await;

    let agent = Running::start(&url, &["--ca-file", path(ca.path())]);
    let session = relay.session().await;
    session.diagnostics().ping(pb::PingRequest {}).await.expect("ping");
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}
