//! A provider that says in each piece of an answer when it sent it.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use futures::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::BroadcastStream;

pub(super) const MODEL: &str = "bench-clock";
/// Who says this gets the long answer; others get a short one.
pub(super) const QUESTION: &str = "What time is it?";

const BEFORE: char = '@';
const AFTER: char = ';';

/// The most pieces that wait for a connection: one that is slower misses some.
const WAITING: usize = 1024;

/// The clock of provider and readers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

/// A provider; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Provider {
    clock: Clock,
    base_url: String,
    length: Duration,
    _tasks: JoinSet<()>,
}

/// What answers are made of.
#[derive(Debug, Clone)]
struct Source {
    pieces: usize,
    /// Each piece goes to all that are being answered, and is stamped once: what readers are
    /// compared with is the barest way of telling many.
    ticks: broadcast::Sender<Bytes>,
}

impl Provider {
    /// Starts a provider whose answers have so many pieces.
    pub(super) async fn start(pieces: usize, interval: Duration) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let clock = Clock { start: Instant::now() };
        let (ticks, _) = broadcast::channel(WAITING);
        let mut tasks = JoinSet::new();
        tasks.spawn(tick(clock, interval, ticks.clone()));
        let router = Router::new().route("/v1/messages", post(answer)).with_state(Source { pieces, ticks });
        // Without this, a small event waits for the acknowledgement of the one before; where it
        // cannot be set, that is seen in the figures.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        tasks.spawn(async move {
            // Where it ends early, readers fail.
            let _ = axum::serve(listener, router).await;
        });
        let length = interval * u32::try_from(pieces)?;
        Ok(Self { clock, base_url, length, _tasks: tasks })
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// How long an answer takes.
    pub(super) fn length(&self) -> Duration {
        self.length
    }
}

impl Clock {
    /// How long ago the pieces in `data` were sent that arrived at `arrived`.
    pub(super) fn delays(self, data: &str, arrived: Instant) -> Vec<Duration> {
        let now = arrived.duration_since(self.start);
        let stamps = data.split(BEFORE).skip(1).filter_map(|rest| rest.split_once(AFTER));
        let sent = stamps.filter_map(|(nanos, _)| nanos.parse().ok()).map(Duration::from_nanos);
        sent.map(|sent| now.saturating_sub(sent)).collect()
    }

    fn stamp(self) -> String {
        format!("{BEFORE}{}{AFTER}", self.start.elapsed().as_nanos())
    }
}

async fn tick(clock: Clock, interval: Duration, ticks: broadcast::Sender<Bytes>) {
    let mut interval = tokio::time::interval(interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let delta = json!({"type": "text_delta", "text": clock.stamp()});
        // Nobody may be listening.
        let _ = ticks.send(event(&json!({"type": "content_block_delta", "index": 0, "delta": delta})));
    }
}

async fn answer(State(source): State<Source>, body: String) -> Response {
    let pieces = if body.contains(QUESTION) { source.pieces } else { 1 };
    let ticks = BroadcastStream::new(source.ticks.subscribe()).filter_map(async |tick| tick.ok());
    let events = beginning().chain(ticks.take(pieces)).chain(end()).map(Ok::<_, Infallible>);
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

fn beginning() -> impl Stream<Item = Bytes> {
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}});
    stream::iter([
        event(&json!({"type": "message_start", "message": message})),
        event(&json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})),
    ])
}

fn end() -> impl Stream<Item = Bytes> {
    let delta = json!({"stop_reason": "end_turn", "stop_sequence": null});
    stream::iter([
        event(&json!({"type": "content_block_stop", "index": 0})),
        event(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}})),
        event(&json!({"type": "message_stop"})),
    ])
}

fn event(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
