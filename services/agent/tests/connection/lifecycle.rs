//! Scripts of a workspace over the connection.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::LifecycleState;
use chatmesh_proto::agent::v1::lifecycle_service_client::LifecycleServiceClient;
use chatmesh_proto::agent::v1::supervise_request::Body;
use chatmesh_proto::agent::v1::supervise_response::Report;
use futures::StreamExt as _;
use nix::sys::signal::Signal;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tonic::{Code, Status, Streaming};

use super::connected;
use super::program::Program;
use super::relay::{LONG, Policy, Relay, Session};

/// The relay's end of a call.
pub(super) struct Supervision {
    requests: mpsc::UnboundedSender<Body>,
    responses: Streaming<pb::SuperviseResponse>,
    runs: Vec<pb::ScriptRun>,
}

impl Supervision {
    pub(super) async fn begin(session: &Session, first: Body) -> Self {
        let (requests, receiver) = mpsc::unbounded_channel();
        let _ = requests.send(first);
        let messages = futures::stream::unfold(receiver, |mut receiver| async {
            let body = receiver.recv().await?;
            Some((pb::SuperviseRequest { body: Some(body) }, receiver))
        });
        let mut client = LifecycleServiceClient::new(session.channel.clone());
        let responses = client.supervise(messages.boxed()).await.expect("supervised").into_inner();
        Self { requests, responses, runs: Vec::new() }
    }

    /// Takes and acknowledges reports until this state is told.
    async fn until(&mut self, expected: LifecycleState) -> pb::LifecycleReport {
        let telling = async {
            loop {
                let response = self.responses.message().await.expect("no error").expect("a report");
                let _ = self.requests.send(Body::Ack(pb::ReportAck { sequence: response.sequence }));
                match response.report.expect("a report") {
                    Report::Lifecycle(state) if state.state() == expected => return state,
                    Report::Run(run) => self.runs.push(run),
                    _ => {}
                }
            }
        };
        tokio::time::timeout(LONG, telling).await.expect("the state is told")
    }

    pub(super) fn say(&self, body: Body) {
        let _ = self.requests.send(body);
    }

    /// Leaves the call to its end.
    pub(super) fn end_later(mut self) {
        TaskTracker::new().spawn(async move { while let Ok(Some(_)) = self.responses.message().await {} });
    }

    async fn error(mut self) -> Status {
        loop {
            match tokio::time::timeout(LONG, self.responses.message()).await.expect("in time") {
                Ok(response) => assert!(response.is_some(), "no error"),
                Err(status) => return status,
            }
        }
    }
}

pub(super) fn manifest() -> Body {
    let script =
        |id: &str, script: &str| pb::Script { id: id.to_owned(), script: script.to_owned(), ..Default::default() };
    let start = pb::Script { run_on_start: true, ..script("start", "echo started, niceness $(nice) >> file") };
    let stop = pb::Script { run_on_stop: true, ..script("stop", "echo stopped >> file") };
    Body::Manifest(pb::Manifest { build_id: "b1".to_owned(), scripts: vec![start, stop] })
}

/// S01, B.7.
#[tokio::test]
async fn s01_scripts_run_once_for_a_build_whatever_happens_to_connection_and_agent() {
    let (mut relay, dir) = (Relay::start(Policy::Welcome).await, tempfile::tempdir().expect("dir"));
    let agent = Program::start(&relay, dir.path(), "export CHATMESH_AGENT_PROCESS_NICENESS=3;");
    let session = relay.session().await;
    let mut supervision = Supervision::begin(&session, manifest()).await;
    let ready = supervision.until(LifecycleState::Ready).await;
    assert_eq!((&*ready.build_id, supervision.runs.len()), ("b1", 1));

    session.cut();
    let session = relay.session().await;
    let mut supervision = Supervision::begin(&session, manifest()).await;
    supervision.until(LifecycleState::Ready).await;

    agent.signal(Signal::SIGKILL);
    agent.end().await;
    let agent = Program::start(&relay, dir.path(), "");
    let session = relay.session().await;
    let mut supervision = Supervision::begin(&session, manifest()).await;
    supervision.until(LifecycleState::Ready).await;
    agent.signal(Signal::SIGTERM);
    supervision.until(LifecycleState::Off).await;
    assert_eq!(supervision.runs.len(), 1);
    assert_eq!(agent.end().await.code(), Some(0));
    let file = std::fs::read_to_string(dir.path().join("work/file")).expect("file");
    assert_eq!(file, "started, niceness 3\nstopped\n");
}

#[tokio::test]
async fn a_call_begins_with_a_valid_manifest_of_the_agents_build_and_ends_when_another_begins() {
    let (_relay, agent, session) = connected().await;
    let ack = Body::Ack(pb::ReportAck { sequence: 1 });
    assert_eq!(Supervision::begin(&session, ack).await.error().await.code(), Code::InvalidArgument);
    let nameless = Body::Manifest(pb::Manifest::default());
    assert_eq!(Supervision::begin(&session, nameless).await.error().await.code(), Code::InvalidArgument);

    let build = |id: &str| Body::Manifest(pb::Manifest { build_id: id.to_owned(), scripts: Vec::new() });
    let mut first = Supervision::begin(&session, build("b1")).await;
    first.until(LifecycleState::Ready).await;
    let other = Supervision::begin(&session, build("b2")).await.error().await;
    assert_eq!(other.code(), Code::FailedPrecondition, "{other}");
    let mut second = Supervision::begin(&session, build("b1")).await;
    assert_eq!(first.error().await.code(), Code::Aborted);
    second.until(LifecycleState::Ready).await;

    let _ = second.requests.send(Body::Drain(pb::DrainNotice {}));
    agent.shutdown.cancel();
    second.until(LifecycleState::Off).await;
    agent.end().await.expect("a clean end");
}
