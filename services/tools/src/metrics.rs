//! What the service counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::outcome::Outcome;

/// The metrics of the service, `chatmesh_tools_*`; clones share them.
#[derive(Debug, Clone)]
pub struct ToolMetrics {
    calls: Family<Labels, Counter>,
    result_bytes: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    tool: &'static str,
    outcome: &'static str,
}

impl ToolMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics =
            Self { calls: Family::default(), result_bytes: Histogram::new(exponential_buckets(64.0, 4.0, 8)) };
        let tools = registry.sub_registry_with_prefix("chatmesh_tools");
        tools.register("calls", "Tool calls by tool and outcome", metrics.calls.clone());
        tools.register("result_size_bytes", "Size of what models were given", metrics.result_bytes.clone());
        metrics
    }

    pub(crate) fn record(&self, tool: &'static str, outcome: &Outcome) {
        self.calls.get_or_create(&Labels { tool, outcome: outcome.label() }).inc();
        self.result_bytes.observe(outcome.size() as f64);
    }
}
