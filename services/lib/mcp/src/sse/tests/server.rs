//! A server of MCP 2024-11-05 with one tool.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

/// What callers must send in `X-Key`.
pub(super) const KEY: &str = "key-of-the-service";

/// What the stream begins with.
#[derive(Debug, Clone)]
pub(super) enum Opening {
    /// An address for messages.
    Endpoint(String),
    /// Any text.
    Raw(String),
    /// Its end.
    Nothing,
    /// Nothing, ever.
    Silence,
    /// No stream at all.
    Json,
}

type Stream = mpsc::Sender<String>;

/// A server; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct Server {
    origin: String,
    opening: Opening,
    stream: Arc<Mutex<Option<Stream>>>,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server that listens until the test ends.
    pub(super) async fn start(opening: Opening) -> Self {
        let (server, listener) = Self::bind(opening).await;
        let router = Router::new().fallback(handle).with_state(server.clone());
        TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// A server that is gone already.
    pub(super) async fn gone() -> Self {
        Self::bind(Opening::Nothing).await.0
    }

    async fn bind(opening: Opening) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        (Self { origin, opening, stream: Arc::default(), posted: Arc::default() }, listener)
    }

    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    /// The methods of the messages that were posted, in their order.
    pub(super) fn posted(&self) -> Vec<String> {
        self.posted.lock().clone()
    }

    /// Sends text on the stream; false where nobody reads it.
    pub(super) async fn send(&self, text: String) -> bool {
        let stream = self.stream.lock().clone();
        stream.expect("a stream").send(text).await.is_ok()
    }

    /// Ends the stream after some text.
    pub(super) async fn end_with(&self, text: &str) {
        self.send(text.to_owned()).await;
        self.stream.lock().take();
    }

    fn open(&self) -> Response {
        let (sender, receiver) = mpsc::channel(16);
        let first = match &self.opening {
            Opening::Endpoint(endpoint) => {
                Some(format!(": welcome\r\n\r\nevent: endpoint\r\ndata: {endpoint}\r\n\r\n"))
            }
            Opening::Raw(text) => Some(text.clone()),
            Opening::Nothing => None,
            Opening::Silence => Some(": patience\n\n".to_owned()),
            Opening::Json => return axum::Json(json!({})).into_response(),
        };
        let stays = matches!(self.opening, Opening::Endpoint(_) | Opening::Silence);
        *self.stream.lock() = stays.then_some(sender);
        let rest = futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
        let stream = futures::stream::iter(first).chain(rest).map(Ok::<_, Infallible>);
        ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(stream)).into_response()
    }

    /// Answers on the stream, among what else may stand there.
    async fn post(&self, body: &[u8]) -> Response {
        let message: Value = serde_json::from_slice(body).expect("JSON");
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let result = match method.as_str() {
            "initialize" => json!({
                "protocolVersion": "2024-11-05", "capabilities": {"tools": {}},
                "serverInfo": {"name": "old", "version": "1"},
            }),
            "tools/list" => json!({"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}),
            "tools/call" => json!({"content": [{"type": "text", "text": message["params"]["arguments"]["text"]}]}),
            _ => Value::Null,
        };
        self.posted.lock().push(method);
        if !message["id"].is_null() {
            // JSON may have breaks, and each of its lines is one of the event.
            let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            let lines = serde_json::to_string_pretty(&answer).expect("JSON").replace('\n', "\r\ndata: ");
            self.send(": ping\n\nevent: other\ndata: 1\n\ndata: no message\n\n".to_owned()).await;
            self.send(format!("event: message\r\ndata: {lines}\r\n\r\n")).await;
        }
        (StatusCode::ACCEPTED, "Accepted").into_response()
    }
}

async fn handle(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.headers.get("x-key").is_none_or(|key| key != KEY) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let redirect = |to: &str| (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to.to_owned())]).into_response();
    match (parts.method, parts.uri.path()) {
        (Method::GET, "/near") => redirect("/deep/sse"),
        (Method::GET, "/far") => redirect("http://127.0.0.1:1/sse"),
        (Method::GET, path) if path.ends_with("/sse") => server.open(),
        (Method::POST, path) if path.ends_with("/messages") => {
            assert_eq!(parts.headers[CONTENT_TYPE], "application/json");
            let body = axum::body::to_bytes(body, 1024 * 1024).await.expect("a body");
            server.post(&body).await
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
