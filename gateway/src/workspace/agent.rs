//! A workspace's agent: where calls to it go, and for whom they are made.

use std::future::Future;
use std::time::Duration;

use chatmesh_core::Uuid;
use chatmesh_proto::relay::v1::relay_service_client::RelayServiceClient;
use chatmesh_proto::relay::v1::{AwaitAgentRequest, AwaitAgentResponse};
use chatmesh_proto::workspaces::v1::Agent as Row;
use chatmesh_rpc::client::{Peer, request_on_behalf_of};
use chatmesh_rpc::{Code, UserId, metadata, status_with_reason};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status};

use super::refusal;
use crate::activity::{Activity, Kind, Session};
use crate::errors::DOMAIN;

/// How much later than asked for the relay may answer.
const SLACK: Duration = Duration::from_secs(2);

/// An agent that the caller may use.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    relay: Peer,
    id: AsciiMetadataValue,
    owner: UserId,
    workspace: Uuid,
    activity: Activity,
}

impl Agent {
    /// The agent of this row, in a workspace of `owner`. What is open there counts as `activity`.
    pub(super) fn new(relay: Peer, row: &Row, owner: UserId, activity: Activity) -> Result<Self, Status> {
        let id = row.id.parse().map_err(|_| Status::internal("an agent's identifier is not ASCII"))?;
        let workspace = row.workspace_id.parse().map_err(|_| Status::internal("an agent's workspace is no UUID"))?;
        Ok(Self { relay, id, owner, workspace, activity })
    }

    /// Its identifier.
    pub(super) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Where calls go: to the relay, which forwards them.
    pub(crate) fn transport(&self) -> Peer {
        self.relay.clone()
    }

    /// Says that somebody has something of the workspace open, until the session is dropped.
    pub(super) fn open(&self, kind: Kind) -> Session {
        self.activity.open(self.workspace, kind)
    }

    /// Addresses a message to the agent.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = request_on_behalf_of(self.owner, message);
        request.metadata_mut().insert(metadata::AGENT_ID, self.id.clone());
        request
    }

    /// Waits until the agent is connected, and returns its session.
    ///
    /// # Errors
    /// UNAVAILABLE where it is not in time.
    pub(super) async fn session(&self, timeout: Duration) -> Result<AwaitAgentResponse, Status> {
        // None at all would mean the relay's longest.
        let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1);
        let message = AwaitAgentRequest { agent_id: self.id().to_owned(), timeout_ms };
        let mut relay = RelayServiceClient::new(self.relay.clone());
        let call = relay.await_agent(request_on_behalf_of(self.owner, message));
        match in_time(timeout + SLACK, "the relay did not answer", call).await {
            Err(status) if status.code() == Code::DeadlineExceeded => Err(not_connected()),
            other => other,
        }
    }
}

fn not_connected() -> Status {
    let message = "the workspace's agent is not connected: it may be about to start, so try again in a moment; where \
                   that goes on, stop the workspace and start it again";
    status_with_reason(Code::Unavailable, "AGENT_NOT_CONNECTED", DOMAIN, message)
}

/// Bounds a call, or the beginning of one that streams.
pub(crate) async fn in_time<T>(
    limit: Duration,
    late: &str,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map(Response::into_inner).map_err(refusal::of_agent),
        Err(_) => Err(refusal::late(late, limit.as_secs())),
    }
}
