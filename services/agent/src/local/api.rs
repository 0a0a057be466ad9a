//! `LocalService`.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::local_service_server::LocalService;
use tonic::{Request, Response, Status};

use crate::context::{Additions, Settings};

/// Serves `LocalService`.
#[derive(Debug)]
pub(crate) struct LocalApi {
    settings: Settings,
    additions: Additions,
}

impl LocalApi {
    pub(crate) fn new(settings: Settings, additions: Additions) -> Self {
        Self { settings, additions }
    }

    /// Reads and writes files where that does not hold up others.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Settings, &Additions) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let (settings, additions) = (self.settings.clone(), self.additions.clone());
        let done = tokio::task::spawn_blocking(move || work(&settings, &additions)).await;
        done.map_err(|_| Status::internal("the operation broke off"))?.map(Response::new)
    }
}

#[tonic::async_trait]
impl LocalService for LocalApi {
    async fn add_context(
        &self,
        request: Request<pb::AddContextRequest>,
    ) -> Result<Response<pb::AddContextResponse>, Status> {
        let pb::AddContextRequest { chat_id, directory } = request.into_inner();
        self.work(move |settings, additions| Ok(additions.add(settings, &chat_id, directory.as_ref())?)).await
    }

    async fn clear_context(
        &self,
        request: Request<pb::ClearContextRequest>,
    ) -> Result<Response<pb::ClearContextResponse>, Status> {
        let pb::ClearContextRequest { chat_id } = request.into_inner();
        self.work(move |_, additions| Ok(additions.clear(&chat_id)?)).await
    }
}
