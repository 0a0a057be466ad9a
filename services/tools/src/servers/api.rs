//! The methods of `McpServerService`, one line each; what they do is in the files beside.

mod complete;
mod connect;
mod create;
mod delete;
mod disconnect;
mod get;
mod list;
mod resolve;
mod test;
mod update;

pub(super) use create::change;
use std::sync::Arc;

use chatmesh_core::Violations;
use chatmesh_proto::tools::v1 as pb;
use chatmesh_proto::tools::v1::McpAuthType;
use chatmesh_proto::tools::v1::mcp_server_service_server::McpServerService;
use chatmesh_rpc::{Caller, unary};
use tonic::{Request, Response, Status};

use super::convert::shown_to;
use super::domain::{Reference, Server};
use super::state::Servers;
use crate::Error;

pub(crate) struct Api {
    servers: Arc<Servers>,
}

impl Api {
    pub(crate) fn new(servers: Arc<Servers>) -> Self {
        Self { servers }
    }
}

#[tonic::async_trait]
impl McpServerService for Api {
    async fn create_mcp_server(
        &self,
        r: Request<pb::CreateMcpServerRequest>,
    ) -> Result<Response<pb::CreateMcpServerResponse>, Status> {
        unary(r, |caller, m| create::create(&self.servers, caller, m)).await
    }

    async fn get_mcp_server(
        &self,
        r: Request<pb::GetMcpServerRequest>,
    ) -> Result<Response<pb::GetMcpServerResponse>, Status> {
        unary(r, |caller, m| get::get(&self.servers, caller, m)).await
    }

    async fn list_mcp_servers(
        &self,
        r: Request<pb::ListMcpServersRequest>,
    ) -> Result<Response<pb::ListMcpServersResponse>, Status> {
        unary(r, |caller, m| list::list(&self.servers, caller, m)).await
    }

    async fn update_mcp_server(
        &self,
        r: Request<pb::UpdateMcpServerRequest>,
    ) -> Result<Response<pb::UpdateMcpServerResponse>, Status> {
        unary(r, |caller, m| update::update(&self.servers, caller, m)).await
    }

    async fn delete_mcp_server(
        &self,
        r: Request<pb::DeleteMcpServerRequest>,
    ) -> Result<Response<pb::DeleteMcpServerResponse>, Status> {
        unary(r, |caller, m| delete::delete(&self.servers, caller, m)).await
    }

    async fn test_mcp_server(
        &self,
        r: Request<pb::TestMcpServerRequest>,
    ) -> Result<Response<pb::TestMcpServerResponse>, Status> {
        unary(r, |caller, m| test::test(&self.servers, caller, m)).await
    }

    async fn connect_mcp_server(
        &self,
        r: Request<pb::ConnectMcpServerRequest>,
    ) -> Result<Response<pb::ConnectMcpServerResponse>, Status> {
        unary(r, |caller, m| connect::connect(&self.servers, caller, m)).await
    }

    async fn complete_mcp_server_connection(
        &self,
        r: Request<pb::CompleteMcpServerConnectionRequest>,
    ) -> Result<Response<pb::CompleteMcpServerConnectionResponse>, Status> {
        unary(r, |caller, m| complete::complete(&self.servers, caller, m)).await
    }

    async fn disconnect_mcp_server(
        &self,
        r: Request<pb::DisconnectMcpServerRequest>,
    ) -> Result<Response<pb::DisconnectMcpServerResponse>, Status> {
        unary(r, |caller, m| disconnect::disconnect(&self.servers, caller, m)).await
    }

    async fn resolve_mcp_servers(
        &self,
        r: Request<pb::ResolveMcpServersRequest>,
    ) -> Result<Response<pb::ResolveMcpServersResponse>, Status> {
        unary(r, |caller, m| resolve::resolve(&self.servers, caller, m)).await
    }
}

/// The server of this name, as far as the caller may see it.
async fn find(servers: &Servers, caller: &Caller, name: &str) -> Result<Server, Error> {
    if name.is_empty() {
        return Err(Violations::one("server", "must be the slug or the identifier of an MCP server").into());
    }
    let found = servers.store.find(&Reference::from(name)).await?;
    let found = found.filter(|server| server.enabled || caller.require_admin().is_ok());
    found.ok_or_else(|| Error::NotFound { kind: "MCP server", name: name.to_owned() })
}

/// The same, where users connect to it by themselves.
async fn find_with_users(servers: &Servers, caller: &Caller, name: &str) -> Result<Server, Error> {
    let server = find(servers, caller, name).await?;
    match server.settings.auth_type() {
        McpAuthType::Oauth2 => Ok(server),
        _ => Err(Error::NoUsers(server.slug)),
    }
}

/// The server as the caller sees it.
async fn seen(servers: &Servers, caller: &Caller, server: Server) -> Result<pb::McpServer, Error> {
    let is_connected = match caller.require_user() {
        Ok(user) if server.settings.auth_type() == McpAuthType::Oauth2 => {
            servers.grants.get(server.id, user).await?.is_some_and(|kept| servers.is_connected(&server, kept))
        }
        _ => false,
    };
    Ok(shown_to(caller, server, is_connected))
}

#[cfg(test)]
mod tests;
