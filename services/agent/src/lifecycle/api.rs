//! `LifecycleService` over the lifecycle.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::lifecycle_service_server::LifecycleService;
use chatmesh_proto::agent::v1::supervise_request::Body;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};

use super::error::Error;
use super::manifest::Manifest;
use super::session::Session;
use super::supervisor::Lifecycle;

/// How long the relay has to send the manifest.
const MANIFEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `LifecycleService`.
#[derive(Debug)]
pub(crate) struct LifecycleApi {
    lifecycle: Lifecycle,
}

impl LifecycleApi {
    pub(crate) fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle }
    }
}

#[tonic::async_trait]
impl LifecycleService for LifecycleApi {
    type SuperviseStream = BoxStream<'static, Result<pb::SuperviseResponse, Status>>;

    async fn supervise(
        &self,
        request: Request<Streaming<pb::SuperviseRequest>>,
    ) -> Result<Response<Self::SuperviseStream>, Status> {
        let call = Call { lifecycle: self.lifecycle.clone(), requests: request.into_inner(), session: None };
        // The answer begins at once: a caller may wait for its beginning before it sends anything.
        let responses = stream::unfold(Some(call), |call| async {
            let mut call = call?;
            match call.next().await {
                Ok(response) => Some((Ok(response?), Some(call))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(responses.boxed()))
    }
}

/// One call.
struct Call {
    lifecycle: Lifecycle,
    requests: Streaming<pb::SuperviseRequest>,
    /// None before the manifest has come.
    session: Option<Session>,
}

impl Call {
    async fn next(&mut self) -> Result<Option<pb::SuperviseResponse>, Status> {
        let session = match &mut self.session {
            Some(session) => session,
            none => {
                let manifest = timeout(MANIFEST_TIMEOUT, self.requests.message()).await;
                let Ok(Some(Some(Body::Manifest(manifest)))) =
                    manifest.unwrap_or(Ok(None)).map(|request| request.map(|request| request.body))
                else {
                    return Err(Error::NoManifest.into());
                };
                self.lifecycle.accept(Manifest::try_from(manifest)?)?;
                none.insert(self.lifecycle.session())
            }
        };
        loop {
            let request = tokio::select! {
                response = session.next() => return Ok(response?),
                request = self.requests.message() => request?,
            };
            match request.map(|request| request.body) {
                Some(Some(Body::Ack(ack))) => self.lifecycle.ack(ack.sequence),
                Some(Some(Body::Drain(_))) => self.lifecycle.drain(),
                Some(Some(Body::Manifest(manifest))) => self.lifecycle.accept(Manifest::try_from(manifest)?)?,
                // What a newer relay says beyond this is for newer agents.
                Some(None) => {}
                None => return Ok(None),
            }
        }
    }
}
