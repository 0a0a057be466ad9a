//! What the service counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The metrics of the service, `chatmesh_chat_*`; clones share them.
#[derive(Debug, Clone)]
pub struct ChatMetrics {
    pub(crate) running: Gauge,
    pub(crate) steps: Counter,
    pub(crate) retries: Counter,
    pub(crate) subscribers: Gauge,
    pub(crate) ttft: Histogram,
}

impl ChatMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            running: Gauge::default(),
            steps: Counter::default(),
            retries: Counter::default(),
            subscribers: Gauge::default(),
            ttft: Histogram::new(exponential_buckets(0.01, 2.0, 14)),
        };
        let chat = registry.sub_registry_with_prefix("chatmesh_chat");
        chat.register("running", "Chats that this process runs", metrics.running.clone());
        chat.register("steps", "Steps that were committed", metrics.steps.clone());
        chat.register("stream_retries", "Model calls that failed and were made again", metrics.retries.clone());
        chat.register("stream_subscribers", "Open streams of chats", metrics.subscribers.clone());
        chat.register("ttft_seconds", "Time from a model call to its first part", metrics.ttft.clone());
        metrics
    }
}
