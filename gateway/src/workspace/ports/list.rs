use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_proto::agent::v1::{ListPortsRequest, ListPortsResponse};

use crate::workspace::access::Access;
use crate::workspace::agent::in_time;
use crate::workspace::refusal::Refusal;

/// How long the agent may take to look.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// `GET /api/v1/workspaces/{workspace_id}/ports`: the ports at which programs listen.
pub(in crate::workspace) async fn list(
    State(access): State<Access>,
    Path(workspace_id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<ListPortsResponse>, Refusal> {
    let agent = access.agent(&headers, &workspace_id).await?;
    let mut ports = PortServiceClient::new(agent.transport());
    let mut request = agent.request(ListPortsRequest {});
    request.set_timeout(LIST_TIMEOUT);
    Ok(Json(in_time(LIST_TIMEOUT, "the agent did not list its ports", ports.list_ports(request)).await?))
}
