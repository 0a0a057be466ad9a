//! What the service counts. Labels come from configuration and from this program, never from what
//! a model or a provider says.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::domain::{Outcome, UsageEvent};

/// Who was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    /// The name of the configured provider.
    pub(crate) provider: String,
    /// The name of the configured model.
    pub(crate) model: String,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CallLabels {
    provider: String,
    model: String,
    outcome: &'static str,
}

/// What was used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TokenLabels {
    provider: String,
    model: String,
    kind: &'static str,
}

/// Whose key rests, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RestLabels {
    pub(crate) provider: String,
    pub(crate) reason: &'static str,
}

/// Which limit was in the way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct LimitLabels {
    pub(crate) period: &'static str,
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of the service, `chatmesh_llm_*`; clones share them.
#[derive(Debug, Clone)]
pub struct LlmMetrics {
    calls: Family<CallLabels, Counter>,
    ttft: Histograms<ModelLabels>,
    duration: Histograms<ModelLabels>,
    tokens: Family<TokenLabels, Counter>,
    cost: Family<ModelLabels, Counter>,
    pub(crate) attempts: Family<ModelLabels, Counter>,
    pub(crate) key_rests: Family<RestLabels, Counter>,
    pub(crate) open_streams: Gauge,
    pub(crate) limit_rejections: Family<LimitLabels, Counter>,
    pub(crate) ledger_dropped: Counter,
}

impl LlmMetrics {
    /// Registers the metrics. One per process.
    pub fn register(registry: &mut Registry) -> Self {
        let llm = registry.sub_registry_with_prefix("chatmesh_llm");
        let metrics = Self {
            calls: Family::default(),
            ttft: Family::new_with_constructor(seconds),
            duration: Family::new_with_constructor(seconds),
            tokens: Family::default(),
            cost: Family::default(),
            attempts: Family::default(),
            key_rests: Family::default(),
            open_streams: Gauge::default(),
            limit_rejections: Family::default(),
            ledger_dropped: Counter::default(),
        };
        llm.register("calls", "Calls of models, by how they ended", metrics.calls.clone());
        llm.register_with_unit("ttft", "From a call to its first part", Unit::Seconds, metrics.ttft.clone());
        llm.register_with_unit("call_duration", "From a call to its end", Unit::Seconds, metrics.duration.clone());
        llm.register("tokens", "Tokens that were used", metrics.tokens.clone());
        llm.register("cost_micros", "Micro-dollars that were spent, as far as prices are known", metrics.cost.clone());
        llm.register(
            "attempts",
            "Calls of providers, those with another key or model included",
            metrics.attempts.clone(),
        );
        llm.register("key_cooldowns", "Keys that were refused and rest for a while", metrics.key_rests.clone());
        llm.register("open_streams", "Calls that run", metrics.open_streams.clone());
        llm.register("limit_rejections", "Calls that a limit was in the way of", metrics.limit_rejections.clone());
        llm.register("ledger_dropped", "Calls that could not be written down", metrics.ledger_dropped.clone());
        metrics
    }

    /// A call ended.
    pub(crate) fn ended(&self, event: &UsageEvent) {
        let outcome = match event.outcome {
            Outcome::Finished => "finished",
            Outcome::Failed => "failed",
            Outcome::Canceled => "canceled",
        };
        let labels = ModelLabels { provider: event.provider.clone(), model: event.model.clone() };
        let ModelLabels { provider, model } = labels.clone();
        self.calls.get_or_create(&CallLabels { provider, model, outcome }).inc();
        if let Some(first) = event.first_part_ms {
            self.ttft.get_or_create(&labels).observe(f64::from(first) / 1000.0);
        }
        self.duration.get_or_create(&labels).observe(f64::from(event.duration_ms) / 1000.0);
        if let Some(cost) = event.cost_micros {
            self.cost.get_or_create(&labels).inc_by(u64::from(cost));
        }
        let usage = &event.usage;
        for (kind, count) in [
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("reasoning", usage.reasoning_tokens),
            ("cache_read", usage.cache_read_tokens),
            ("cache_write", usage.cache_write_tokens),
        ] {
            if let Some(count) = count.filter(|count| *count > 0) {
                let ModelLabels { provider, model } = labels.clone();
                self.tokens.get_or_create(&TokenLabels { provider, model, kind }).inc_by(u64::from(count));
            }
        }
    }
}

/// From 10 ms to 20 minutes.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 17))
}
