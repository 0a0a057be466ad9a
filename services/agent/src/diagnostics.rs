//! Facts about the agent.

use std::path::PathBuf;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::diagnostics_service_server::DiagnosticsService;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// The agent's build.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves `DiagnosticsService`.
#[derive(Debug)]
pub(crate) struct DiagnosticsApi {
    instance: Uuid,
    directory: PathBuf,
}

impl DiagnosticsApi {
    pub(crate) fn new(instance: Uuid, directory: PathBuf) -> Self {
        Self { instance, directory }
    }
}

#[tonic::async_trait]
impl DiagnosticsService for DiagnosticsApi {
    async fn ping(&self, _: Request<pb::PingRequest>) -> Result<Response<pb::PingResponse>, Status> {
        Ok(Response::new(pb::PingResponse {
            agent_version: VERSION.to_owned(),
            instance_id: self.instance.to_string(),
            directory: self.directory.display().to_string(),
        }))
    }
}
