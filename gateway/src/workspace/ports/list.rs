use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_proto::agent::v1::{ListPortsRequest, ListPortsResponse};
use tonic::Status;

use crate::workspace::access::Access;
use crate::workspace::agent::in_time;
use crate::workspace::refusal;

/// How long the agent may take to look.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// `GET /api/v1/workspaces/{workspace_id}/ports`: the ports at which programs listen.
pub(in crate::workspace) async fn list(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match try_list(&access, &workspace_id, &headers).await {
        Ok(ports) => axum::Json(ports).into_response(),
        Err(status) => refusal::response(&status),
    }
}

async fn try_list(access: &Access, workspace_id: &str, headers: &HeaderMap) -> Result<ListPortsResponse, Status> {
    let agent = access.agent(headers, workspace_id).await?;
    let mut ports = PortServiceClient::new(agent.transport());
    let mut request = agent.request(ListPortsRequest {});
    request.set_timeout(LIST_TIMEOUT);
    in_time(LIST_TIMEOUT, "the agent did not list its ports", ports.list_ports(request)).await
}
