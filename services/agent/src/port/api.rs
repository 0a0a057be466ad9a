//! `PortService`.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::port_service_server::PortService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::error::Error;
use super::forward::forward;
use super::forwards::Forwards;
use super::listening;

/// Serves `PortService`.
#[derive(Debug)]
pub(crate) struct PortApi {
    forwards: Forwards,
}

impl PortApi {
    pub(crate) fn new(forwards: Forwards) -> Self {
        Self { forwards }
    }
}

#[tonic::async_trait]
impl PortService for PortApi {
    type ForwardPortStream = BoxStream<'static, Result<pb::ForwardPortResponse, Status>>;

    async fn forward_port(
        &self,
        request: Request<Streaming<pb::ForwardPortRequest>>,
    ) -> Result<Response<Self::ForwardPortStream>, Status> {
        let responses = forward(&self.forwards, request.into_inner()).await?;
        Ok(Response::new(responses))
    }

    async fn list_ports(&self, _: Request<pb::ListPortsRequest>) -> Result<Response<pb::ListPortsResponse>, Status> {
        let listed = tokio::task::spawn_blocking(listening::list).await;
        let listed = listed.map_err(std::io::Error::other).and_then(|listed| listed);
        Ok(Response::new(listed.map_err(Error::List)?))
    }
}
