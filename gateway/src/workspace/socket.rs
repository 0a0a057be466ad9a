//! WebSockets of clients: signs of life, bounds, and an end that says why.

mod bridge;
mod ending;
mod life;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use chatmesh_runtime::Tasks;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub(super) use bridge::{Protocol, Said, bridge, json, parse, unexpected};
pub(super) use ending::Ending;
use life::Life;

use super::refusal;

/// What the extractor says of a request that may be a WebSocket.
pub(super) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// The protocol that the gateway speaks on its WebSockets.
pub(super) const PROTOCOL: &str = "chatmesh.v1";
/// The largest message of a client.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
/// How much is collected before it is written.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// How often the client is asked for a sign of life: more often than proxies give up.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long the farewell may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A request that must be a WebSocket.
pub(super) fn required(upgrade: Upgrade) -> Result<WebSocketUpgrade, Status> {
    upgrade.map_err(|rejection| refusal::websocket_required(&rejection))
}

/// Switches to a WebSocket, on which `work` is done as a task of the process.
pub(super) fn accept<F>(
    upgrade: WebSocketUpgrade,
    tasks: &Tasks,
    name: &'static str,
    work: impl FnOnce(Sender, Receiver) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = tasks.clone();
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .protocols([PROTOCOL])
        .on_upgrade(async move |socket| {
            let (sender, receiver) = split(socket, tasks.shutdown().soft().clone());
            tasks.spawn(name, work(sender, receiver));
        })
}

fn split(socket: WebSocket, shutdown: CancellationToken) -> (Sender, Receiver) {
    let (sink, stream) = socket.split();
    let life = Arc::new(Life::default());
    let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let sender = Sender { sink, pings, life: Arc::clone(&life), shutdown };
    (sender, Receiver { stream, life })
}

/// What is sent to the client.
#[derive(Debug)]
pub(super) struct Sender {
    sink: SplitSink<WebSocket, Message>,
    pings: Interval,
    life: Arc<Life>,
    shutdown: CancellationToken,
}

impl Sender {
    /// Waits for something to send, and meanwhile for signs of life.
    ///
    /// # Errors
    /// The client gives none, or the process ends.
    pub(super) async fn until<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Ending> {
        let mut next = std::pin::pin!(next);
        loop {
            tokio::select! {
                // The end of the process takes the way to the agent with it, and is the cause.
                biased;
                () = self.shutdown.cancelled() => return Err(Ending::ShuttingDown),
                value = &mut next => return Ok(value),
                _ = self.pings.tick() => self.ping().await?,
            }
        }
    }

    /// Sends a message; waits as long as the client does not take it.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), Ending> {
        tokio::select! {
            sent = self.sink.send(message) => sent.map_err(|_| Ending::Left),
            () = self.shutdown.cancelled() => Err(Ending::ShuttingDown),
        }
    }

    async fn ping(&mut self) -> Result<(), Ending> {
        if !self.life.ask() {
            return Err(Ending::Silent);
        }
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Says why this is the end, and waits a moment until the client has heard it: a socket that is
    /// closed with something unread in it takes back what was sent.
    pub(super) async fn close(mut self, ending: Ending, mut receiver: Receiver) {
        let farewell = async move {
            for message in ending.messages() {
                if self.sink.send(message).await.is_err() {
                    return;
                }
            }
            let _ = self.sink.close().await;
            while receiver.next().await.is_ok() {}
        };
        // Who does not listen any more has left.
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }
}

/// What the client sends.
#[derive(Debug)]
pub(super) struct Receiver {
    stream: SplitStream<WebSocket>,
    life: Arc<Life>,
}

/// A message of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// Bytes.
    Binary(Bytes),
    /// JSON, it should be.
    Text(Utf8Bytes),
}

impl Receiver {
    /// The next message.
    ///
    /// # Errors
    /// There is none any more.
    pub(super) async fn next(&mut self) -> Result<Frame, Ending> {
        loop {
            self.life.listening();
            let Some(message) = self.stream.next().await else { return Err(Ending::Left) };
            let message = message.map_err(|error| Ending::Broken(error.to_string()))?;
            self.life.heard();
            match message {
                Message::Binary(bytes) => return Ok(Frame::Binary(bytes)),
                Message::Text(text) => return Ok(Frame::Text(text)),
                Message::Close(_) => return Err(Ending::Left),
                Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    }
}
