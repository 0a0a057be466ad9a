//! HTTP with server-sent events, as MCP of 2024-11-05 has it, and as servers still speak it that were never rewritten.
//!
//! A GET opens a stream. Its first event, `endpoint`, says where messages are to be posted, and the answers come on the
//! stream. Where the stream ends, the session does.

mod endpoint;
mod limit;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Response};
use rmcp::model::ServerJsonRpcMessage;
use rmcp::service::{RoleClient, RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use sse_stream::{Sse, SseStream};
use tokio::time::timeout;
use tracing::debug;
use url::Url;

use limit::Limit;

const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
/// How long a server has to say where messages are to be posted.
const ENDPOINT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server may take to accept a message. Some of them answer the POST only when the work is done.
const POST_TIMEOUT: Duration = Duration::from_secs(120);

/// What is wrong with a server. No address is in it: a path may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SseError {
    /// It is not there, or went away.
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It answered, and not as it should.
    #[error("it answered with the status {0}")]
    Refused(StatusCode),
    /// It speaks something else.
    #[error("it answered with no event stream: it may speak streamable HTTP")]
    NoStream,
    /// Nobody knows where to send messages.
    #[error("its stream did not begin with an `endpoint` event")]
    NoEndpoint,
    /// Messages are to be sent to where they must not go.
    #[error("it wants messages at an address that {0}")]
    Astray(&'static str),
    /// It takes too long.
    #[error("it did not say within {} seconds where messages are to be sent", ENDPOINT_TIMEOUT.as_secs())]
    Late,
    /// What it sends is no event stream.
    #[error("its event stream cannot be read")]
    Garbled(#[source] sse_stream::Error),
    /// A message of ours cannot be written.
    #[error("a message cannot be written")]
    Unwritten(#[from] serde_json::Error),
}

impl From<reqwest::Error> for SseError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(error.without_url())
    }
}

type Events = BoxStream<'static, Result<Sse, sse_stream::Error>>;

/// A connection to a server.
pub(crate) struct SseTransport {
    client: Client,
    headers: HeaderMap,
    endpoint: Url,
    /// `None` once it has ended.
    events: Option<Events>,
}

impl fmt::Debug for SseTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseTransport").finish_non_exhaustive()
    }
}

impl SseTransport {
    /// Opens the stream and waits for the endpoint.
    pub(crate) async fn connect(client: Client, url: &Url, headers: HeaderMap) -> Result<Self, SseError> {
        let opening = async {
            let request = client.get(url.clone()).headers(headers.clone()).header(ACCEPT, EVENT_STREAM);
            let response = accepted(request.send().await?)?;
            if !is_event_stream(&response) {
                return Err(SseError::NoStream);
            }
            // Relative addresses are meant from where redirects, which stay at the host, have led.
            let base = response.url().clone();
            let mut events = read(response);
            let first = events.next().await.ok_or(SseError::NoEndpoint)?.map_err(SseError::Garbled)?;
            let given = first.data.filter(|_| first.event.as_deref() == Some("endpoint"));
            let endpoint = endpoint::resolve(&base, &given.ok_or(SseError::NoEndpoint)?).map_err(SseError::Astray)?;
            Ok((endpoint, events))
        };
        let (endpoint, events) = timeout(ENDPOINT_TIMEOUT, opening).await.unwrap_or(Err(SseError::Late))?;
        Ok(Self { client, headers, endpoint, events: Some(events) })
    }
}

impl Transport<RoleClient> for SseTransport {
    type Error = SseError;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), SseError>> + Send + 'static {
        let request = self.client.post(self.endpoint.clone()).headers(self.headers.clone());
        let request = request.header(CONTENT_TYPE, JSON).timeout(POST_TIMEOUT);
        async move {
            let body = serde_json::to_vec(&message)?;
            // What is in the body is not for us: answers come on the stream.
            accepted(request.body(body).send().await?).map(drop)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        loop {
            match self.events.as_mut()?.next().await {
                Some(Ok(event)) => {
                    if let Some(message) = message(event) {
                        return Some(message);
                    }
                }
                Some(Err(error)) => {
                    debug!(%error, "the event stream of an MCP server broke off");
                    self.events = None;
                }
                None => self.events = None,
            }
        }
    }

    async fn close(&mut self) -> Result<(), SseError> {
        self.events = None;
        Ok(())
    }
}

fn accepted(response: Response) -> Result<Response, SseError> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(SseError::Refused(status)) }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(EVENT_STREAM))
}

fn read(response: Response) -> Events {
    let mut limit = Limit::default();
    let bytes = response.bytes_stream().map(move |chunk| limit.pass(chunk?));
    SseStream::from_bytes_stream(bytes).boxed()
}

/// The message of an event. What nobody can read is left out: whoever waits for it has a deadline.
fn message(event: Sse) -> Option<ServerJsonRpcMessage> {
    if !matches!(event.event.as_deref(), None | Some("message")) {
        return None;
    }
    let message = serde_json::from_str(&event.data?);
    message.inspect_err(|error| debug!(line = error.line(), "an MCP server sent a message that is none")).ok()
}
