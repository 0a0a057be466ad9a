//! A real server over HTTP: streamable HTTP, and the transport of before.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use chatmesh_proto::agent::v1 as pb;
use futures::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::ServiceExt as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::handler::Tools;
use super::{Running, config, states, tools};

/// Serves `/mcp` and `/sse` to who has the right key, and sends others elsewhere.
async fn serve() -> (SocketAddr, DropGuard) {
    let old = Old::default();
    let service = StreamableHttpService::new(
        || Ok(Tools::default()),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
    let address = listener.local_addr().expect("address");
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    let tasks = TaskTracker::new();
    tasks.clone().spawn(async move {
        while let Some(Ok((tcp, _))) = stop.run_until_cancelled(listener.accept()).await {
            tcp.set_nodelay(true).expect("nodelay");
            let (service, old) = (service.clone(), old.clone());
            let answer = service_fn(move |request: Request<Incoming>| {
                let (service, old) = (service.clone(), old.clone());
                async move { Ok::<_, Infallible>(answer(service, old, request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), answer);
            tasks.spawn(async move { drop(connection.await) });
        }
    });
    (address, guard)
}

type Body = UnsyncBoxBody<bytes::Bytes, Infallible>;
type Service = StreamableHttpService<Tools, LocalSessionManager>;

/// The transport of before, around the same tools: one session, which the last stream has.
#[derive(Debug, Clone, Default)]
struct Old {
    session: Arc<Mutex<Option<WriteHalf<DuplexStream>>>>,
    tasks: TaskTracker,
}

impl Old {
    async fn open(&self) -> Response<Body> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.tasks
            .spawn(async move { Tools::default().serve(theirs).await?.waiting().await.map_err(anyhow::Error::from) });
        let (read, write) = tokio::io::split(ours);
        *self.session.lock().await = Some(write);
        let lines = futures::stream::unfold(BufReader::new(read).lines(), |mut lines| async move {
            let line = lines.next_line().await.ok()??;
            Some((format!("event: message\ndata: {line}\n\n"), lines))
        });
        let endpoint = "event: endpoint\ndata: /messages?session=1\n\n".to_owned();
        let events = futures::stream::iter([endpoint]).chain(lines);
        let body = StreamBody::new(events.map(|event| Ok(Frame::data(event.into()))));
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(body.boxed_unsync()).expect("response")
    }

    async fn post(&self, request: Request<Incoming>) {
        let mut message = request.into_body().collect().await.expect("a body").to_bytes().to_vec();
        message.push(b'\n');
        let mut session = self.session.lock().await;
        session.as_mut().expect("a session").write_all(&message).await.expect("written");
    }
}

async fn answer(service: Service, old: Old, request: Request<Incoming>) -> Response<Body> {
    let refuse = |status: StatusCode, location: &str| {
        let response = Response::builder().status(status).header("location", location);
        response.body(Empty::new().boxed_unsync()).expect("response")
    };
    let is_let_in = request.headers().get("x-key").is_some_and(|key| key == "key-of-the-service");
    match request.uri().path() {
        "/mcp" if is_let_in => {
            let response = service.oneshot(request).await.unwrap_or_else(|never| match never {});
            response.map(BodyExt::boxed_unsync)
        }
        "/sse" if is_let_in => old.open().await,
        "/messages" if is_let_in => {
            old.post(request).await;
            refuse(StatusCode::ACCEPTED, "")
        }
        "/mcp" | "/sse" | "/messages" => refuse(StatusCode::UNAUTHORIZED, ""),
        "/near" => refuse(StatusCode::TEMPORARY_REDIRECT, "/mcp"),
        "/far" => refuse(StatusCode::TEMPORARY_REDIRECT, "http://127.0.0.1:1/mcp"),
        _ => refuse(StatusCode::NOT_FOUND, ""),
    }
}

/// M01: servers over HTTP connect with their headers, and fail without their secrets.
#[tokio::test]
async fn m01_servers_are_reached_over_both_kinds_of_http() {
    let (address, _guard) = serve().await;
    let headers = json!({"X-Key": "${KEY}"});
    let servers = json!({
        "one": {"url": format!("http://{address}/mcp"), "headers": headers},
        "redirected": {"type": "http", "url": format!("http://{address}/near"), "headers": headers},
        "astray": {"url": format!("http://{address}/far"), "headers": headers},
        "denied": {"url": format!("http://{address}/mcp?token=${{KEY}}")},
        "missing": {"url": format!("http://{address}/some/secret/path"), "headers": headers},
        "down": {"url": "http://127.0.0.1:1/some/secret/path?token=${KEY}"},
        "old": {"type": "sse", "url": format!("http://{address}/sse"), "headers": headers},
        "wrong": {"type": "sse", "url": format!("http://{address}/mcp"), "headers": headers},
        "shut": {"type": "sse", "url": format!("http://{address}/sse?token=${{KEY}}")},
    });
    let running = Running::real(&[("KEY", "key-of-the-service")], &config(&servers));
    let listing = running.list().await;
    for (server, state, error) in states(&listing) {
        let expected = match server {
            "old" | "one" | "redirected" => pb::McpServerState::Connected,
            _ => pb::McpServerState::Failed,
        };
        assert_eq!(state, expected, "{server}: {error}");
        assert!(!error.contains("key-of-the-service") && !error.contains("/some/secret"), "{server}: {error}");
    }
    assert_eq!(tools(&listing, "one").len(), 11);
    let find = |name: &str| states(&listing).into_iter().find(|state| state.0 == name).map(|state| state.2.to_owned());
    assert!(find("wrong").is_some_and(|error| error.contains("it answered with")), "{:?}", find("wrong"));
    assert!(find("shut").is_some_and(|error| error.contains("set one in `headers`")), "{:?}", find("shut"));
    assert!(find("down").is_some_and(|error| error.contains("http://127.0.0.1:1")), "{:?}", find("down"));
    for server in ["old", "one", "redirected"] {
        let response = running.call(&format!("{server}__echo"), json!({"text": "over HTTP"})).await.expect("an answer");
        assert_eq!(response.content[0].text, "over HTTP");
    }
    assert_eq!(running.text("one__id").await, "\"call-1\"");
    running.end().await;
}
