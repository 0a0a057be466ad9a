//! What the service counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What a turn does at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TurnLabels {
    state: &'static str,
}

impl TurnLabels {
    /// A model answers.
    pub(crate) const STREAMING: Self = Self { state: "streaming" };
    /// Tools run, or a failed call is about to be made again.
    pub(crate) const WAITING: Self = Self { state: "waiting" };
}

/// The metrics of the service, `chatmesh_chat_*`; clones share them.
#[derive(Debug, Clone)]
pub struct ChatMetrics {
    pub(crate) running: Gauge,
    pub(crate) chats: Family<TurnLabels, Gauge>,
    pub(crate) heartbeats: Counter,
    pub(crate) steps: Counter,
    pub(crate) retries: Counter,
    pub(crate) subscribers: Gauge,
    pub(crate) streams_active: Gauge,
    pub(crate) buffer_events: Gauge,
    pub(crate) buffer_size_max: Gauge,
    pub(crate) parts_dropped: Counter,
    pub(crate) ttft: Histogram,
}

impl ChatMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            running: Gauge::default(),
            chats: Family::default(),
            heartbeats: Counter::default(),
            steps: Counter::default(),
            retries: Counter::default(),
            subscribers: Gauge::default(),
            streams_active: Gauge::default(),
            buffer_events: Gauge::default(),
            buffer_size_max: Gauge::default(),
            parts_dropped: Counter::default(),
            ttft: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
        };
        let chat = registry.sub_registry_with_prefix("chatmesh_chat");
        // Both are there from the start: a query for one that nobody entered yet finds 0 and not nothing.
        for labels in [TurnLabels::STREAMING, TurnLabels::WAITING] {
            metrics.chats.get_or_create(&labels).set(0);
        }
        chat.register("chats", "Turns of this process by what they do", metrics.chats.clone());
        chat.register("heartbeats", "Statements that renew leases", metrics.heartbeats.clone());
        chat.register("running", "Chats that this process runs", metrics.running.clone());
        chat.register("steps", "Steps that were committed", metrics.steps.clone());
        chat.register("stream_retries", "Model calls that failed and were made again", metrics.retries.clone());
        chat.register("stream_subscribers", "Open streams of chats", metrics.subscribers.clone());
        chat.register("streams_active", "Model calls whose live parts are kept", metrics.streams_active.clone());
        chat.register("stream_buffer_events", "Live parts that are kept", metrics.buffer_events.clone());
        chat.register("stream_buffer_size_max", "The most live parts of one model call", metrics.buffer_size_max.clone());
        chat.register("stream_buffer_dropped", "Live parts that did not fit", metrics.parts_dropped.clone());
        chat.register("ttft_seconds", "Time from a model call to its first part", metrics.ttft.clone());
        metrics
    }
}
