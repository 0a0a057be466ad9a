//! WebSockets of the mesh.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use http::{HeaderValue, header};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::{Client, Refused};

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long it may take to open: longer than the gateway takes to say why it does not.
const OPEN_TIMEOUT: Duration = Duration::from_secs(45);
/// The largest message: the gateway's are much smaller.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// How much is collected before it is written.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

impl Client {
    /// Opens a WebSocket.
    ///
    /// # Errors
    /// [`Refused`] where the mesh says no; others where it cannot be reached.
    pub(crate) async fn socket(&self, path: &str) -> anyhow::Result<Socket> {
        let base = self.base.strip_prefix("http").context("the URL of the mesh begins with http:// or https://")?;
        let mut request = format!("ws{base}{path}").into_client_request()?;
        let mut token = HeaderValue::try_from(format!("Bearer {}", self.token)).context("the token is no token")?;
        token.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, token);
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES))
            .write_buffer_size(WRITE_BUFFER_BYTES);
        let open = connect_async_with_config(request, Some(config), true);
        match timeout(OPEN_TIMEOUT, open).await.context("no answer in time")? {
            Ok((socket, _)) => Ok(socket),
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body: Value = serde_json::from_slice(body).unwrap_or_default();
                Err(Refused::new(response.status(), &body).into())
            }
            Err(error) => Err(anyhow!(error).context(format!("cannot reach {}", self.base))),
        }
    }
}
