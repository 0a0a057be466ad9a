//! One build at a time: lease, carry out, report.

mod lessor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::{Backoff, Clock};
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_runtime::Shutdown;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span, warn};

use crate::backend::{Backends, Run, carry_out};
use crate::failure::Failure;
use crate::job::{Job, Work, tokens};
use crate::job_log::{JobLog, LogSender};
pub(crate) use lessor::Lessor;
use lessor::is_final;

/// How often a lease is renewed: three times before it expires.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// How long a lease holds after the last renewal that is known to have arrived.
const LEASE: Duration = Duration::from_secs(30);
/// An empty answer that comes sooner did not wait: the service is shutting down.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How long a build may take. A large directory takes its time to delete.
pub(crate) const WORK_TIMEOUT: Duration = Duration::from_secs(600);
/// How long the end of a build waits for the rest of its log: well within the lease.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// The name of this part in the log of a build.
const STAGE: &str = "build";

/// The variables with which the owner of a workspace starts its agents.
type ByHand = BTreeMap<String, String>;

/// The lease of this build is somebody else's now.
struct LeaseLost;

/// Which builds a slot takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// All.
    Everything,
    /// Those that free something: they do not wait until starts are done.
    Ends,
}

impl Takes {
    fn transitions(self) -> &'static [pb::JobTransition] {
        match self {
            Self::Everything => &[],
            Self::Ends => &[pb::JobTransition::Stop, pb::JobTransition::Delete],
        }
    }
}

/// Carries out one build after the other.
#[derive(Debug)]
pub(crate) struct Slot {
    lessor: Lessor,
    takes: Takes,
    backends: Backends,
    shutdown: Shutdown,
    clock: Arc<dyn Clock>,
}

impl Slot {
    pub(crate) fn new(
        lessor: Lessor,
        takes: Takes,
        backends: Backends,
        shutdown: Shutdown,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { lessor, takes, backends, shutdown, clock }
    }

    /// Runs until the process is to end; a build that is being carried out is finished first.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            let asked = Instant::now();
            let leased = tokio::select! {
                leased = self.lessor.lease(self.backends.kinds(), self.takes.transitions()) => leased,
                () = self.shutdown.soft().cancelled() => return,
            };
            match leased {
                Ok(Some(job)) => {
                    Box::pin(self.work(job)).await;
                    backoff.reset();
                    continue;
                }
                Ok(None) if asked.elapsed() >= SHORTEST_WAIT => {
                    backoff.reset();
                    continue;
                }
                Ok(None) => {}
                Err(status) => warn!(%status, "no build leased"),
            }
            tokio::select! {
                () = sleep(backoff.next_pause()) => {}
                () = self.shutdown.soft().cancelled() => return,
            }
        }
    }

    async fn work(&self, job: pb::Job) {
        let build_id = job.build_id.clone();
        let span = info_span!(
            "workspace.build",
            build_id,
            workspace_id = job.workspace_id,
            transition = job.transition().as_str_name()
        );
        let log = JobLog::new(Arc::clone(&self.clock), tokens(&job));
        let run = Run { log: log.clone(), cancel: CancellationToken::new() };
        let mut sender = LogSender::new(log.clone(), self.lessor.log_of(&build_id));
        let work = async {
            let outcome = tokio::select! {
                outcome = self.carry_out(job, &run) => outcome,
                LeaseLost = self.hold_lease(&build_id, &run.cancel) => {
                    warn!("lease lost, leaving the build to its new holder");
                    return;
                }
                never = sender.run() => match never {},
                () = self.shutdown.hard().cancelled() => return,
            };
            let report = async {
                match &outcome {
                    Ok(_) => info!("build done"),
                    Err(failure) => {
                        let failure = log.redacted(&failure.to_string());
                        warn!(failure, "build failed");
                        log.error(STAGE, failure);
                    }
                }
                // The lease ends with the report, and nothing can be said after it.
                sender.flush(FLUSH_TIMEOUT).await;
                self.report(&build_id, &outcome, &log).await;
            };
            tokio::select! {
                () = report => {}
                () = self.shutdown.hard().cancelled() => {}
            }
        };
        work.instrument(span).await;
    }

    /// Carries a build out, and returns with what its agents are started where their owner does that.
    async fn carry_out(&self, job: pb::Job, run: &Run) -> Result<ByHand, Failure> {
        let backend = self.backends.find(&job.provisioner)?;
        let job = Job::try_from(job)?;
        let work = carry_out(backend, &job, run);
        timeout(WORK_TIMEOUT, work).await.unwrap_or(Err(Failure::Timeout(WORK_TIMEOUT)))?;
        Ok(if matches!(job.work, Work::Start(_)) { backend.by_hand(&job) } else { ByHand::new() })
    }

    /// Renews the lease until it is lost, and passes on that the build is to be given up.
    async fn hold_lease(&self, build_id: &str, cancel: &CancellationToken) -> LeaseLost {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        let mut renewed = Instant::now();
        let mut pause = RENEW_INTERVAL;
        loop {
            sleep(pause).await;
            match self.lessor.renew(build_id).await {
                Ok(is_canceled) => {
                    if is_canceled && !cancel.is_cancelled() {
                        info!("build is to be given up");
                        cancel.cancel();
                    }
                    renewed = Instant::now();
                    backoff.reset();
                    pause = RENEW_INTERVAL;
                }
                Err(status) if is_final(&status) || renewed.elapsed() >= LEASE => return LeaseLost,
                Err(status) => {
                    warn!(%status, "lease not renewed");
                    pause = backoff.next_pause();
                }
            }
        }
    }

    /// Reports how the build ended, as long as the lease may still hold.
    async fn report(&self, build_id: &str, outcome: &Result<ByHand, Failure>, log: &JobLog) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let until = Instant::now() + LEASE;
        loop {
            let sent = match outcome {
                Ok(by_hand) => self.lessor.complete(build_id, by_hand).await,
                Err(failure) => self.lessor.fail(build_id, failure, log).await,
            };
            let Err(status) = sent else { return };
            if is_final(&status) || Instant::now() >= until {
                warn!(%status, "outcome not reported, the build will be leased again");
                return;
            }
            sleep(backoff.next_pause()).await;
        }
    }
}
