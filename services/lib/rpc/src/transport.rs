//! One client type over a socket or over a router in the same process.

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Code, Status, TimeoutExpired};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

/// Where generated clients send their calls: a socket, or a router in this process.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Flow-control windows that do not slow a bulk stream down on a fast network.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// As much as a thousand streams hold that nobody reads: the others on the connection go on.
const CONNECTION_WINDOW: u32 = 1024 * STREAM_WINDOW;
/// A message of a bulk stream comes in one piece.
const FRAME: u32 = 64 * 1024 + 64;

/// A transport to the server at `url` (`http://host:port`). It connects when it is first used,
/// and again after the connection broke; calls that were open then fail with UNAVAILABLE.
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
        .max_frame_size(FRAME)
        .connect_lazy();
    let whole_or_lost = |response: http::Response<Body>| response.map(|body| Body::new(body.map_err(lost)));
    Ok(Transport::new(channel.map_err(|error| BoxError::from(lost(error))).map_response(whole_or_lost)))
}

/// A connection that broke has no code of its own in tonic; to a caller it is a server that is not
/// there. Its call may have been carried out or not. A deadline that passed is CANCELLED in tonic.
fn lost(error: impl Into<BoxError>) -> Status {
    let error = error.into();
    let timed_out = causes(&*error).any(|cause| cause.is::<TimeoutExpired>());
    let cause = causes(&*error).last().map(ToString::to_string).unwrap_or_default();
    if timed_out {
        return Status::deadline_exceeded("no answer came before the deadline");
    }
    let status = Status::from_error(error);
    match status.code() {
        Code::Unknown | Code::Cancelled => Status::unavailable(format!("the connection was lost: {cause}")),
        _ => status,
    }
}

/// An error and what caused it, down to the first cause.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
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

#[cfg(test)]
mod tests {
    use chatmesh_proto::identity::v1::GetVerificationKeysRequest;
    use chatmesh_proto::identity::v1::identity_service_client::IdentityServiceClient;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::client::is_unsent;

    const PREFACE_BYTES: usize = 24;
    const FRAME_HEAD_BYTES: usize = 9;
    const EMPTY_SETTINGS: [u8; FRAME_HEAD_BYTES] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;

    /// Reads (RFC 9113) until a request has begun, and goes away.
    async fn accept_and_leave(mut socket: TcpStream) {
        socket.write_all(&EMPTY_SETTINGS).await.expect("written");
        socket.read_exact(&mut [0; PREFACE_BYTES]).await.expect("a preface");
        loop {
            let mut head = [0; FRAME_HEAD_BYTES];
            socket.read_exact(&mut head).await.expect("a frame");
            if head[3] == HEADERS {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            socket.read_exact(&mut vec![0; length as usize]).await.expect("a whole frame");
        }
    }

    #[tokio::test]
    async fn a_server_that_goes_away_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut client = IdentityServiceClient::new(connect_lazy(&url).expect("a transport"));
        let (result, ()) = tokio::join!(client.get_verification_keys(GetVerificationKeysRequest {}), async {
            let (socket, _) = listener.accept().await.expect("a connection");
            accept_and_leave(socket).await;
        });
        let status = result.expect_err("no answer");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().starts_with("the connection was lost"), "{status:?}");
        assert!(!is_unsent(&status), "it may have been carried out: {status:?}");
    }

    /// Only a call that nobody can have carried out may be made again whatever it does.
    #[tokio::test]
    async fn a_call_that_found_nobody_was_not_sent() {
        // Nobody else takes the port meanwhile.
        let kept = tokio::net::TcpSocket::new_v4().expect("a socket");
        kept.bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let url = format!("http://{}", kept.local_addr().expect("an address"));
        let mut client = IdentityServiceClient::new(connect_lazy(&url).expect("a transport"));
        let status = client.get_verification_keys(GetVerificationKeysRequest {}).await.expect_err("nobody is there");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(is_unsent(&status), "{status:?}");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_until_the_deadline_has_exceeded_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let mut client = IdentityServiceClient::new(connect_lazy(&url).expect("a transport"));
        let mut request = tonic::Request::new(GetVerificationKeysRequest {});
        request.set_timeout(Duration::from_millis(50));
        let says_nothing = async {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            socket.write_all(&EMPTY_SETTINGS).await.expect("written");
            std::future::pending::<()>().await;
        };
        // On a busy machine the deadline may have passed before there is a connection.
        let result = tokio::select! {
            result = client.get_verification_keys(request) => result,
            () = says_nothing => unreachable!("it waits for ever"),
        };
        let status = result.expect_err("no answer");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
}
