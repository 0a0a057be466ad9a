//! The service: what it stands on and how it is set up.

use std::sync::Arc;

use chatmesh_proto::tools::v1::tool_service_server::{SERVICE_NAME, ToolServiceServer};

use crate::ToolMetrics;
use crate::agent::Bindings;
use crate::api::Api;
use crate::mcp::Discovered;
use crate::state::{Neighbours, State};

/// The service. It keeps nothing: what was done is remembered where it was done.
#[derive(Debug, Clone)]
pub struct Service {
    state: Arc<State>,
}

impl Service {
    /// Sets the service up.
    #[must_use]
    pub fn build(neighbours: Neighbours, metrics: ToolMetrics) -> Self {
        let state = State { neighbours, bindings: Bindings::default(), discovered: Discovered::default(), metrics };
        Self { state: Arc::new(state) }
    }
}

impl chatmesh_host::Service for Service {
    fn name(&self) -> &'static str {
        "tools"
    }

    fn grpc_names(&self) -> &'static [&'static str] {
        &[SERVICE_NAME]
    }

    fn routes(&self) -> tonic::service::Routes {
        let server = ToolServiceServer::new(Api::new(Arc::clone(&self.state)));
        // Arguments are as long as a model's answer allows.
        tonic::service::Routes::new(server.max_decoding_message_size(chatmesh_rpc::MAX_MESSAGE_BYTES))
    }

    fn start(&self) {}
}
