use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::task::TaskTracker;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What is logged, in memory.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Keeps what this thread logs, as far as the mesh does by default.
    fn keep(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_writer(self.clone()).with_ansi(false);
        tracing::subscriber::set_default(subscriber.with_max_level(tracing::Level::INFO).finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).expect("text")
    }

    /// Waits until something was logged: the library does it when it likes.
    async fn until(&self, expected: &str) {
        let logged = async {
            while !self.text().contains(expected) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), logged).await;
        assert!(in_time.is_ok(), "not logged: {expected}; but {}", self.text());
    }
}

#[derive(Debug, Clone)]
struct Handler;

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "0"))
    }
}

async fn open(origin: &str, protocol: Protocol) -> Result<RunningService<RoleClient, Handler>, ConnectError> {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::custom(redirect)).build().expect("a client");
    let url = Url::parse(&format!("{origin}/mcp-hidden-path?key=hidden-query")).expect("a URL");
    Box::pin(connect(Handler, protocol, client, &url, HashMap::new())).await
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    (listener, origin)
}

/// Answers messages, and knows nothing else.
async fn answer(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body = axum::body::to_bytes(body, 1024 * 1024).await.expect("a body");
    let message: Value = serde_json::from_slice(&body).expect("JSON");
    if message["id"].is_null() {
        return StatusCode::ACCEPTED.into_response();
    }
    let result = json!({
        "protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "there", "version": "1"},
    });
    let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
    ([("mcp-session-id", "session-1")], axum::Json(answer)).into_response()
}

/// M15: the library logs errors whole, and an address is not in them.
#[tokio::test]
async fn m15_an_address_is_not_logged_where_nobody_listens() {
    let log = Log::default();
    let _guard = log.keep();
    for protocol in [Protocol::StreamableHttp, Protocol::Sse] {
        // Nobody else takes the port meanwhile.
        let kept = TcpSocket::new_v4().expect("a socket");
        kept.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let origin = format!("http://{}", kept.local_addr().expect("an address"));
        let ConnectError::Failed(problem) = open(&origin, protocol).await.expect_err("nobody listens") else {
            panic!("nobody was asked for an authorization")
        };
        assert!(!problem.contains("hidden"), "{problem}");
    }
    log.until("worker quit with fatal").await;
    assert!(!log.text().contains("hidden"), "{}", log.text());
}

/// M15: neither is it where the server knows no stream, or no end of a session.
#[tokio::test]
async fn m15_an_address_is_not_logged_where_a_stream_is_refused() {
    let log = Log::default();
    let _guard = log.keep();
    let (listener, origin) = listen().await;
    TaskTracker::new().spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let mut service = open(&origin, Protocol::StreamableHttp).await.expect("connected");
    log.until("fail to get common stream").await;
    drop(service.close().await);
    log.until("fail to delete session").await;
    assert!(!log.text().contains("hidden"), "{}", log.text());
}
