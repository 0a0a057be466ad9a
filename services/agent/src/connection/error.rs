//! Why there is no connection.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use http::StatusCode;

/// Why the agent gives up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The relay does not want this agent, now or later.
    #[error("the relay refused this agent for good: {0}")]
    Refused(String),
    /// The token is not valid.
    #[error("the relay does not accept the token (HTTP {0})")]
    Unauthorized(StatusCode),
    /// The configuration can not be used.
    #[error("{0}")]
    Config(String),
    /// Certificate authorities can not be loaded.
    #[error("can not load certificate authorities from `{}`: {problem}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// Why one attempt failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttemptError {
    /// No other attempt will do better.
    #[error(transparent)]
    Final(ConnectionError),
    /// The relay can not be reached.
    #[error("can not reach the relay")]
    Connect(#[source] io::Error),
    /// The proxy can not be reached.
    #[error("can not reach the proxy on the way to the relay")]
    ProxyConnect(#[source] io::Error),
    /// The proxy opens no tunnel.
    #[error("the proxy on the way to the relay refused a tunnel: HTTP {0}")]
    Proxy(StatusCode),
    /// What answered did not speak HTTP.
    #[error("the upgrade failed")]
    Upgrade(#[source] hyper::Error),
    /// What answered did not take agents.
    #[error("the answer to the upgrade was HTTP {0}")]
    Status(StatusCode),
    /// The greeting failed.
    #[error("the handshake failed")]
    Handshake(#[source] io::Error),
    /// The relay does not want this agent now.
    #[error("the relay refused the connection: {0}")]
    Refused(String),
    /// Took too long.
    #[error("the relay did not answer in time")]
    Timeout,
    /// The connection broke while it was used.
    #[error("the connection to the relay broke")]
    Broken(#[source] hyper::Error),
}

impl AttemptError {
    /// The error and its causes in one line.
    pub(super) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}
