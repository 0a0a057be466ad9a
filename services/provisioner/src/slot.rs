//! One build at a time: lease, carry out, report.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_core::Backoff;
use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_rpc::client::Peer;
use chatmesh_runtime::Shutdown;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Request, Response, Status};
use tracing::{Instrument as _, info, info_span, warn};

use crate::job::Job;
use crate::local::{KIND, Local};

/// How often a lease is renewed: three times before it expires.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// How long a lease holds after the last renewal that is known to have arrived.
const LEASE: Duration = Duration::from_secs(30);
/// How long a call may wait for a build: longer than the service lets it wait.
const LEASE_CALL_TIMEOUT: Duration = Duration::from_secs(45);
/// How long any other call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// An empty answer that comes sooner did not wait: the service is shutting down.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// How long a build may take. A large directory takes its time to delete.
const WORK_TIMEOUT: Duration = Duration::from_secs(600);

/// The lease of this build is somebody else's now.
struct LeaseLost;

/// Carries out one build after the other.
#[derive(Debug)]
pub(crate) struct Slot {
    id: String,
    client: ProvisionerServiceClient<Peer>,
    local: Arc<Local>,
    shutdown: Shutdown,
}

impl Slot {
    pub(crate) fn new(
        id: String,
        client: ProvisionerServiceClient<Peer>,
        local: Arc<Local>,
        shutdown: Shutdown,
    ) -> Self {
        Self { id, client, local, shutdown }
    }

    /// Runs until the process is to end; a build that is being carried out is finished first.
    pub(crate) async fn run(self) {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            let asked = Instant::now();
            let leased = tokio::select! {
                leased = self.lease() => leased,
                () = self.shutdown.soft().cancelled() => return,
            };
            match leased {
                Ok(Some(job)) => {
                    self.work(job).await;
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

    async fn lease(&self) -> Result<Option<pb::Job>, Status> {
        let request = pb::LeaseJobRequest { provisioner_id: self.id.clone(), provisioners: vec![KIND.to_owned()] };
        let mut client = self.client.clone();
        let response = in_time(LEASE_CALL_TIMEOUT, request, |request| client.lease_job(request)).await?;
        Ok(response.job)
    }

    async fn work(&self, job: pb::Job) {
        let build_id = job.build_id.clone();
        let span = info_span!(
            "workspace.build",
            build_id,
            workspace_id = job.workspace_id,
            transition = job.transition().as_str_name()
        );
        let work = async {
            let outcome = tokio::select! {
                outcome = self.carry_out(job) => outcome,
                LeaseLost = self.hold_lease(&build_id) => {
                    warn!("lease lost, leaving the build to its new holder");
                    return;
                }
                () = self.shutdown.hard().cancelled() => return,
            };
            tokio::select! {
                () = self.report(&build_id, outcome) => {}
                () = self.shutdown.hard().cancelled() => {}
            }
        };
        work.instrument(span).await;
    }

    async fn carry_out(&self, job: pb::Job) -> Result<(), String> {
        let job = Job::try_from(job).map_err(|error| error.to_string())?;
        match timeout(WORK_TIMEOUT, self.local.carry_out(job)).await {
            Ok(done) => done.map_err(|failure| failure.to_string()),
            Err(_) => Err(format!("not done after {} seconds: try again", WORK_TIMEOUT.as_secs())),
        }
    }

    /// Renews the lease until it is lost.
    async fn hold_lease(&self, build_id: &str) -> LeaseLost {
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
        let mut renewed = Instant::now();
        let mut pause = RENEW_INTERVAL;
        loop {
            sleep(pause).await;
            let request = pb::RenewLeaseRequest { provisioner_id: self.id.clone(), build_id: build_id.to_owned() };
            let mut client = self.client.clone();
            match in_time(CALL_TIMEOUT, request, |request| client.renew_lease(request)).await {
                Ok(_) => {
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
    async fn report(&self, build_id: &str, outcome: Result<(), String>) {
        match &outcome {
            Ok(()) => info!("build done"),
            Err(error) => warn!(error, "build failed"),
        }
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let until = Instant::now() + LEASE;
        while let Err(status) = self.send_outcome(build_id, &outcome).await {
            if is_final(&status) || Instant::now() >= until {
                warn!(%status, "outcome not reported, the build will be leased again");
                return;
            }
            sleep(backoff.next_pause()).await;
        }
    }

    async fn send_outcome(&self, build_id: &str, outcome: &Result<(), String>) -> Result<(), Status> {
        let (provisioner_id, build_id) = (self.id.clone(), build_id.to_owned());
        let mut client = self.client.clone();
        match outcome {
            Ok(()) => {
                let request = pb::CompleteJobRequest { provisioner_id, build_id };
                in_time(CALL_TIMEOUT, request, |request| client.complete_job(request)).await.map(drop)
            }
            Err(error) => {
                let request = pb::FailJobRequest { provisioner_id, build_id, error: error.clone() };
                in_time(CALL_TIMEOUT, request, |request| client.fail_job(request)).await.map(drop)
            }
        }
    }
}

/// Makes a call that ends in time on both sides.
async fn in_time<M, R, F>(limit: Duration, message: M, call: impl FnOnce(Request<M>) -> F) -> Result<R, Status>
where
    F: Future<Output = Result<Response<R>, Status>>,
{
    let mut request = Request::new(message);
    request.set_timeout(limit);
    match timeout(limit, call(request)).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}

/// True where trying again can not help: the lease is lost, or the build is not known.
fn is_final(status: &Status) -> bool {
    matches!(status.code(), Code::Aborted | Code::NotFound | Code::InvalidArgument | Code::PermissionDenied)
}
