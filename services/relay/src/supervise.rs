//! Supervises agents: brings each what its workspace runs, and takes its reports to `workspaces`.
//!
//! A report is acknowledged when `workspaces` has recorded it, and not before; until then the agent
//! keeps it. While `workspaces` is away, nothing more is read, so that nothing piles up here.

mod batch;
mod line;

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Backoff, Uuid};
use chatmesh_proto::agent::v1::lifecycle_service_client::LifecycleServiceClient;
use chatmesh_proto::agent::v1::supervise_request::Body;
use chatmesh_proto::agent::v1::{Manifest, ReportAck, SuperviseRequest, SuperviseResponse};
use chatmesh_proto::workspaces::v1::ReportLifecycleRequest;
use chatmesh_proto::workspaces::v1::agent_service_client::AgentServiceClient;
use chatmesh_rpc::Code;
use futures::stream::poll_fn;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status, Streaming};
use tonic_types::StatusExt as _;
use tracing::{debug, error, info, warn};

use self::batch::Batch;
pub(crate) use self::line::Line;
use self::line::request;
use crate::carrier::{AgentChannel, Closed};
use crate::state::State;

/// How long an agent may take to begin its answer.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long `workspaces` may take for one message.
const REPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses before something that failed is tried again.
const MIN_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(15);
/// A call that lasted this long was a good one.
const STABLE: Duration = Duration::from_secs(60);
/// The agent's reason where it does not take its manifest.
const MANIFEST_INVALID: &str = "MANIFEST_INVALID";
/// How long the last reports of an agent that is gone are tried to be told.
const LAST_REPORTS: Duration = Duration::from_secs(5);
/// What may wait to be sent to an agent.
const MAX_REQUESTS: usize = 8;

/// An agent that is supervised for as long as its session lasts.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) agent: Uuid,
    pub(crate) epoch: u32,
    /// The agent's process.
    pub(crate) instance_id: String,
    pub(crate) manifest: Manifest,
    pub(crate) channel: AgentChannel,
    pub(crate) line: Line,
    /// Cancelled when the agent has another session, which supervises it then.
    pub(crate) relieved: CancellationToken,
}

impl Supervised {
    /// Runs until the session ends, or the agent is not to be supervised on it any more. Whatever
    /// goes wrong is no reason to end the session.
    pub(crate) async fn run(self, state: Arc<State>) {
        let (agent, mut backoff) = (self.agent, Backoff::new(MIN_PAUSE, MAX_PAUSE));
        loop {
            let began = Instant::now();
            let status = tokio::select! {
                ended = self.call(&state) => match ended {
                    Ok(()) => return debug!(%agent, "no more reports come"),
                    Err(status) => status,
                },
                () = self.relieved.cancelled() => return debug!(%agent, "another session supervises the agent"),
            };
            if began.elapsed() >= STABLE {
                backoff.reset();
            }
            let pause = match verdict(&status) {
                Verdict::Over => {
                    return info!(%agent, code = ?status.code(), "not supervised any more: {}", status.message());
                }
                Verdict::Refused => return error!(%agent, "the agent does not take its manifest: {}", status.message()),
                Verdict::Later => MAX_PAUSE,
                Verdict::Again => backoff.next_pause(),
            };
            debug!(%agent, code = ?status.code(), ?pause, "supervision broke: {}", status.message());
            tokio::select! {
                () = sleep(pause) => {}
                () = self.relieved.cancelled() => return,
                _ = self.channel.closed() => return,
            }
        }
    }

