//! A relay that takes agents on a loopback socket and knows nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chatmesh_proto::agent::v1::diagnostics_service_client::DiagnosticsServiceClient;
use chatmesh_proto::agent::v1::file_service_client::FileServiceClient;
use chatmesh_proto::agent::v1::process_service_client::ProcessServiceClient;
use chatmesh_proto::relay::v1::{Hello, Refusal, Welcome};
use chatmesh_relay::carrier::{self, AgentChannel, Carrier};
use http::header::{AUTHORIZATION, CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the relay takes for a token.
pub(crate) const TOKEN: &str = "the-token";
/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Whom to let in.
#[derive(Debug, Clone)]
pub(crate) enum Policy {
    Welcome,
    Refuse(Refusal),
    /// Answer the upgrade with this.
    Status(StatusCode),
}

/// A relay; gone when it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    sessions: mpsc::Receiver<Session>,
    turned_away: mpsc::Receiver<()>,
    stop: CancellationToken,
}

/// A connected agent.
pub(crate) struct Session {
    pub(crate) hello: Hello,
    pub(crate) channel: AgentChannel,
    cut: CancellationToken,
}

impl Session {
    pub(crate) fn diagnostics(&self) -> DiagnosticsServiceClient<AgentChannel> {
        DiagnosticsServiceClient::new(self.channel.clone())
    }

    pub(crate) fn processes(&self) -> ProcessServiceClient<AgentChannel> {
        ProcessServiceClient::new(self.channel.clone())
    }

    pub(crate) fn files(&self) -> FileServiceClient<AgentChannel> {
        FileServiceClient::new(self.channel.clone())
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Relay {
    pub(crate) async fn start(policy: Policy) -> Self {
        Self::start_with(policy, None).await
    }

    pub(crate) async fn start_with(policy: Policy, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let address = listener.local_addr().expect("address");
        let (sender, sessions) = mpsc::channel(8);
        let (away, turned_away) = mpsc::channel(8);
        let stop = CancellationToken::new();
        let door = Arc::new(Door {
            policy,
            sessions: sender,
            turned_away: away,
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        });
        TaskTracker::new().spawn(async move {
            while let Some(Ok((tcp, _))) = door.stop.run_until_cancelled(listener.accept()).await {
                tcp.set_nodelay(true).expect("nodelay");
                let (inner, tls) = (Arc::clone(&door), tls.clone());
                door.tasks.spawn(async move {
                    match tls {
                        Some(tls) => match tls.accept(tcp).await {
                            Ok(stream) => inner.serve(stream).await,
                            Err(_) => inner.turn_away(),
                        },
                        None => inner.serve(tcp).await,
                    }
                });
            }
        });
        Self { address, sessions, turned_away, stop }
    }

    /// Waits until an agent is connected.
    pub(crate) async fn session(&mut self) -> Session {
        let session = tokio::time::timeout(LONG, self.sessions.recv()).await.expect("an agent connects");
        session.expect("the relay is up")
    }

    /// True where no agent connects for a while.
    pub(crate) async fn nobody_comes(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(1500), self.sessions.recv()).await.is_err()
    }

    /// Waits until an agent was turned away.
    pub(crate) async fn turned_away(&mut self) {
        tokio::time::timeout(LONG, self.turned_away.recv()).await.expect("an agent tries").expect("the relay is up");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Door {
    policy: Policy,
    sessions: mpsc::Sender<Session>,
    turned_away: mpsc::Sender<()>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Door {
    async fn serve<Io>(self: Arc<Self>, io: Io)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let door = Arc::clone(&self);
            async move { Ok::<_, std::convert::Infallible>(door.answer(request)) }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(io), service).with_upgrades().await;
    }

    fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        let authorization = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
        *response.status_mut() = if let Policy::Status(status) = &self.policy {
            self.turn_away();
            *status
        } else if request.uri().path() != "/relay/v1/connect" {
            StatusCode::NOT_FOUND
        } else if authorization != Some(format!("Bearer {TOKEN}").as_bytes()) {
            StatusCode::UNAUTHORIZED
        } else {
            assert_eq!(request.headers()[UPGRADE], "chatmesh-agent");
            let upgrade = hyper::upgrade::on(&mut request);
            let door = Arc::clone(&self);
            self.tasks.spawn(async move { door.carry(upgrade.await.expect("upgraded")).await });
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
            response.headers_mut().insert(UPGRADE, HeaderValue::from_static("chatmesh-agent"));
            StatusCode::SWITCHING_PROTOCOLS
        };
        response
    }

    fn turn_away(&self) {
        // Who counts them counts a few only.
        let _ = self.turned_away.try_send(());
    }

    async fn carry(&self, upgraded: hyper::upgrade::Upgraded) {
        let policy = self.policy.clone();
        let decide = async |_, version| match policy {
            Policy::Refuse(refusal) => Err(refusal),
            _ => Ok(Welcome { version, agent_id: "a".to_owned(), session_id: "s".to_owned(), epoch: 1 }),
        };
        let Ok(Carrier { hello, channel, connection, .. }) = carrier::accept(TokioIo::new(upgraded), decide).await
        else {
            return self.turn_away();
        };
        let cut = self.stop.child_token();
        let _ = self.sessions.send(Session { hello, channel, cut: cut.clone() }).await;
        cut.run_until_cancelled(connection).await;
    }
}
