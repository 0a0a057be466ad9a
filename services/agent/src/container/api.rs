//! `ContainerService`.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::container_service_server::ContainerService;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::error::Error;
use super::list::{path_of, read};
use super::socket::Socket;

/// How long the runtime may take to answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// How many answers of the runtime are held in memory at once.
const MAX_CALLS: usize = 4;

/// Serves `ContainerService`.
#[derive(Debug)]
pub(crate) struct ContainerApi {
    socket: Socket,
    calls: Arc<Semaphore>,
}

impl ContainerApi {
    /// A service for the runtime that these variables name.
    pub(crate) fn new(environment: &[(OsString, OsString)]) -> Self {
        Self { socket: Socket::of(environment), calls: Arc::new(Semaphore::new(MAX_CALLS)) }
    }

    pub(super) async fn list(&self, labels: &[pb::LabelFilter]) -> Result<pb::ListContainersResponse, Error> {
        let path = path_of(labels)?;
        let asking = async {
            // Only a semaphore that is closed gives none, and this one never is.
            let _permit = self.calls.acquire().await.map_err(|_| Error::TooSlow(DEADLINE))?;
            read(&self.socket.get(&path).await?)
        };
        timeout(DEADLINE, asking).await.unwrap_or(Err(Error::TooSlow(DEADLINE)))
    }
}

#[tonic::async_trait]
impl ContainerService for ContainerApi {
    async fn list_containers(
        &self,
        request: Request<pb::ListContainersRequest>,
    ) -> Result<Response<pb::ListContainersResponse>, Status> {
        Ok(Response::new(self.list(&request.into_inner().labels).await?))
    }
}
