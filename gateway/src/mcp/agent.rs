//! What the agent of a workspace is asked directly.

use std::time::Duration;

use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::port_service_client::PortServiceClient;
use chatmesh_proto::agent::v1::{ListDirectoryRequest, ListPortsRequest};
use serde::Deserialize;
use serde_json::Value;

use super::call::Call;
use super::failure::sentence;
use super::name::Place;
use crate::workspace::in_time;

/// How long the agent may take to look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize)]
struct Ls {
    workspace: String,
    path: String,
    #[serde(default)]
    page_token: String,
}

/// Lists a directory.
pub(super) async fn ls(call: &Call<'_>) -> Result<Value, String> {
    let Ls { workspace, path, page_token } = call.parse()?;
    let Place { workspace, agent: name } = call.place(&workspace).await?;
    let message = ListDirectoryRequest { path, page_token, ..ListDirectoryRequest::default() };
    let listed = async {
        let agent = call.mcp.access.agent_named(&call.headers, &workspace.id, &name).await?;
        let mut request = agent.request(message);
        request.set_timeout(LOOK_TIMEOUT);
        let mut files = FileServiceClient::new(agent.transport());
        in_time(LOOK_TIMEOUT, "the agent did not list the directory", files.list_directory(request)).await
    };
    let listed = listed.await.map_err(|status| sentence(&status))?;
    serde_json::to_value(listed).map_err(|error| error.to_string())
}

#[derive(Debug, Deserialize)]
struct ListPorts {
    workspace: String,
}

/// Lists the ports at which programs listen.
pub(super) async fn list_ports(call: &Call<'_>) -> Result<Value, String> {
    let ListPorts { workspace } = call.parse()?;
    let Place { workspace, agent: name } = call.place(&workspace).await?;
    let listed = async {
        let agent = call.mcp.access.agent_named(&call.headers, &workspace.id, &name).await?;
        let mut request = agent.request(ListPortsRequest {});
        request.set_timeout(LOOK_TIMEOUT);
        let mut ports = PortServiceClient::new(agent.transport());
        in_time(LOOK_TIMEOUT, "the agent did not list its ports", ports.list_ports(request)).await
    };
    let listed = listed.await.map_err(|status| sentence(&status))?;
    serde_json::to_value(listed).map_err(|error| error.to_string())
}
