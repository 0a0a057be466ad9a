//! Forwards decoded requests to their services.

use std::future::Future;

use chatmesh_rpc::client::Peer;
use chatmesh_rpc::metadata;
use futures::{Stream, StreamExt as _};
use rest_over_grpc::handling::{Context, ResponseStream, Status as RestStatus};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status, Streaming};

use crate::errors::rest_status;
use crate::service::Neighbours;

/// Implements the generated traits by calling the services.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    pub(crate) chat: Peer,
    pub(crate) identity: Peer,
    pub(crate) llm: Peer,
    pub(crate) workspaces: Peer,
}

impl Forward {
    pub(crate) fn new(neighbours: &Neighbours) -> Self {
        let Neighbours { chat, identity, llm, workspaces } = neighbours.clone();
        Self { chat, identity, llm, workspaces }
    }
}

/// A call with the caller's assertion, and nothing else of what the client sent.
pub(crate) fn request<M>(context: &Context, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let assertion = context.request_headers().get(metadata::ASSERTION);
    if let Some(value) = assertion.and_then(|value| AsciiMetadataValue::try_from(value.as_bytes()).ok()) {
        request.metadata_mut().insert(metadata::ASSERTION, value);
    }
    request
}

pub(crate) async fn unary<M>(call: impl Future<Output = Result<Response<M>, Status>>) -> Result<M, RestStatus> {
    call.await.map(Response::into_inner).map_err(|status| rest_status(&status))
}

pub(crate) async fn streaming<M: Send + 'static>(
    call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
) -> Result<ResponseStream<M>, RestStatus> {
    let messages = call.await.map_err(|status| rest_status(&status))?.into_inner();
    Ok(boxed(messages.map(|message| message.map_err(|status| rest_status(&status)))))
}

fn boxed<M>(stream: impl Stream<Item = Result<M, RestStatus>> + Send + 'static) -> ResponseStream<M> {
    Box::pin(stream)
}
