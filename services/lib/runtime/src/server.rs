//! One port for gRPC, reflection, health and HTTP.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{debug, warn};

use crate::Tasks;
use crate::prompt::Prompt;

const STREAM_WINDOW: u32 = 1024 * 1024;
/// As much as 256 streams hold that nobody reads: the others on the connection go on.
const CONNECTION_WINDOW: u32 = 256 * STREAM_WINDOW;
/// A message of a bulk stream comes in one piece.
const FRAME: u32 = 64 * 1024 + 64;
/// A neighbour makes all of its calls on one connection, open streams included.
const MAX_STREAMS: u32 = 100_000;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take for its TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to show which protocol it speaks, and to send the head of a request (HTTP/1.1).
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// A bound port that nobody serves yet.
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds a port; port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let inner = TcpListener::bind(address).await?;
        let address = inner.local_addr()?;
        Ok(Self { inner, address, tls: None })
    }

    /// The same port, for connections over TLS.
    #[must_use]
    pub fn with_tls(self, tls: TlsAcceptor) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("address", &self.address).field("tls", &self.tls.is_some()).finish()
    }
}

/// Collects gRPC services with their health.
#[derive(Debug)]
pub struct GrpcRoutes {
    routes: tonic::service::RoutesBuilder,
    health: HealthReporter,
}

impl GrpcRoutes {
    /// Health and reflection alone.
    #[must_use]
    pub fn new() -> Self {
        let (health, health_service) = tonic_health::server::health_reporter();
        let mut routes = tonic::service::Routes::builder();
        routes.add_service(health_service);
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(chatmesh_proto::DESCRIPTORS)
            .build_v1();
        match reflection {
            Ok(reflection) => {
                routes.add_service(reflection);
            }
            Err(error) => warn!(%error, "reflection is not available"),
        }
        Self { routes, health }
    }

    /// Reports the services with these names as serving until the shutdown begins.
    pub async fn serving(&self, names: &'static [&'static str], tasks: &Tasks) {
        for name in names {
            self.health.set_service_status(*name, ServingStatus::Serving).await;
        }
        let (health, soft) = (self.health.clone(), tasks.shutdown().soft().clone());
        tasks.spawn("health", async move {
            soft.cancelled().await;
            for name in names {
                health.set_service_status(*name, ServingStatus::NotServing).await;
            }
        });
    }

    /// The routes of health and reflection alone, without a fallback, to be merged with others.
    pub fn into_health_router(self) -> Router {
        let routes = self.routes.routes().prepare();
        let any = axum::routing::any_service(routes);
        Router::new()
            .route("/grpc.health.v1.Health/{method}", any.clone())
            .route("/grpc.reflection.v1.ServerReflection/{method}", any)
    }
}

impl Default for GrpcRoutes {
    fn default() -> Self {
        Self::new()
    }
}

/// Serves `router` until the shutdown begins and nobody keeps ports open, then lets open requests end
/// until it is forced.
pub async fn serve(listener: Listener, router: Router, tasks: Tasks) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let mut closing = pin!(tasks.shutdown().closing());
    loop {
        let stream = tokio::select! {
            accepted = listener.inner.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: give the process a moment to close some.
                    warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut closing => break,
        };
        // Without it, small messages wait for the acknowledgement of the ones before.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "nodelay not set");
        }
        let connections = Connections { builder: builder.clone(), router: router.clone(), tasks: tasks.clone() };
        match &listener.tls {
            None => connections.serve(stream, graceful.watcher()),
            Some(tls) => connections.greet(tls.accept(stream), graceful.watcher()),
        }
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tasks.shutdown().hard().cancelled() => {}
    }
}

/// What every connection of a port is served with.
struct Connections {
    builder: Builder<TokioExecutor>,
    router: Router,
    tasks: Tasks,
}

impl Connections {
    /// Serves a connection whose TLS handshake is to come.
    fn greet(self, handshake: tokio_rustls::Accept<TcpStream>, graceful: Watcher) {
        let tasks = self.tasks.clone();
        tasks.spawn("handshake", async move {
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
                Ok(Ok(stream)) => self.serve(stream, graceful),
                Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
                Err(_) => debug!("a TLS handshake took too long"),
            }
        });
    }

    fn serve<Io>(self, stream: Io, graceful: Watcher)
    where
        Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = TowerToHyperService::new(self.router);
        let connection = self
            .builder
            .serve_connection_with_upgrades(TokioIo::new(Prompt::new(stream, HEADER_TIMEOUT)), service)
            .into_owned();
        let connection = graceful.watch(connection);
        self.tasks.spawn("connection", async move {
            if let Err(error) = connection.await {
                debug!(%error, "connection ended");
            }
        });
    }
}
