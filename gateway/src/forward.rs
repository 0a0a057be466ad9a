//! Forwards decoded requests to their services.

use std::future::Future;
use std::time::Duration;

use chatmesh_rpc::client::Peer;
use chatmesh_rpc::metadata;
use futures::{Stream, StreamExt as _};
use http::HeaderMap;
use rest_over_grpc::handling::{Context, ResponseStream, Status as RestStatus};
use tonic::metadata::AsciiMetadataValue;
use tonic::{Request, Response, Status, Streaming};

use crate::errors::rest_status;
use crate::neighbours::Neighbours;

/// Implements the generated traits by calling the services.
#[derive(Debug, Clone)]
pub(crate) struct Forward {
    pub(crate) chat: Peer,
    pub(crate) identity: Peer,
    pub(crate) llm: Peer,
    pub(crate) tools: Peer,
    pub(crate) workspaces: Peer,
}

impl Forward {
    pub(crate) fn new(neighbours: &Neighbours) -> Self {
        let Neighbours { chat, identity, llm, tools, workspaces, activity: _, exchange: _, relay: _ } =
            neighbours.clone();
        Self { chat, identity, llm, tools, workspaces }
    }
}

/// A call with the caller's assertion, and nothing else of what the client sent.
pub(crate) fn request<M>(context: &Context, message: M) -> Request<M> {
    with_assertion(context.request_headers(), message)
}

/// A call with the assertion that is among the headers, and nothing else of them.
pub(crate) fn with_assertion<M>(headers: &HeaderMap, message: M) -> Request<M> {
    let mut request = Request::new(message);
    let assertion = headers.get(metadata::ASSERTION);
    if let Some(value) = assertion.and_then(|value| AsciiMetadataValue::try_from(value.as_bytes()).ok()) {
        request.metadata_mut().insert(metadata::ASSERTION, value);
    }
    request
}

/// How long a service may take to answer, or to begin a stream.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) async fn unary<M>(call: impl Future<Output = Result<Response<M>, Status>>) -> Result<M, RestStatus> {
    in_time(call).await.map(Response::into_inner).map_err(|status| rest_status(&status))
}

pub(crate) async fn in_time<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = |_| Err(Status::deadline_exceeded("the service did not answer in 60 seconds"));
    tokio::time::timeout(TIMEOUT, call).await.unwrap_or_else(late)
}

pub(crate) async fn streaming<M: Send + 'static>(
    call: impl Future<Output = Result<Response<Streaming<M>>, Status>>,
) -> Result<ResponseStream<M>, RestStatus> {
    let messages = in_time(call).await.map_err(|status| rest_status(&status))?.into_inner();
    Ok(boxed(messages.map(|message| message.map_err(|status| rest_status(&status)))))
}

fn boxed<M>(stream: impl Stream<Item = Result<M, RestStatus>> + Send + 'static) -> ResponseStream<M> {
    Box::pin(stream)
}
