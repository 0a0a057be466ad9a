//! An MCP server at `/mcp`, for any MCP client: workspaces, and the files and commands in them.
//!
//! It speaks streamable HTTP and keeps no sessions: every request stands for itself and may go to another replica. Who
//! calls is found out as everywhere, by the bearer token; what is done is done by the services, for that user. [`tools`]
//! is what clients are told, [`name`] how workspaces are named, [`call`] what is done, and [`progress`] says of what takes
//! long that it is still at work.

mod acts;
mod agent;
mod bash;
mod call;
mod failure;
mod lifecycle;
mod looks;
mod name;
mod output;
mod progress;
mod server;
#[cfg(test)]
mod tests;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::any_service;
use chatmesh_rpc::client::Peer;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use crate::authenticate::{Authenticator, authenticate_for_long};
use crate::neighbours::Neighbours;
use crate::workspace::Access;
use server::Server;

/// The largest request, in bytes: a file with its name.
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What the server stands on.
#[derive(Debug, Clone)]
pub(crate) struct Mcp {
    access: Access,
    identity: Peer,
    tools: Peer,
    workspaces: Peer,
}

impl Mcp {
    pub(crate) fn new(neighbours: &Neighbours, access: Access) -> Self {
        let Neighbours { identity, tools, workspaces, .. } = neighbours.clone();
        Self { access, identity, tools, workspaces }
    }

    /// The route, behind a token.
    pub(crate) fn router(self, authenticator: Authenticator) -> Router {
        // Browsers that were led here by a name of somebody else's have no token: hosts need not be known.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_max_request_body_bytes(MAX_REQUEST_BYTES)
            .disable_allowed_hosts();
        let server = Server::new(Arc::new(self));
        let service =
            StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config);
        Router::new()
            .route("/mcp", any_service(service))
            .layer(middleware::from_fn_with_state(authenticator, authenticate_for_long))
    }
}
