//! The service: what it stands on and how it is set up.

use std::sync::Arc;
use std::time::Duration;

use chatmesh_db::{Migrations, migrations};
use chatmesh_host::Deps;
use chatmesh_proto::tools::v1::mcp_server_service_server::{self, McpServerServiceServer};
use chatmesh_proto::tools::v1::tool_service_server::{self, ToolServiceServer};
use chatmesh_proto::tools::v1::workspace_tool_service_server::{self, WorkspaceToolServiceServer};

use crate::agent::Bindings;
use crate::api::Api;
use crate::mcp::Discovered;
use crate::servers::{self, Servers};
use crate::state::{Neighbours, State};
use crate::{Config, Error, ToolMetrics};

/// The schema of the service.
pub const MIGRATIONS: Migrations = migrations!(
    "tools",
    [1 => "0001_mcp_servers", 2 => "0002_mcp_grants", 3 => "0003_mcp_grant_renewals"]
);

/// How often what was forgotten is put away.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The service. Of calls it keeps nothing: what was done is remembered where it was done.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up on a database whose schema is up to date, and makes its MCP servers what the configuration
    /// says. Its settings have been checked.
    ///
    /// # Errors
    /// The encryption key is none, the HTTP client cannot be made, an MCP server cannot be as it is declared, or the
    /// database fails.
    pub async fn build(
        config: Config,
        deps: Deps,
        neighbours: Neighbours,
        metrics: ToolMetrics,
    ) -> Result<Self, Error> {
        let servers = Arc::new(Servers::build(&config, deps)?);
        servers.declare(&config.mcp_servers, &variable).await?;
        let (bindings, discovered) = (Bindings::default(), Discovered::default());
        let state = State { config, neighbours, bindings, discovered, servers, metrics };
        Ok(Self { state: Arc::new(state) })
    }
}

#[expect(clippy::disallowed_methods, reason = "the configuration names variables, so that it holds no secrets itself")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "tools"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[
            tool_service_server::SERVICE_NAME,
            mcp_server_service_server::SERVICE_NAME,
            workspace_tool_service_server::SERVICE_NAME,
        ]
    }

    fn routes(&self) -> tonic::service::Routes {
        // Arguments are as long as a model's answer allows, and an outcome may carry a file of 10 MiB.
        let server = ToolServiceServer::new(Api::new(Arc::clone(&self.state)))
            .max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES);
        let servers = McpServerServiceServer::new(servers::Api::new(Arc::clone(&self.state.servers)));
        tonic::service::Routes::new(server)
            .add_service(servers)
            .add_service(WorkspaceToolServiceServer::new(Api::new(Arc::clone(&self.state))))
    }

    fn start(&self) {
        let servers = Arc::clone(&self.state.servers);
        servers.tasks().clone().spawn_loop("tools.mcp.sweep", async move { servers.sweep(SWEEP_INTERVAL).await });
    }
}
