//! One client type over a socket or over a router in the same process.

use std::convert::Infallible;
use std::time::Duration;

use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

/// Where generated clients send their calls: a socket, or a router in this process.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Flow-control windows that do not slow a bulk stream down on a fast network.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// A transport to the server at `url` (`http://host:port`). It connects when it is first used,
/// and again after the connection broke.
///
/// # Errors
/// `url` is not valid.
pub fn connect_lazy(url: &str) -> Result<Transport, tonic::transport::Error> {
    let channel = Endpoint::from_shared(url.to_owned())?
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(30))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_lazy();
    Ok(Transport::new(channel.map_err(BoxError::from)))
}

/// A transport to a router in this process. Messages are encoded as they would be for a socket,
/// so both worlds behave alike.
pub fn local<S>(router: S) -> Transport
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    Transport::new(router.map_err(|never: Infallible| -> BoxError { match never {} }))
}
