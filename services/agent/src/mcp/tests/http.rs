//! A real server over streamable HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use chatmesh_proto::agent::v1 as pb;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::handler::Tools;
use super::{Running, config, states, tools};

/// Serves `/mcp` to who has the right key, and sends others elsewhere.
async fn serve() -> (SocketAddr, DropGuard) {
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
            let service = service.clone();
            let answer = service_fn(move |request: Request<Incoming>| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(service, request).await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), answer);
            tasks.spawn(async move { drop(connection.await) });
        }
    });
    (address, guard)
}

type Service = StreamableHttpService<Tools, LocalSessionManager>;

async fn answer(service: Service, request: Request<Incoming>) -> Response<BoxBody<bytes::Bytes, Infallible>> {
    let refuse = |status: StatusCode, location: &str| {
        let response = Response::builder().status(status).header("location", location);
        response.body(Empty::new().boxed()).expect("response")
    };
    match request.uri().path() {
        "/mcp" if request.headers().get("x-key").is_some_and(|key| key == "key-of-the-service") => {
            service.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
        "/mcp" => refuse(StatusCode::UNAUTHORIZED, ""),
        "/near" => refuse(StatusCode::TEMPORARY_REDIRECT, "/mcp"),
        "/far" => refuse(StatusCode::TEMPORARY_REDIRECT, "http://127.0.0.1:1/mcp"),
        _ => refuse(StatusCode::NOT_FOUND, ""),
    }
}

/// M01: servers over HTTP connect with their headers, and fail without their secrets.
#[tokio::test]
async fn m01_servers_are_reached_over_streamable_http() {
    let (address, _guard) = serve().await;
    let headers = json!({"X-Key": "${KEY}"});
    let servers = json!({
        "one": {"url": format!("http://{address}/mcp"), "headers": headers},
        "redirected": {"type": "http", "url": format!("http://{address}/near"), "headers": headers},
        "astray": {"url": format!("http://{address}/far"), "headers": headers},
        "denied": {"url": format!("http://{address}/mcp?token=${{KEY}}")},
        "missing": {"url": format!("http://{address}/some/secret/path"), "headers": headers},
        "down": {"url": "http://127.0.0.1:1/some/secret/path?token=${KEY}"},
        "old": {"type": "sse", "url": format!("http://{address}/mcp")},
    });
    let running = Running::real(&[("KEY", "key-of-the-service")], &config(&servers));
    let listing = running.list().await;
    for (server, state, error) in states(&listing) {
        let expected = match server {
            "one" | "redirected" => pb::McpServerState::Connected,
            _ => pb::McpServerState::Failed,
        };
        assert_eq!(state, expected, "{server}: {error}");
        assert!(!error.contains("key-of-the-service") && !error.contains("/some/secret"), "{server}: {error}");
    }
    assert_eq!(tools(&listing, "one").len(), 11);
    let find = |name: &str| states(&listing).into_iter().find(|state| state.0 == name).map(|state| state.2.to_owned());
    assert!(find("old").is_some_and(|error| error.contains("use the type `http`")));
    assert!(find("down").is_some_and(|error| error.contains("http://127.0.0.1:1")), "{:?}", find("down"));
    for server in ["one", "redirected"] {
        let response = running.call(&format!("{server}__echo"), json!({"text": "over HTTP"})).await.expect("an answer");
        assert_eq!(response.content[0].text, "over HTTP");
    }
    assert_eq!(running.text("one__id").await, "\"call-1\"");
    running.end().await;
}