    /// One call to the agent, until it ends.
    async fn call(&self, state: &State) -> Result<(), Status> {
        let (requests, mut receiver) = mpsc::channel(MAX_REQUESTS);
        // There is room for the first one.
        let _ = requests.try_send(request(Body::Manifest(self.manifest.clone())));
        let mut client = LifecycleServiceClient::new(self.channel.clone());
        let call = client.supervise(poll_fn(move |cx| receiver.poll_recv(cx)));
        let begun = timeout(BEGIN_TIMEOUT, call).await;
        let begun = begun.map_err(|_| Status::deadline_exceeded("the agent does not answer"))?;
        let mut responses = begun?.into_inner();
        let _open = self.line.open(requests.clone());
        tokio::select! {
            ended = self.pass_on(state, &mut responses, &requests) => ended,
            () = self.over() => Ok(()),
        }
    }

    async fn pass_on(
        &self,
        state: &State,
        responses: &mut Streaming<SuperviseResponse>,
        requests: &mpsc::Sender<SuperviseRequest>,
    ) -> Result<(), Status> {
        loop {
            let Batch { reports, end } = Batch::read(responses).await;
            self.deliver(state, reports, requests).await?;
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Tells `workspaces` until it has recorded everything.
    async fn deliver(
        &self,
        state: &State,
        mut reports: Vec<SuperviseResponse>,
        requests: &mpsc::Sender<SuperviseRequest>,
    ) -> Result<(), Status> {
        let (agent, mut backoff) = (self.agent, Backoff::new(MIN_PAUSE, MAX_PAUSE));
        while let Some(last) = reports.last().map(|report| report.sequence) {
            let recorded = match self.tell(state, &reports).await {
                Ok(sequence) => sequence.min(last),
                Err(status) if status.code() == Code::NotFound => return Err(status),
                Err(status) if status.code() == Code::InvalidArgument => {
                    // It would be refused again and again, and with it all that comes after it.
                    error!(%agent, count = reports.len(), "reports are given up: {}", status.message());
                    last
                }
                Err(status) => {
                    warn!(%agent, code = ?status.code(), "reports are not recorded yet: {}", status.message());
                    0
                }
            };
            let count = reports.len();
            reports.retain(|report| report.sequence > recorded);
            if reports.len() < count {
                backoff.reset();
                // Where the call is over, the next one begins with what was not acknowledged.
                let _ = requests.send(request(Body::Ack(ReportAck { sequence: recorded }))).await;
            } else {
                sleep(backoff.next_pause()).await;
            }
        }
        Ok(())
    }

    async fn tell(&self, state: &State, reports: &[SuperviseResponse]) -> Result<u64, Status> {
        let mut request = Request::new(ReportLifecycleRequest {
            agent_id: self.agent.to_string(),
            epoch: self.epoch,
            instance_id: self.instance_id.clone(),
            reports: reports.to_vec(),
        });
        request.set_timeout(REPORT_TIMEOUT);
        let mut agents = AgentServiceClient::new(state.workspaces.clone());
        Ok(agents.report_lifecycle(request).await?.into_inner().sequence)
    }

    /// Waits until nothing of this session is to be told any more.
    async fn over(&self) {
        match self.channel.closed().await {
            // The agent lives, and tells the next relay what it has no answer for.
            Closed::ByRelay => {}
            Closed::ByAgent | Closed::Broken(_) => {
                sleep(LAST_REPORTS).await;
                warn!(agent = %self.agent, "the last reports of an agent are not recorded");
            }
        }
    }
}

/// What the end of a call means for the next one.
enum Verdict {
    /// It would end in the same way: an older release, another build, an agent that nobody knows any more.
    Over,
    /// What the workspace runs is not what the agent takes.
    Refused,
    /// Another call was made in the place of this one, which should be that of a later session: this one ends soon.
    Later,
    /// It may be better.
    Again,
}

fn verdict(status: &Status) -> Verdict {
    match status.code() {
        Code::Unimplemented | Code::FailedPrecondition | Code::NotFound => Verdict::Over,
        Code::InvalidArgument if reason(status).as_deref() == Some(MANIFEST_INVALID) => Verdict::Refused,
        Code::Aborted => Verdict::Later,
        _ => Verdict::Again,
    }
}

fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}
