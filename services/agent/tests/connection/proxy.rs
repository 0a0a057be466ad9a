//! The way through an HTTP proxy.

use std::net::SocketAddr;

use bytes::Bytes;
use chatmesh_proto::agent::v1 as pb;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::relay::{LONG, Policy, Relay};
use super::{Running, self_signed};

/// The relay's name behind the proxy.
const NAME: &str = "relay.test";

/// A proxy that opens tunnels for those who know the password.
struct Proxy {
    address: SocketAddr,
    asked: mpsc::Receiver<(String, StatusCode)>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let address = listener.local_addr().expect("address");
        let (ask, asked) = mpsc::channel(64);
        TaskTracker::new().spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let ask = ask.clone();
                let service = service_fn(move |request| answer(request, ask.clone()));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(tcp), service).with_upgrades();
                TaskTracker::new().spawn(connection);
            }
        });
        Self { address, asked }
    }

    async fn asked(&mut self) -> (String, StatusCode) {
        tokio::time::timeout(LONG, self.asked.recv()).await.expect("asked").expect("the proxy is up")
    }
}

async fn answer(
    mut request: Request<Incoming>,
    ask: mpsc::Sender<(String, StatusCode)>,
) -> Result<Response<Empty<Bytes>>, std::convert::Infallible> {
    let target = request.uri().to_string();
    // "me:secret"
    let knows = request.headers().get(PROXY_AUTHORIZATION) == Some(&HeaderValue::from_static("Basic bWU6c2VjcmV0"));
    let status = match (request.method() == Method::CONNECT, knows) {
        (true, true) => StatusCode::OK,
        (true, false) => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        (false, _) => StatusCode::METHOD_NOT_ALLOWED,
    };
    if status == StatusCode::OK {
        let (upgrade, target) = (hyper::upgrade::on(&mut request), target.clone());
        TaskTracker::new().spawn(async move {
            let mut client = TokioIo::new(upgrade.await.expect("upgraded"));
            // The proxy alone knows where the name leads.
            let here = target.replace(NAME, "127.0.0.1");
            let mut server = TcpStream::connect(here).await.expect("the target is there");
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        });
    }
    // Who counts them counts a few only.
    let _ = ask.try_send((target, status));
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    Ok(response)
}

#[tokio::test]
async fn an_agent_connects_through_a_proxy_with_and_without_tls() {
    let (acceptor, ca) = self_signed(NAME);
    for tls in [None, Some(acceptor)] {
        let (mut proxy, mut relay) = (Proxy::start().await, Relay::start_with(Policy::Welcome, tls.clone()).await);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{NAME}:{}", relay.address.port());
        let variable = ("ALL_PROXY", format!("http://me:secret@{}", proxy.address));
        let agent = Running::start_with(&url, &["--ca-file", super::path(ca.path())], &[variable]);
        let session = relay.session().await;
        session.diagnostics().ping(pb::PingRequest {}).await.expect("ping");
        assert_eq!(proxy.asked().await, (format!("{NAME}:{}", relay.address.port()), StatusCode::OK));
        agent.shutdown.cancel();
        agent.end().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_is_asked_again() {
    let mut proxy = Proxy::start().await;
    let wrong = ("HTTP_PROXY", format!("http://me:wrong@{}", proxy.address));
    let agent = Running::start_with(&format!("http://{NAME}"), &[], &[wrong]);
    for _ in 0..2 {
        assert_eq!(proxy.asked().await, (format!("{NAME}:80"), StatusCode::PROXY_AUTHENTICATION_REQUIRED));
    }
    agent.shutdown.cancel();
    agent.end().await.expect("a clean end");
}
