//! What the service counts.

mod turn;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
pub(crate) use turn::{CompactionLabels, ModelLabels, RetryLabels, StageLabels, ToolLabels, TurnLabels, TurnMetrics};

/// The metrics of the service, `chatmesh_chat_*`; clones share them.
#[derive(Debug, Clone)]
pub struct ChatMetrics {
    pub(crate) running: Gauge,
    pub(crate) heartbeats: Counter,
    pub(crate) subscribers: Gauge,
    pub(crate) streams_active: Gauge,
    pub(crate) buffer_events: Gauge,
    pub(crate) buffer_size_max: Gauge,
    pub(crate) parts_dropped: Counter,
    pub(crate) turn: TurnMetrics,
}

impl ChatMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let chat = registry.sub_registry_with_prefix("chatmesh_chat");
        let metrics = Self {
            running: Gauge::default(),
            heartbeats: Counter::default(),
            subscribers: Gauge::default(),
            streams_active: Gauge::default(),
            buffer_events: Gauge::default(),
            buffer_size_max: Gauge::default(),
            parts_dropped: Counter::default(),
            turn: TurnMetrics::register(chat),
        };
        chat.register("heartbeats", "Statements that renew leases", metrics.heartbeats.clone());
        chat.register("running", "Chats that this process runs", metrics.running.clone());
        chat.register("stream_subscribers", "Open streams of chats", metrics.subscribers.clone());
        chat.register("streams_active", "Model calls whose live parts are kept", metrics.streams_active.clone());
        chat.register("stream_buffer_events", "Live parts that are kept", metrics.buffer_events.clone());
        chat.register(
            "stream_buffer_size_max",
            "The most live parts of one model call",
            metrics.buffer_size_max.clone(),
        );
        chat.register("stream_buffer_dropped", "Live parts that did not fit", metrics.parts_dropped.clone());
        metrics
    }
}
