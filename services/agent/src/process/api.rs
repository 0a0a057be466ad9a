//! `ProcessService` over the manager.

use std::time::Duration;

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::process_service_server::ProcessService;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use nix::sys::signal::Signal;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::error::Error;
use super::input::{Input, canceled_key};
use super::manager::Manager;
use crate::chat::ChatId;
use crate::touched::Touched;

/// Serves `ProcessService`.
#[derive(Debug)]
pub(crate) struct ProcessApi {
    manager: Manager,
    touched: Touched,
}

impl ProcessApi {
    pub(crate) fn new(manager: Manager, touched: Touched) -> Self {
        Self { manager, touched }
    }
}

#[tonic::async_trait]
impl ProcessService for ProcessApi {
    async fn start_process(
        &self,
        request: Request<pb::StartProcessRequest>,
    ) -> Result<Response<pb::StartProcessResponse>, Status> {
        self.touched.learn(request.metadata())?;
        let (chat, request) = open(request)?;
        let started = self.manager.start(chat, Input::try_from(request)?).await?;
        let response = pb::StartProcessResponse { process: Some(started.process), attached: started.attached };
        Ok(Response::new(response))
    }

    async fn wait_process(
        &self,
        request: Request<pb::WaitProcessRequest>,
    ) -> Result<Response<pb::WaitProcessResponse>, Status> {
        let (chat, request) = open(request)?;
        let id = process_id(&request.process_id)?;
        let timeout = Duration::from_millis(request.timeout_ms.into());
        let snapshot = self.manager.wait(chat.as_ref(), id, timeout).await?;
        let (process, output) = (Some(snapshot.process), Some(snapshot.output.into()));
        Ok(Response::new(pb::WaitProcessResponse { process, output }))
    }

    type WatchProcessStream = BoxStream<'static, Result<pb::WatchProcessResponse, Status>>;

    async fn watch_process(
        &self,
        request: Request<pb::WatchProcessRequest>,
    ) -> Result<Response<Self::WatchProcessStream>, Status> {
        let (chat, request) = open(request)?;
        let id = process_id(&request.process_id)?;
        let output_from = request.include_output.then_some(request.from_offset);
        let viewer = self.manager.watch(chat.as_ref(), id, output_from)?;
        let events = stream::unfold(viewer, |mut viewer| async {
            let event = viewer.next().await;
            Some((Ok(pb::WatchProcessResponse { event: Some(event?) }), viewer))
        });
        Ok(Response::new(events.boxed()))
    }

    async fn list_processes(
        &self,
        request: Request<pb::ListProcessesRequest>,
    ) -> Result<Response<pb::ListProcessesResponse>, Status> {
        let (chat, _) = open(request)?;
        let processes = self.manager.list(chat.as_ref());
        Ok(Response::new(pb::ListProcessesResponse { processes }))
    }

    async fn signal_process(
        &self,
        request: Request<pb::SignalProcessRequest>,
    ) -> Result<Response<pb::SignalProcessResponse>, Status> {
        let (chat, request) = open(request)?;
        let id = process_id(&request.process_id)?;
        self.manager.signal(chat.as_ref(), id, signal(request.signal())?)?;
        Ok(Response::new(pb::SignalProcessResponse {}))
    }

    async fn cancel_process(
        &self,
        request: Request<pb::CancelProcessRequest>,
    ) -> Result<Response<pb::CancelProcessResponse>, Status> {
        let (chat, request) = open(request)?;
        let key = canceled_key(chat.as_ref(), &request.idempotency_key)?;
        Ok(Response::new(self.manager.cancel(chat.as_ref(), key).await?))
    }
}

fn open<M>(request: Request<M>) -> Result<(Option<ChatId>, M), Status> {
    let chat = ChatId::from_metadata(request.metadata())?;
    Ok((chat, request.into_inner()))
}

fn process_id(text: &str) -> Result<Uuid, Error> {
    Uuid::try_parse(text).map_err(|_| Error::Invalid("`process_id` must be a UUID".to_owned()))
}

fn signal(signal: pb::Signal) -> Result<Signal, Error> {
    match signal {
        pb::Signal::Terminate => Ok(Signal::SIGTERM),
        pb::Signal::Kill => Ok(Signal::SIGKILL),
        pb::Signal::Unspecified => Err(Error::Invalid("`signal` must be terminate or kill".to_owned())),
    }
}
