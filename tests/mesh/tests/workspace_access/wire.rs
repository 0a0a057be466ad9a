//! A WebSocket as a client of the mesh sees it.

use chatmesh_mesh_tests::{Mesh, PATIENCE};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open WebSocket.
pub(crate) struct Wire {
    socket: Socket,
    /// The protocol that the server chose.
    pub(crate) protocol: Option<String>,
}

impl Wire {
    /// Opens a WebSocket as the administrator.
    pub(crate) async fn open(mesh: &Mesh, path: &str) -> Self {
        let authorization = format!("Bearer {}", mesh.admin().token());
        Self::try_open(mesh, path, &[("authorization", &authorization)]).await.expect("a WebSocket")
    }

    /// Opens a WebSocket with these headers, or returns the HTTP status and error.
    pub(crate) async fn try_open(
        mesh: &Mesh,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, (u16, Value)> {
        let url = mesh.url().replacen("http", "ws", 1);
        let mut request = format!("{url}{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().expect("a value"));
        }
        let opened = tokio::time::timeout(PATIENCE, connect_async(request)).await.expect("an answer in time");
        match opened {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|value| value.to_str().expect("ASCII").to_owned());
                Ok(Self { socket, protocol })
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err((response.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends text.
    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::Text(text.into())).await.expect("sent");
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: impl Into<Bytes>) {
        self.socket.send(Message::Binary(bytes.into())).await.expect("sent");
    }

    /// The next message that is no sign of life.
    pub(crate) async fn next(&mut self) -> Message {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("a message in time");
            match next.expect("the socket is open").expect("a message") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next message, which must be JSON.
    pub(crate) async fn event(&mut self) -> Value {
        match self.next().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// Reads bytes until they contain `wanted`, and returns all of them.
    pub(crate) async fn until(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            match self.next().await {
                Message::Binary(bytes) => seen.extend_from_slice(&bytes),
                other => panic!(
                    "{other:?} before {wanted:?}, after {:?}",
                    String::from_utf8_lossy(&seen[seen.len().saturating_sub(500)..])
                ),
            }
        }
        String::from_utf8_lossy(&seen).into_owned()
    }

    /// Reads until `wanted` comes, over whatever else there is.
    pub(crate) async fn reach(&mut self, wanted: &str) {
        let mut tail = Vec::new();
        while !String::from_utf8_lossy(&tail).contains(wanted) {
            if let Message::Binary(bytes) = self.next().await {
                tail.drain(..tail.len().saturating_sub(wanted.len()));
                tail.extend_from_slice(&bytes);
            }
        }
    }

    /// Reads over bytes to the next text.
    pub(crate) async fn skip_to_event(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Binary(_) => {}
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                other => panic!("expected text, got {other:?}"),
            }
        }
    }

    /// Reads the end and returns its code.
    pub(crate) async fn closed(&mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("expected the end, got {other:?}"),
        }
    }

    /// Goes away without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }

    /// Both directions on their own.
    pub(crate) fn split(self) -> (SplitSink<Socket, Message>, SplitStream<Socket>) {
        self.socket.split()
    }
}
