//! What the service counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The metrics of the service, `chatmesh_relay_*`; clones share them.
#[derive(Debug, Clone)]
pub struct RelayMetrics {
    pub(crate) sessions: Gauge,
    pub(crate) refused: Counter,
    pub(crate) forwarded: Counter,
    pub(crate) hops: Counter,
}

impl RelayMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            sessions: Gauge::default(),
            refused: Counter::default(),
            forwarded: Counter::default(),
            hops: Counter::default(),
        };
        let relay = registry.sub_registry_with_prefix("chatmesh_relay");
        relay.register("sessions", "Agents that are connected to this process", metrics.sessions.clone());
        relay.register("refused", "Agents that were refused", metrics.refused.clone());
        relay.register("forwarded", "Calls that were forwarded to agents", metrics.forwarded.clone());
        relay.register("hops", "Calls that were passed on to another replica", metrics.hops.clone());
        metrics
    }
}
