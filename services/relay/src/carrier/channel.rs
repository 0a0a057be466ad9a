//! Calls an agent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::error::{CallError, Closed};
use super::remains::Remains;

/// How many calls may wait for the beginning of their answer. HTTP/2 queues what the agent does
/// not take yet, and this bounds that queue.
const MAX_WAITING: usize = 4096;

/// A channel to one connected agent, for generated clients. Clones share the connection.
///
/// A call whose answer does not begin fails with a status that has one of these reasons:
/// `AGENT_NOT_CONNECTED` (UNAVAILABLE) and `AGENT_BUSY` (RESOURCE_EXHAUSTED) where nothing of the
/// call reached the agent, `AGENT_CONNECTION_LOST` (UNAVAILABLE) where anything may have.
#[derive(Debug, Clone)]
pub struct AgentChannel {
    sender: SendRequest<Body>,
    waiting: Arc<Semaphore>,
    remains: Remains<Incoming>,
    close: CancellationToken,
    closed: watch::Receiver<Option<Closed>>,
}

impl AgentChannel {
    pub(super) fn new(
        sender: SendRequest<Body>,
        remains: Remains<Incoming>,
        closed: watch::Receiver<Option<Closed>>,
    ) -> Self {
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        Self { sender, waiting, remains, close: CancellationToken::new(), closed }
    }

    pub(super) fn close_requested(&self) -> CancellationToken {
        self.close.clone()
    }

    /// Waits until the connection has ended and says how.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.closed.clone();
        match closed.wait_for(Option::is_some).await {
            Ok(closed) => closed.clone().unwrap_or(Closed::ByRelay),
            // The connection was dropped, which cuts it.
            Err(_) => Closed::ByRelay,
        }
    }

    /// True where the connection has ended or is about to.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.close.is_cancelled() || self.sender.is_closed()
    }

    /// Closes the connection; calls in progress fail. The agent will dial again.
    pub fn close(&self) {
        self.close.cancel();
    }
}

impl Service<Request<Body>> for AgentChannel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        if self.is_closed() {
            return Poll::Ready(Err(CallError::Closed.into()));
        }
        self.sender.poll_ready(cx).map_err(|_| CallError::Closed.into())
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Box::pin(std::future::ready(Err(CallError::Busy.into())));
        };
        *request.uri_mut() = on_agent(request.uri());
        let response = self.sender.send_request(request);
        let remains = self.remains.clone();
        Box::pin(async move {
            let response = response.await;
            drop(permit);
            match response {
                Ok(response) => Ok(response.map(|body| Body::new(remains.of(body)))),
                Err(error) if error.is_canceled() => Err(CallError::Closed.into()),
                Err(error) => Err(CallError::Http(error).into()),
            }
        })
    }
}

/// HTTP/2 wants a host in every request; there is only one on this connection.
fn on_agent(uri: &Uri) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(Authority::from_static("agent"));
    parts.path_and_query = Some(uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/")));
    // All three parts are there, so this is a valid address.
    Uri::from_parts(parts).unwrap_or_default()
}
