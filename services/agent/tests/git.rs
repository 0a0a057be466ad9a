//! A watch of repositories through the agent's services: what the tools of a chat touch is shown
//! to that chat and to those that it descends from.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_agent::{Agent, Args, Config};
use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::container_service_client::ContainerServiceClient;
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::git_service_client::GitServiceClient;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::agent::v1::watch_changes_response::Event;
use chatmesh_proto::agent::v1::write_file_request::Body;
use chatmesh_rpc::{Transport, local};
use clap::Parser as _;
use tempfile::TempDir;
use tonic::{Code, Request, Streaming};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// An agent without a relay.
struct Fixture {
    dir: TempDir,
    transport: Transport,
}

impl Fixture {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("dir");
        let state = dir.path().join("state");
        let arguments =
            ["agent", "--url", "http://relay", "--directory", path(dir.path()), "--state-dir", path(&state)];
        let args = Args::try_parse_from(arguments).expect("arguments");
        let mut environment: Vec<_> = std::env::vars_os().filter(|(name, _)| name != "DOCKER_HOST").collect();
        let socket = dir.path().join("docker.sock");
        environment.push(("DOCKER_HOST".into(), format!("unix://{}", socket.display()).into()));
        environment.push(("CHATMESH_AGENT_TOKEN".into(), "token".into()));
        let agent = Agent::open(Config::load(args, environment).expect("config")).expect("agent");
        Self { dir, transport: local(agent.routes()) }
    }

    /// Makes an empty repository.
    fn repository(&self, name: &str) -> PathBuf {
        let root = self.dir.path().canonicalize().expect("dir").join(name);
        std::fs::create_dir(&root).expect("dir");
        let status = Command::new("git").args(["init", "--quiet", "--initial-branch=main"]).current_dir(&root).status();
        assert!(status.expect("git is installed").success());
        root
    }

    async fn watch(&self, chat: &str) -> Streaming<pb::WatchChangesResponse> {
        let request = in_chat(futures::stream::pending(), chat, "");
        let mut client = GitServiceClient::new(self.transport.clone());
        client.watch_changes(request).await.expect("watched").into_inner()
    }

    async fn write(&self, file: &Path, content: &str, chat: &str, ancestors: &str) {
        let header =
            pb::WriteFileHeader { path: path(file).to_owned(), size_bytes: content.len() as u64, ..Default::default() };
        let bodies = [Body::Header(header), Body::Data(Bytes::copy_from_slice(content.as_bytes()))];
        let messages = bodies.map(|body| pb::WriteFileRequest { body: Some(body) });
        let request = in_chat(futures::stream::iter(messages), chat, ancestors);
        FileServiceClient::new(self.transport.clone()).write_file(request).await.expect("written");
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("path")
}

fn in_chat<T>(message: T, chat: &str, ancestors: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("chatmesh-chat-id", chat.parse().expect("value"));
    request.metadata_mut().insert("chatmesh-ancestor-chat-ids", ancestors.parse().expect("value"));
    request
}

async fn next(stream: &mut Streaming<pb::WatchChangesResponse>) -> pb::Repository {
    let answer = tokio::time::timeout(LONG, stream.message()).await.expect("an answer comes");
    match answer.expect("no error").expect("the stream is open").event.expect("an event") {
        Event::Repository(repository) => repository,
        Event::Problem(problem) => panic!("{problem:?}"),
    }
}

/// G01
#[tokio::test]
async fn g01_a_file_that_a_chat_writes_shows_its_repository_to_the_chat_and_its_ancestors() {
    let fixture = Fixture::new();
    let (mine, theirs) = (fixture.repository("mine"), fixture.repository("theirs"));
    let (mut parent, mut stranger) = (fixture.watch("parent").await, fixture.watch("stranger").await);
    fixture.write(&mine.join("src/new.rs"), "fn new() {}\n", "child", r#"["parent","grandparent"]"#).await;
    fixture.write(&theirs.join("f"), "theirs\n", "stranger", "").await;

    let seen = next(&mut parent).await;
    assert_eq!((Path::new(&seen.repo_root), seen.branch.as_str()), (mine.as_path(), "main"));
    assert!(seen.unified_diff.contains("+fn new() {}\n"), "{}", seen.unified_diff);
    assert_eq!(Path::new(&next(&mut stranger).await.repo_root), theirs);
    assert_eq!(Path::new(&next(&mut fixture.watch("grandparent").await).await.repo_root), mine);
}

/// G01
#[tokio::test]
async fn g01_the_directory_of_a_process_is_watched_and_its_end_is_a_reason_to_look() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.repository("first"), fixture.repository("second"));
    fixture.write(&first.join("f"), "1\n", "child", "parent").await;
    let mut watch = fixture.watch("parent").await;
    assert!(next(&mut watch).await.unified_diff.contains("+1\n"));

    // It works in one repository, and changes the other one shortly before its end.
    let command = format!("sleep 1.5; echo 2 > {}/f; echo 3 > g", path(&first));
    let request = pb::StartProcessRequest { command, workdir: path(&second).to_owned(), ..Default::default() };
    let began = std::time::Instant::now();
    let mut processes = ProcessServiceClient::new(fixture.transport.clone());
    processes.start_process(in_chat(request, "child", "parent")).await.expect("started");
    let (mut changed, mut made) = (false, false);
    while !(changed && made) {
        let seen = next(&mut watch).await;
        changed |= Path::new(&seen.repo_root) == first && seen.unified_diff.contains("+2\n");
        made |= Path::new(&seen.repo_root) == second && seen.unified_diff.contains("+3\n");
    }
    // Long before the repositories would be looked at without a reason.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[tokio::test]
async fn wrong_chats_are_refused() {
    let fixture = Fixture::new();
    for (chat, ancestors) in [("a b", ""), ("a", "b,,c")] {
        let request = in_chat(futures::stream::pending(), chat, ancestors);
        let mut client = GitServiceClient::new(fixture.transport.clone());
        assert_eq!(client.watch_changes(request).await.expect_err("refused").code(), Code::InvalidArgument);
        let request = pb::StartProcessRequest { command: "true".to_owned(), ..Default::default() };
        let mut client = ProcessServiceClient::new(fixture.transport.clone());
        let error = client.start_process(in_chat(request, chat, ancestors)).await.expect_err("refused");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn without_a_container_runtime_the_error_is_a_precondition() {
    let fixture = Fixture::new();
    let mut client = ContainerServiceClient::new(fixture.transport.clone());
    let error = client.list_containers(pb::ListContainersRequest::default()).await.expect_err("there is none");
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert!(error.message().contains("docker.sock"), "{}", error.message());
}
