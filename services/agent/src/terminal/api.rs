//! `TerminalService`.

use chatmesh_proto::agent::v1 as pb;
use chatmesh_proto::agent::v1::terminal_service_server::TerminalService;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::attach::attach;
use super::input::terminal_id;
use super::terminals::Terminals;
use crate::chat::ChatId;

/// Serves `TerminalService`.
#[derive(Debug)]
pub(crate) struct TerminalApi {
    terminals: Terminals,
}

impl TerminalApi {
    pub(crate) fn new(terminals: Terminals) -> Self {
        Self { terminals }
    }
}

#[tonic::async_trait]
impl TerminalService for TerminalApi {
    type AttachTerminalStream = BoxStream<'static, Result<pb::AttachTerminalResponse, Status>>;

    async fn attach_terminal(
        &self,
        request: Request<Streaming<pb::AttachTerminalRequest>>,
    ) -> Result<Response<Self::AttachTerminalStream>, Status> {
        let chat = ChatId::from_metadata(request.metadata())?;
        let responses = attach(&self.terminals, chat.as_ref(), request.into_inner()).await?;
        Ok(Response::new(responses))
    }

    async fn list_terminals(
        &self,
        request: Request<pb::ListTerminalsRequest>,
    ) -> Result<Response<pb::ListTerminalsResponse>, Status> {
        let chat = ChatId::from_metadata(request.metadata())?;
        let terminals = self.terminals.list(chat.as_ref());
        Ok(Response::new(pb::ListTerminalsResponse { terminals }))
    }

    async fn close_terminal(
        &self,
        request: Request<pb::CloseTerminalRequest>,
    ) -> Result<Response<pb::CloseTerminalResponse>, Status> {
        let chat = ChatId::from_metadata(request.metadata())?;
        let id = terminal_id(&request.get_ref().terminal_id)?;
        self.terminals.end(chat.as_ref(), id).await?;
        Ok(Response::new(pb::CloseTerminalResponse {}))
    }
}
