//! Agents of a mesh whose provisioner is this program.

use std::sync::Arc;

use anyhow::Context as _;
use chatmesh_core::{IdSource as _, SecretString, SystemClock, SystemIds, Uuid};
use chatmesh_proto::provisioner::v1::provisioner_service_client::ProvisionerServiceClient;
use chatmesh_proto::provisioner::v1::{CompleteJobRequest, LeaseJobRequest};
use chatmesh_proto::workspaces::v1::CreateWorkspaceRequest;
use chatmesh_proto::workspaces::v1::workspace_service_client::WorkspaceServiceClient;
use chatmesh_rpc::assertion::ServiceSigner;
use chatmesh_rpc::client::{Peer, request_on_behalf_of};
use chatmesh_rpc::{UserId, connect_lazy, metadata};

use crate::mesh::{Cluster, MESH_SECRET};

/// Who carries the builds out.
const PROVISIONER: &str = "a-bench";

/// An agent that may connect.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) agent_id: Uuid,
    pub(crate) token: String,
}

/// A service of a mesh, as another one of its services calls it.
pub(crate) fn peer(url: &str) -> anyhow::Result<Peer> {
    let secret: SecretString = MESH_SECRET.into();
    Ok(Peer::new(connect_lazy(url)?, ServiceSigner::new("tools", &secret, Arc::new(SystemClock))))
}

/// Creates a workspace in a cluster without a provisioner and returns what its agent needs.
pub(crate) async fn enrol(cluster: &Cluster, name: &str) -> anyhow::Result<Credentials> {
    let workspaces = peer(cluster.url("workspaces")?)?;
    let owner = UserId(SystemIds.next());
    let request = CreateWorkspaceRequest {
        template: "local".to_owned(),
        name: name.to_owned(),
        ..CreateWorkspaceRequest::default()
    };
    WorkspaceServiceClient::new(workspaces.clone()).create_workspace(request_on_behalf_of(owner, request)).await?;
    let mut provisioner = ProvisionerServiceClient::new(workspaces);
    let lease = LeaseJobRequest {
        provisioner_id: PROVISIONER.to_owned(),
        provisioners: vec!["local".to_owned()],
        ..LeaseJobRequest::default()
    };
    let job = provisioner.lease_job(lease).await?.into_inner().job.context("no build was waiting")?;
    let complete = CompleteJobRequest {
        provisioner_id: PROVISIONER.to_owned(),
        build_id: job.build_id,
        ..CompleteJobRequest::default()
    };
    provisioner.complete_job(complete).await?;
    Ok(Credentials { agent_id: job.agent_id.parse()?, token: job.agent_token })
}

/// Addresses a message to an agent.
pub(crate) fn to<M>(agent: Uuid, message: M) -> anyhow::Result<tonic::Request<M>> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert(metadata::AGENT_ID, agent.to_string().parse()?);
    Ok(request)
}
