//! The way to servers: over HTTP, to where the configuration leads and nowhere else.

mod address;
mod http;
mod session;

use std::collections::HashMap;
use std::fmt;

use ::http::{HeaderName, HeaderValue};
use chatmesh_mcp::Protocol;
use rmcp::handler::client::ClientHandler;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use rmcp::service::{RoleClient, RunningService};
use url::Url;

pub(super) use address::Addresses;
pub(super) use http::HttpConnector;
pub(super) use session::{CallError, RemoteTool, Session};

/// The mesh's side of a session. Nothing is offered to servers: nobody is there to answer questions or to lend a model.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Client;

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("chatmesh", env!("CARGO_PKG_VERSION")))
    }
}

/// A connected server.
pub(super) type Link = RunningService<RoleClient, Client>;

/// Where a server is, and what it is sent with every request.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) protocol: Protocol,
    pub(super) url: Url,
    pub(super) headers: HashMap<HeaderName, HeaderValue>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("origin", &self.url.origin().ascii_serialization()).finish_non_exhaustive()
    }
}

/// Why there is no session with a server, or no list of its tools.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    /// It does not know who calls, or not well enough.
    #[error("the server wants an authorization, or another one")]
    Unauthorized,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl From<String> for OpenError {
    fn from(problem: String) -> Self {
        Self::Failed(problem)
    }
}

/// Connects servers. The caller bounds the time; what was begun ends when it is dropped.
#[tonic::async_trait]
pub(super) trait Connect: fmt::Debug + Send + Sync + 'static {
    /// Connects one server. The error is not redacted.
    async fn connect(&self, target: &Target) -> Result<Link, OpenError>;
}
