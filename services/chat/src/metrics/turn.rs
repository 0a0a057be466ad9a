//! What turns count. Labels come from configuration and from this program, never from what a model says.

use std::time::Duration;

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

/// Who answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    /// The display name of the provider.
    pub(crate) provider: String,
    /// The name of the configured model.
    pub(crate) model: String,
}

/// Why a call was made again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RetryLabels {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) kind: &'static str,
}

/// How a summary went.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CompactionLabels {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) result: &'static str,
}

/// Which tool a model asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ToolLabels {
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) tool_name: String,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct StageLabels {
    stage: &'static str,
}

impl StageLabels {
    /// Reading the history, the tools and what else a turn begins with.
    pub(crate) const PREPARE: Self = Self { stage: "prepare" };
    /// A call of a model.
    pub(crate) const GENERATE: Self = Self { stage: "generate" };
    /// The tools of a step, all of them.
    pub(crate) const TOOLS: Self = Self { stage: "tools" };
    /// Committing a step.
    pub(crate) const PERSIST: Self = Self { stage: "persist" };
    /// Making a summary.
    pub(crate) const COMPACT: Self = Self { stage: "compact" };
}

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of turns; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct TurnMetrics {
    pub(crate) chats: Family<TurnLabels, Gauge>,
    pub(crate) message_count: Histograms<ModelLabels>,
    pub(crate) prompt_size: Histograms<ModelLabels>,
    pub(crate) ttft: Histograms<ModelLabels>,
    pub(crate) steps: Family<ModelLabels, Counter>,
    pub(crate) retries: Family<RetryLabels, Counter>,
    pub(crate) compactions: Family<CompactionLabels, Counter>,
    pub(crate) tool_result_size: Histograms<ToolLabels>,
    pub(crate) tool_results_truncated: Family<ToolLabels, Counter>,
    pub(crate) tool_errors: Family<ToolLabels, Counter>,
    stages: Histograms<StageLabels>,
}

impl TurnMetrics {
    /// Registers them under the prefix of the service.
    pub(super) fn register(chat: &mut Registry) -> Self {
        let metrics = Self {
            chats: Family::default(),
            message_count: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1.0, 2.0, 11))),
            prompt_size: Family::new_with_constructor(|| Histogram::new(exponential_buckets(1024.0, 4.0, 10))),
            ttft: Family::new_with_constructor(|| Histogram::new(TTFT)),
            steps: Family::default(),
            retries: Family::default(),
            compactions: Family::default(),
            tool_result_size: Family::new_with_constructor(|| Histogram::new(exponential_buckets(64.0, 4.0, 9))),
            tool_results_truncated: Family::default(),
            tool_errors: Family::default(),
            stages: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 10))),
        };
        // Both are there from the start: a query for one that nobody entered yet finds 0 and not nothing.
        for labels in [TurnLabels::STREAMING, TurnLabels::WAITING] {
            metrics.chats.get_or_create(&labels).set(0);
        }
        chat.register("chats", "Turns of this process by what they do", metrics.chats.clone());
        chat.register("message_count", "Messages in the prompt of a model call", metrics.message_count.clone());
        chat.register("prompt_size_bytes", "Size of the prompt of a model call", metrics.prompt_size.clone());
        chat.register("ttft_seconds", "Time from a model call to its first part", metrics.ttft.clone());
        chat.register("steps", "Steps that were committed", metrics.steps.clone());
        chat.register("stream_retries", "Model calls that failed and were made again", metrics.retries.clone());
        chat.register("compaction", "Summaries of conversations by how they went", metrics.compactions.clone());
        chat.register("tool_result_size_bytes", "Size of a tool's result", metrics.tool_result_size.clone());
        let truncated = metrics.tool_results_truncated.clone();
        chat.register("tool_result_truncated", "Results of tools that were too long", truncated);
        chat.register("tool_errors", "Tool calls that failed", metrics.tool_errors.clone());
        chat.register("stage_duration_seconds", "How long the stages of a turn take", metrics.stages.clone());
        metrics
    }

    /// A stage is over.
    pub(crate) fn stage(&self, stage: &StageLabels, took: Duration) {
        self.stages.get_or_create(stage).observe(took.as_secs_f64());
    }
}

/// From what is as good as at once to what nobody waits for.
const TTFT: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0];
