//! The bus of a cluster: NATS core publish-subscribe.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;
use tracing::warn;

use crate::{BusError, Filter, Hint, SUBSCRIPTION_CAPACITY, Subject};

/// How long one attempt to reach the server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest pause between two attempts.
const MAX_RECONNECT_PAUSE: Duration = Duration::from_secs(1);
/// How long a subscription may take until the server has confirmed that it stands.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a hint may take to be handed to the connection. Whoever publishes has work to do, and
/// what a lost hint would have told is found in the database.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub(crate) struct NatsBus {
    client: Client,
    /// Told each time that hints may have been lost.
    gaps: broadcast::Sender<()>,
}

impl NatsBus {
    pub(crate) async fn connect(url: &str) -> Result<Self, BusError> {
        let gaps = broadcast::Sender::new(16);
        // A name with many addresses takes longer than one of them may.
        match timeout(CONNECT_TIMEOUT, options(&gaps).connect(url)).await {
            Ok(Ok(client)) => return Ok(Self { client, gaps }),
            Ok(Err(error)) if may_pass(error.kind()) => {
                warn!(%error, "the bus cannot be reached, going on at poll speed");
            }
            Ok(Err(error)) => return Err(BusError::Unavailable(error.to_string())),
            Err(_) => warn!("the bus does not answer, going on at poll speed"),
        }
        let connecting = options(&gaps).retry_on_initial_connect().connect(url);
        let client = connecting.await.map_err(|error| BusError::Unavailable(error.to_string()))?;
        Ok(Self { client, gaps })
    }

    /// While the server is away nothing reaches it, and what waits for that only holds us up.
    fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    pub(crate) async fn publish(&self, subject: &Subject, payload: Bytes) {
        if !self.is_connected() {
            return;
        }
        let publish = self.client.publish(subject.as_str().to_owned(), payload);
        match timeout(PUBLISH_TIMEOUT, publish).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%subject, %error, "hint not published"),
            Err(_) => warn!(%subject, "hint not published in time"),
        }
    }

    pub(crate) async fn subscribe(&self, filter: &Filter) -> Result<NatsSubscription, BusError> {
        if !self.is_connected() {
            return Err(BusError::Unavailable("not connected".to_owned()));
        }
        let gaps = self.gaps.subscribe();
        let confirmed = async {
            let subscriber = self.client.subscribe(filter.as_str().to_owned()).await;
            let subscriber = subscriber.map_err(|error| error.to_string())?;
            self.barrier().await?;
            Ok::<_, String>(subscriber)
        };
        match timeout(SUBSCRIBE_TIMEOUT, confirmed).await {
            Ok(Ok(subscriber)) => Ok(NatsSubscription { subscriber, gaps }),
            Ok(Err(error)) => Err(BusError::Unavailable(error)),
            Err(_) => Err(BusError::Unavailable("no answer in time".to_owned())),
        }
    }

    /// Waits until the server has seen everything that this client sent. A flush only empties the
    /// client's own buffer, so a message to ourselves has to make the round trip.
    async fn barrier(&self) -> Result<(), String> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
        self.client.publish(inbox, Bytes::new()).await.map_err(|error| error.to_string())?;
        echo.next().await.map(drop).ok_or_else(|| "connection closed".to_owned())
    }
}

/// True for what time may mend.
fn may_pass(kind: ConnectErrorKind) -> bool {
    matches!(kind, ConnectErrorKind::Io | ConnectErrorKind::Dns | ConnectErrorKind::TimedOut)
}

/// How a connection is kept, and who is told of its gaps.
fn options(gaps: &broadcast::Sender<()>) -> ConnectOptions {
    let gaps = gaps.clone();
    ConnectOptions::new()
        .connection_timeout(CONNECT_TIMEOUT)
        .reconnect_delay_callback(reconnect_pause)
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .event_callback(move |event| {
            let gaps = gaps.clone();
            async move {
                if matches!(event, Event::Connected | Event::SlowConsumer(_)) {
                    let _ = gaps.send(());
                }
                if matches!(event, Event::Disconnected) {
                    warn!("bus connection lost, going on at poll speed");
                }
            }
        })
}

/// Doubles with each attempt that failed.
fn reconnect_pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    if doublings == 0 {
        return Duration::ZERO;
    }
    Duration::from_millis(2_u64.saturating_pow(doublings)).min(MAX_RECONNECT_PAUSE)
}

#[derive(Debug)]
pub(crate) struct NatsSubscription {
    subscriber: Subscriber,
    gaps: broadcast::Receiver<()>,
}

impl NatsSubscription {
    pub(crate) async fn next(&mut self) -> Option<Hint> {
        tokio::select! {
            message = self.subscriber.next() => message.map(|message| Hint::Message {
                subject: Subject::topic(message.subject.as_str()),
                payload: message.payload,
            }),
            gap = self.gaps.recv() => match gap {
                Ok(()) | Err(RecvError::Lagged(_)) => Some(Hint::Gap),
                Err(RecvError::Closed) => None,
            },
        }
    }
}
