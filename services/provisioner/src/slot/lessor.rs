//! Who hands out the leases, as one slot sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use chatmesh_proto::provisioner::v1 as pb;
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_rpc::client::Peer;
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};

use crate::failure::Failure;
use crate::job_log::{JobLog, Sent};

/// How long a call may wait for a build: longer than the service lets it wait.
const LEASE_CALL_TIMEOUT: Duration = Duration::from_secs(45);
/// How long any other call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes calls under the name of one slot.
#[derive(Debug, Clone)]
pub(crate) struct Lessor {
    provisioner_id: String,
    client: ProvisionerServiceClient<Peer>,
}

impl Lessor {
    pub(crate) fn new(provisioner_id: String, client: ProvisionerServiceClient<Peer>) -> Self {
        Self { provisioner_id, client }
    }

    /// Leases a build of one of these kinds that does one of `transitions`, or whatever it does where these are none.
    pub(super) async fn lease(
        &self,
        kinds: Vec<String>,
        transitions: &[pb::JobTransition],
    ) -> Result<Option<pb::Job>, Status> {
        let request = pb::LeaseJobRequest {
            provisioner_id: self.provisioner_id.clone(),
            provisioners: kinds,
            transitions: transitions.iter().map(|transition| (*transition).into()).collect(),
        };
        let mut client = self.client.clone();
        let response = in_time(LEASE_CALL_TIMEOUT, request, |request| client.lease_job(request)).await?;
        Ok(response.job)
    }

    /// Extends a lease; returns whether the build is to be given up.
    pub(super) async fn renew(&self, build_id: &str) -> Result<bool, Status> {
        let (provisioner_id, build_id) = self.names(build_id);
        let request = pb::RenewLeaseRequest { provisioner_id, build_id };
        let mut client = self.client.clone();
        let response = in_time(CALL_TIMEOUT, request, |request| client.renew_lease(request)).await?;
        Ok(response.cancel_requested)
    }

    /// Ends a build well, whose agents are started with `by_hand` where their owner starts them.
    pub(super) async fn complete(&self, build_id: &str, by_hand: &BTreeMap<String, String>) -> Result<(), Status> {
        let (provisioner_id, build_id) = self.names(build_id);
        let agent_environment = by_hand.clone().into_iter().collect();
        let request = pb::CompleteJobRequest { provisioner_id, build_id, agent_environment };
        let mut client = self.client.clone();
        in_time(CALL_TIMEOUT, request, |request| client.complete_job(request)).await.map(drop)
    }

    pub(super) async fn fail(&self, build_id: &str, failure: &Failure, log: &JobLog) -> Result<(), Status> {
        let (provisioner_id, build_id) = self.names(build_id);
        let (error, error_code) = (log.redacted(&failure.to_string()), failure.code().into());
        let nothing_runs = failure.left().nothing_runs;
        let request = pb::FailJobRequest { provisioner_id, build_id, error, error_code, nothing_runs };
        let mut client = self.client.clone();
        in_time(CALL_TIMEOUT, request, |request| client.fail_job(request)).await.map(drop)
    }

    /// Where the log of a build is sent to.
    pub(super) fn log_of(&self, build_id: &str) -> BuildLog {
        BuildLog { lessor: self.clone(), build_id: build_id.to_owned() }
    }

    fn names(&self, build_id: &str) -> (String, String) {
        (self.provisioner_id.clone(), build_id.to_owned())
    }
}

/// Takes the lines of the log of one build.
#[derive(Debug)]
pub(super) struct BuildLog {
    lessor: Lessor,
    build_id: String,
}

impl Sent for BuildLog {
    async fn send(&self, lines: Vec<pb::JobLogLine>) -> Result<(), Status> {
        let (provisioner_id, build_id) = self.lessor.names(&self.build_id);
        let request = pb::AppendJobLogsRequest { provisioner_id, build_id, lines };
        let mut client = self.lessor.client.clone();
        in_time(CALL_TIMEOUT, request, |request| client.append_job_logs(request)).await.map(drop)
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
pub(super) fn is_final(status: &Status) -> bool {
    matches!(status.code(), Code::Aborted | Code::NotFound | Code::InvalidArgument | Code::PermissionDenied)
}
