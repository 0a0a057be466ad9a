//! Programs that listen at a port of the workspace: the agent of these tests is on this machine.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use futures::{Stream, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A web server; it ends when it is dropped.
pub(crate) struct App {
    pub(crate) port: u16,
    heads: Heads,
    more: Arc<Notify>,
    _server: JoinSet<()>,
}

/// All heads of requests that came, as text.
type Heads = Arc<Mutex<Vec<String>>>;

impl App {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heads = Heads::default();
        let more = Arc::new(Notify::new());
        let awaited = Arc::clone(&more);
        let router = Router::new()
            .route("/drip", get(move || ready(Body::from_stream(drip(Arc::clone(&awaited))))))
            .route("/chunks", get(async || Body::from_stream(futures::stream::iter(chunks()))))
            .route("/headers", any(async |headers: HeaderMap| Json(to_json(&headers))))
            .route("/echo", post(async |body: Body| body))
            .route(
                "/redirect",
                get(move || {
                    ready((StatusCode::FOUND, [(header::LOCATION, format!("http://localhost:{port}/there?x=1"))]))
                }),
            )
            .route("/cookie", get(async || ([(header::SET_COOKIE, "theme=dark; Path=/; Domain=localhost")], "")))
            .route("/ws", any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(echo_messages)))
            .fallback(async || (StatusCode::NOT_FOUND, [("x-app", "mine")], "no such page of the program"))
            .layer(middleware::from_fn_with_state(Arc::clone(&heads), record));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.expect("the program serves") });
        Self { port, heads, more, _server: server }
    }

    /// Lets the page that drips go on.
    pub(crate) fn go_on(&self) {
        self.more.notify_one();
    }

    /// Everything that it was told before bodies.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().clone()
    }
}

/// A piece at once, and another one when the test asks for it.
fn drip(more: Arc<Notify>) -> impl Stream<Item = Result<&'static str, Infallible>> {
    let last = async move {
        more.notified().await;
        Ok("last")
    };
    futures::stream::iter([Ok("first")]).chain(futures::stream::once(last))
}

async fn record(State(heads): State<Heads>, request: Request, next: Next) -> Response {
    heads.lock().push(format!("{} {} {:?}", request.method(), request.uri(), to_json(request.headers())));
    next.run(request).await.into_response()
}

fn chunks() -> impl Iterator<Item = Result<&'static str, Infallible>> {
    ["one ", "two ", "three"].into_iter().map(Ok)
}

fn to_json(headers: &HeaderMap) -> Value {
    let text = |value: &axum::http::HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned());
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect::<Map<_, _>>().into()
}

async fn echo_messages(mut socket: axum::extract::ws::WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

/// A port at which nothing listens, and nothing else will while this lives.
pub(crate) struct Free {
    pub(crate) port: u16,
    _kept: TcpSocket,
}

impl Free {
    pub(crate) fn keep() -> Self {
        let kept = TcpSocket::new_v4().expect("a socket");
        kept.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        Self { port: kept.local_addr().expect("an address").port(), _kept: kept }
    }
}

/// Something that speaks TCP.
pub(crate) struct Peer {
    pub(crate) port: u16,
    listener: TcpListener,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { port: listener.local_addr().expect("an address").port(), listener }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> TcpStream {
        self.listener.accept().await.expect("a connection").0
    }

    /// Sends everything back as it comes, then the end; returns how much it was.
    pub(crate) async fn echo(&self) -> u64 {
        let mut stream = self.accept().await;
        let (mut reader, mut writer) = stream.split();
        let count = tokio::io::copy(&mut reader, &mut writer).await.expect("echoed");
        writer.shutdown().await.expect("ended");
        count
    }

    /// Says something that may not be understood, and waits until nobody listens.
    pub(crate) async fn speak(&self, said: &str) {
        let mut stream = self.accept().await;
        stream.write_all(said.as_bytes()).await.expect("written");
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }

    /// Says something, ends its own direction, and returns what it is told after that.
    pub(crate) async fn speak_and_listen(&self, said: &str) -> String {
        let mut stream = self.accept().await;
        stream.write_all(said.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("ended");
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.expect("read to its end");
        heard
    }
}
