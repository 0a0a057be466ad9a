//! Serves gRPC on a connection that the agent dialled.

use std::pin::pin;
use std::time::Duration;

use chatmesh_rpc::trace;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tower::ServiceExt as _;
use tracing::{Instrument as _, Span, debug_span};

/// A ping is sent this often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// A connection on which nothing answers for this long is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// Flow control: a stream that nobody reads holds this much.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// Calls at once; most of them wait for a process.
const MAX_STREAMS: u32 = 2000;
/// As much as all streams may hold: however many of them nobody reads, the others go on.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// A message of a bulk stream goes in one piece.
const FRAME: u32 = 64 * 1024 + 64;
/// How long calls in progress may take once the agent shuts down.
const GRACE: Duration = Duration::from_secs(10);

/// Serves `routes` until the other side is gone, or `shutdown` is cancelled and all calls have
/// ended or ten seconds are over.
pub(crate) async fn serve<Io>(io: Io, routes: Routes, shutdown: &CancellationToken) -> Result<(), hyper::Error>
where
    Io: Read + Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let span = span_of(&request);
        trace::adopt(&span, request.headers());
        routes.clone().oneshot(request).instrument(span)
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    tokio::select! {
        result = &mut connection => return result,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::time::timeout(GRACE, connection).await.unwrap_or(Ok(()))
}

fn span_of(request: &Request<Incoming>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    debug_span!(
        "rpc.server",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
    )
}
