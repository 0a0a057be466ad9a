//! `DiagnosticsService`.

use std::path::PathBuf;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::diagnostics_service_server::DiagnosticsService;
use chatmesh_rpc::Code;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::facts::Facts;
use super::{VERSION, throughput};
use crate::status::status;

/// Serves `DiagnosticsService`.
#[derive(Debug)]
pub(crate) struct DiagnosticsApi {
    facts: Facts,
    directory: PathBuf,
}

impl DiagnosticsApi {
    pub(crate) fn new(facts: Facts, directory: PathBuf) -> Self {
        Self { facts, directory }
    }
}

#[tonic::async_trait]
impl DiagnosticsService for DiagnosticsApi {
    type TestDownloadStream = BoxStream<'static, Result<pb::TestDownloadResponse, Status>>;

    async fn ping(&self, _: Request<pb::PingRequest>) -> Result<Response<pb::PingResponse>, Status> {
        Ok(Response::new(pb::PingResponse {
            agent_version: VERSION.to_owned(),
            instance_id: self.facts.instance.to_string(),
            directory: self.directory.display().to_string(),
        }))
    }

    async fn test_download(
        &self,
        request: Request<pb::TestDownloadRequest>,
    ) -> Result<Response<Self::TestDownloadStream>, Status> {
        let pieces = throughput::download(request.into_inner())?;
        Ok(Response::new(pieces.map(Ok).boxed()))
    }

    async fn test_upload(
        &self,
        request: Request<Streaming<pb::TestUploadRequest>>,
    ) -> Result<Response<pb::TestUploadResponse>, Status> {
        Ok(Response::new(throughput::upload(request.into_inner()).await?))
    }

    async fn get_facts(&self, _: Request<pb::GetFactsRequest>) -> Result<Response<pb::GetFactsResponse>, Status> {
        let facts = self.facts.clone();
        let collected = tokio::task::spawn_blocking(move || facts.collect()).await;
        let unknown = |_| status(Code::Internal, "FACTS_UNKNOWN", "the facts could not be collected");
        Ok(Response::new(collected.map_err(unknown)?))
    }
}
