//! The connection below a channel.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::rt::Executor as _;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tracing::debug;

use super::channel::AgentChannel;
use super::error::{AcceptError, Closed};
use super::gather::Gather;
use super::remains::Remains;
use super::together::{Parts, together};

/// A ping is sent this often.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// An agent that does not answer for this long is gone.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(30);
/// Flow control: a stream that nobody reads holds this much.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// As many as an agent takes.
const MAX_STREAMS: u32 = 2000;
/// As much as all streams may hold: however many of them nobody reads, the others go on.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// How long an agent that shuts down may take for its last answers: a little more than it takes by itself.
const LAST_ANSWERS: Duration = Duration::from_secs(15);
/// A message of a bulk stream comes in one piece.
const FRAME: u32 = 64 * 1024 + 64;

/// Carries the calls of a channel. Resolves once, when the connection has ended; dropping it
/// ends the connection and all calls on it.
#[must_use = "nothing is carried while this is not polled"]
pub struct Connection {
    running: Pin<Box<dyn Future<Output = Closed> + Send>>,
    closed: watch::Sender<Option<Closed>>,
    remains: Remains<Incoming>,
    spare: Vec<Incoming>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("closed", &*self.closed.borrow()).finish_non_exhaustive()
    }
}

impl Future for Connection {
    type Output = Closed;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Closed> {
        let this = &mut *self;
        this.remains.let_go(&mut this.spare);
        self.running.as_mut().poll(cx).map(|closed| {
            debug!(%closed, "carrier ended");
            self.closed.send_replace(Some(closed.clone()));
            closed
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.remains.close();
    }
}

/// Begins HTTP/2 on a connection whose handshake is done.
pub(super) async fn open<Io>(io: Io) -> Result<(AgentChannel, Connection), AcceptError>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (executor, parts) = together();
    let (sender, connection) = http2::Builder::new(executor.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .handshake::<_, Body>(TokioIo::new(Gather::new(io, parts.rounds())))
        .await
        .map_err(AcceptError::Http)?;
    let closed = watch::Sender::new(None);
    let remains = Remains::new();
    let channel = AgentChannel::new(sender, remains.clone(), closed.subscribe());
    let close = channel.close_requested();
    let (ended, end) = oneshot::channel();
    executor.execute(async move {
        // Nobody asks any more where this side has closed it.
        let _ = ended.send(connection.await);
    });
    let running = Box::pin(run(parts, end, close, remains.clone()));
    Ok((channel, Connection { running, closed, remains, spare: Vec::new() }))
}

/// Runs until the connection has ended. An agent that takes no more calls has the time to answer those that it has.
async fn run(
    mut parts: Parts,
    end: oneshot::Receiver<hyper::Result<()>>,
    close: CancellationToken,
    remains: Remains<Incoming>,
) -> Closed {
    tokio::select! {
        end = end => {
            if let Ok(Err(error)) = end {
                return Closed::Broken(error.to_string());
            }
        }
        () = close.cancelled() => return Closed::ByRelay,
        () = &mut parts => return Closed::ByAgent,
    }
    // It ends with its last stream, and has to hear of each.
    remains.close();
    tokio::select! {
        () = parts => Closed::ByAgent,
        () = tokio::time::sleep(LAST_ANSWERS) => Closed::ByAgent,
        () = close.cancelled() => Closed::ByRelay,
    }
}
