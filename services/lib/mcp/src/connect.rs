//! Connections over HTTP.

use std::collections::HashMap;
use std::error::Error;

use http::{HeaderName, HeaderValue, StatusCode};
use reqwest::redirect::{Action, Attempt};
use rmcp::handler::client::ClientHandler;
use rmcp::service::{ClientInitializeError, RoleClient, RunningService, ServiceError, ServiceExt as _};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{AuthRequiredError, StreamableHttpClientTransportConfig};
use url::Url;

use crate::discreet::Discreet;
use crate::sse::{SseError, SseTransport};

/// The longest message of a server: the largest file that chats take, 10 MiB, comes in base64.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Streamable HTTP.
    StreamableHttp,
    /// HTTP with server-sent events, the transport of before 2025: messages go out by POST and come in on a stream.
    Sse,
}

/// Why a server is not connected. It may hold secrets: whoever shows it redacts it.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It does not know who calls, or not well enough.
    #[error("the server wants an authorization, or another one")]
    Unauthorized,
    /// Anything else.
    #[error("the server did not answer as an MCP server does: {0}")]
    Failed(String),
}

impl From<SseError> for ConnectError {
    fn from(error: SseError) -> Self {
        match error {
            SseError::Refused(StatusCode::UNAUTHORIZED) => Self::Unauthorized,
            error => Self::Failed(chain(&error)),
        }
    }
}

impl From<ClientInitializeError> for ConnectError {
    fn from(error: ClientInitializeError) -> Self {
        if error.is_authorization_required() { Self::Unauthorized } else { Self::Failed(chain(&error)) }
    }
}

/// Connects a server that is sent `headers` with every request. `client` has [`redirect`] for its policy, so that the
/// headers stay where they are meant for. The caller bounds the time; what was begun ends when it is dropped.
///
/// # Errors
/// The server cannot be reached, or speaks another protocol.
pub async fn connect<H: ClientHandler>(
    handler: H,
    protocol: Protocol,
    client: reqwest::Client,
    url: &Url,
    headers: HashMap<HeaderName, HeaderValue>,
) -> Result<RunningService<RoleClient, H>, ConnectError> {
    match protocol {
        Protocol::StreamableHttp => {
            let config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                .custom_headers(headers)
                .max_sse_event_size(MAX_MESSAGE_BYTES);
            let transport = StreamableHttpClientTransport::with_client(Discreet(client), config);
            Ok(Box::pin(handler.serve(transport)).await?)
        }
        Protocol::Sse => {
            let transport = SseTransport::connect(client, url, headers.into_iter().collect()).await?;
            Ok(Box::pin(handler.serve(transport)).await?)
        }
    }
}

/// True where a server did not take a request because it wants an authorization, or another one.
#[must_use]
pub fn is_unauthorized(error: &ServiceError) -> bool {
    let ServiceError::TransportSend(error) = error else { return false };
    let mut cause = Some(error.error.as_ref() as &(dyn Error + 'static));
    while let Some(error) = cause {
        let refused = error.downcast_ref::<SseError>();
        if error.is::<AuthRequiredError>() || matches!(refused, Some(SseError::Refused(StatusCode::UNAUTHORIZED))) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An error with its causes.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// Follows only what keeps the message and stays where the headers may go.
pub fn redirect(attempt: Attempt<'_>) -> Action {
    let keeps_message = matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let stays = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if keeps_message && stays && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

#[cfg(test)]
mod tests;
